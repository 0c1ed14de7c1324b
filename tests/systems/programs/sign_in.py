"""Sign a user in, as on another system, with what is the default there; arguments: the system and the facts, as JSON.

It says "code" with the code that it shows, and "told" with what it logs as a warning; in the end it says what it has
found, as JSON.
"""

# Lines on stdout are how this program talks to the test.
# ruff: noqa: T201

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from pathlib import Path
from typing import Any

SYSTEM, FACTS = sys.argv[1], json.loads(sys.argv[2])
HOME = Path(FACTS["home"])
sys.path.insert(0, str(Path(__file__).parents[2]))
standin: Any = importlib.import_module(f"systems.programs.{SYSTEM}")
standin.pretend(HOME)

import doorcode  # noqa: E402 - once the system has changed
import doorcode.aio  # noqa: E402
from doorcode._cli import account_file  # noqa: E402

SCOPE, OTHER = "https://r.example/.default", "https://s.example/.default"


def made(module: Any, **options: Any) -> Any:
    """Return a credential with the default cache of the system."""
    return module.DeviceCodeCredential(
        cache_persistence_options=doorcode.TokenCachePersistenceOptions(),
        prompt_callback=lambda _uri, user_code, _expires_on: print("code", user_code, flush=True),
        **FACTS["options"],
        **options,
    )


async def silently(record: doorcode.AuthenticationRecord) -> str:
    """Return the token that an asyncio credential gets from the cache."""
    async with made(doorcode.aio, authentication_record=record, disable_automatic_authentication=True) as credential:
        token: str = (await credential.get_token(SCOPE)).token
        return token


def main() -> None:
    """Do it."""
    credential = made(doorcode)
    record = credential.authenticate(scopes=[SCOPE])
    token = credential.get_token(SCOPE).token
    again = made(doorcode, authentication_record=record, disable_automatic_authentication=True)
    found = {
        "same": again.get_token(SCOPE).token == token,
        "aio": asyncio.run(silently(record)) == token,
        "refreshed": bool(again.get_token(OTHER).token),
    }
    account_file.update(lambda accounts: (account_file.SignedIn(record), *accounts))
    found["account"] = account_file.read()[0].record == record
    found["files"] = sorted(str(path.relative_to(HOME)) for path in HOME.rglob("*") if path.is_file())
    again.sign_out()
    found["signed_out"] = not made(doorcode).accounts()
    print("found", json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
