"""Get tokens that are not cached yet, for one library: ``python -m benchmarks.writes LIBRARY FACTS``.

Each token is one request and one change of the token cache: in memory, or in a file that other processes write to.
Prints the seconds that each call took and how many failed; waits for a line on standard input before it begins.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import time
from datetime import datetime
from typing import Any

from benchmarks.names import CLIENT, SCOPE, scope


def shown_to_nobody(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Show nothing: the emulator approves every code."""


def signed_in(library: str, facts: dict[str, Any]) -> Any:
    """Return a credential that can refresh: of a shared file where ``cache`` names one, else of its own memory."""
    module: Any = importlib.import_module(library)
    options = dict(facts["options"])
    if "cache" not in facts:
        credential = module.DeviceCodeCredential(CLIENT, prompt_callback=shown_to_nobody, **options)
        credential.authenticate(scopes=[SCOPE])
        return credential
    del options["authority"]  # the record names it
    credential = module.DeviceCodeCredential(
        authentication_record=module.AuthenticationRecord.deserialize(facts["record"]),
        disable_automatic_authentication=True,
        cache_persistence_options=module.TokenCachePersistenceOptions(
            name=facts["cache"], allow_unencrypted_storage=True
        ),
        **options,
    )
    # What fails where many start at once is counted below. doorcode loads what requests need with the second call.
    for each in (SCOPE, scope(f"{facts['name']}-first")):
        with contextlib.suppress(Exception):
            credential.get_token(each)
    return credential


def main(library: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Get one token after another; return how long each call took, in seconds, and how many of them raised."""
    credential = signed_in(library, facts)
    print("ready", flush=True)
    sys.stdin.readline()
    took: list[float] = []
    failed = 0
    for number in range(facts["count"]):
        start = time.perf_counter()
        try:
            credential.get_token(scope(f"{facts['name']}-{number}"))
        except Exception:  # noqa: BLE001 - whatever it is, there is no token
            failed += 1
        took.append(time.perf_counter() - start)
    return {"took": took, "failed": failed}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
