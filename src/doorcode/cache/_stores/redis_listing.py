"""Read what a listing of users needs from a Redis server: the names of keys, and the first bytes of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["heads", "scanned"]

_PAGE: Final = 500
"""Keys that the server looks at for one reply."""


def scanned(pattern: str, client: Any) -> Iterator[list[bytes]]:
    """Yield the keys with a pattern, as each reply of the server names them; of a cluster, those of all shards."""
    shards = client.get_primaries() if hasattr(client, "get_primaries") else [None]
    for shard in shards:
        where = {} if shard is None else {"target_nodes": shard}
        cursor: Any = 0
        while True:
            cursor, keys = client.scan(cursor, match=pattern, count=_PAGE, **where)
            yield keys
            if isinstance(cursor, dict):  # by the shard's name
                (cursor,) = cursor.values()
            if not cursor:
                break


def heads(keys: list[str], size: int, client: Any) -> list[Any]:
    """Return the first bytes of values; an error where a key has none."""
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.getrange(key, 0, size - 1)
    found: list[Any] = pipeline.execute(raise_on_error=False)
    return found
