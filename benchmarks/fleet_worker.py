"""One worker of a fleet, for ``python -m benchmarks.fleet``: it gets tokens from a cache that many processes share.

It says "ready" and waits for a line. Then it gets a token that has aged for all workers, says how long that took, and
waits for another line. Then it gets tokens for some seconds: the same one again and again, each time with a new
credential, which has to ask Redis; and one of its own every few seconds, which has to be refreshed. It prints what came
of that as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benchmarks.names import CLIENT, SCOPE, scope
from doorcode import AuthenticationRecord, DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode.cache import RedisStore

EVERY = 5.0
"""Seconds between two tokens of its own."""


def main(facts: dict[str, Any]) -> dict[str, Any]:
    """Do it."""
    store = RedisStore(facts["redis"], name=facts["name"], encryption_key=bytes(range(32)), timeout=60)
    options = dict(facts["options"])
    del options["authority"]  # the record names it

    def credential() -> DeviceCodeCredential:
        return DeviceCodeCredential(
            CLIENT,
            authentication_record=AuthenticationRecord.deserialize(facts["record"]),
            disable_automatic_authentication=True,
            cache_persistence_options=TokenCachePersistenceOptions(store=store),
            **options,
        )

    store.stamp()  # the connection is there, as in a worker that has been up for a while
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.perf_counter()
    credential().get_token(SCOPE)
    print(time.perf_counter() - start, flush=True)
    sys.stdin.readline()
    return _tokens(credential, facts["worker"], facts["seconds"])


def _tokens(credential: Any, worker: int, seconds: float) -> dict[str, Any]:
    silent: list[float] = []
    own: list[float] = []
    failed: list[str] = []
    end = time.monotonic() + seconds
    next_own = time.monotonic() + EVERY * (worker % 16) / 16
    keeping = credential()
    while (now := time.monotonic()) < end:
        mine = now >= next_own
        name = scope(f"{worker}-{len(own)}") if mine else SCOPE
        start = time.perf_counter()
        try:
            (keeping if mine else credential()).get_token(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no token
            failed.append(f"{type(error).__name__}: {error}")
        (own if mine else silent).append(time.perf_counter() - start)
        if mine:
            next_own = time.monotonic() + EVERY
    return {"silent": sorted(silent), "own": sorted(own), "failed": failed}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
