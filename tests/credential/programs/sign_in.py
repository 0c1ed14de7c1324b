"""Sign a user in through a cache that other processes share; argument: what to do, as JSON.

It says "ready", waits for a line, asks for a token, and says "code" with each one that it shows, and in the end
"token" or which error. What it tells the user besides, it says after "told".
"""

# Lines on stdout are how these programs talk to the test.
# ruff: noqa: T201

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

import doorcode
import doorcode.aio
from doorcode import TokenCachePersistenceOptions


class Told(logging.Handler):
    """Say what is logged as a warning."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say one record."""
        if record.levelno == logging.WARNING and "Another process" in record.getMessage():
            print("told", record.getMessage(), flush=True)


def main(facts: dict[str, Any]) -> None:
    """Do it."""
    logging.getLogger("doorcode").addHandler(Told())
    module = doorcode.aio if facts["kind"] == "aio" else doorcode
    credential: Any = module.DeviceCodeCredential(
        cache_persistence_options=TokenCachePersistenceOptions(path=facts["path"], encryption_key=bytes(32)),
        prompt_callback=lambda _uri, user_code, _expires_on: print("code", user_code, flush=True),
        use_cached_account=True,
        **facts["options"],
    )
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        token = credential.get_token(*facts["scopes"])
        if facts["kind"] == "aio":
            asyncio.run(token)
    except Exception as error:  # noqa: BLE001 - the test looks at it
        print(type(error).__name__, flush=True)
    else:
        print("token", flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
