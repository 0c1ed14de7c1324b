"""Get tokens silently from a cache that other processes share; argument: what to do, as JSON.

It says "ready", waits for a line, gets a token for each scope, and says what came of each: "token", or
which error.
A process that ``stops`` stops itself, as SIGSTOP does, when it has its turn to refresh and has sent nothing yet.
"""

# Lines on stdout are how these programs talk to the test.
# ruff: noqa: T201

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

import doorcode
import doorcode.aio
from doorcode import TokenCachePersistenceOptions
from doorcode._core.steps import Redeem, TakeLease
from doorcode._session.leases import HeldLeases
from doorcode._session.step_handler import StepHandler


def stop_at(name: str, *, before: bool) -> None:
    """Have this process stop once: before or after a step handler's method sends a refresh, or takes its lease."""
    really: Any = getattr(StepHandler, name)

    def trapped(handler: StepHandler, *arguments: Any) -> object:
        answer = None if before else really(handler, *arguments)
        if isinstance(arguments[0], Redeem) or (isinstance(arguments[0], TakeLease) and answer is True):
            setattr(StepHandler, name, really)
            os.kill(os.getpid(), signal.SIGSTOP)
        return really(handler, *arguments) if before else answer

    setattr(StepHandler, name, trapped)


STOPS = {
    "with the lease": lambda: stop_at("perform", before=False),
    "about to send": lambda: stop_at("exchange", before=True),
}


def cache_of(facts: dict[str, Any]) -> TokenCachePersistenceOptions:
    """Return the options of the cache: a file, or on a Redis server."""
    if "redis" not in facts:
        return TokenCachePersistenceOptions(path=facts["path"], encryption_key=bytes(32))
    from doorcode.cache import RedisStore

    # A busy machine is not a server that is away.
    store = RedisStore(facts["redis"], name=facts["name"], encryption_key=bytes(32), timeout=60)
    return TokenCachePersistenceOptions(store=store)


def main(facts: dict[str, Any]) -> None:
    """Do it."""
    module = doorcode.aio if facts["kind"] == "aio" else doorcode
    if "lease_seconds" in facts:
        # By default a lease lasts as long as the longest request may take: more than two minutes.
        setattr(HeldLeases, "_lasting", lambda *_: facts["lease_seconds"])  # noqa: B010 - mypy takes it for a method
    if "stops" in facts:
        STOPS[facts["stops"]]()
    credential: Any = module.DeviceCodeCredential(
        cache_persistence_options=cache_of(facts),
        disable_automatic_authentication=True,
        **facts["options"],
    )
    print("ready", flush=True)
    sys.stdin.readline()
    for scope in facts["scopes"]:
        try:
            token = credential.get_token(scope)
            if facts["kind"] == "aio":
                asyncio.run(token)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            print(type(error).__name__, error, flush=True)
        else:
            print("token", flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
