"""Use a Redis server at which nobody listens: the store names it."""

from __future__ import annotations

from doorcode.cache import RedisStore, StoreError


def failure() -> str:
    """Return what is said where the server does not answer."""
    try:
        RedisStore("redis://127.0.0.1:1", encryption_key=bytes(32), timeout=1.0).load()
    except StoreError as error:
        return str(error)
    return "nothing"


assert "127.0.0.1" in failure(), failure()
