"""Add tokens to azure-identity's own persistent cache, one sign-in after another.

Arguments: portalocker | existence, name of the cache, name of the writer, number of sign-ins.
"""

# Lines on stdout are how these programs talk to the test.
# ruff: noqa: T201

from __future__ import annotations

import json
import sys
from base64 import urlsafe_b64encode

if __name__ == "__main__":
    mode, cache_name, writer, count = sys.argv[1:]
    if mode == "existence":
        sys.modules["portalocker"] = None  # type: ignore[assignment] # as where it is not installed
    from azure.identity import TokenCachePersistenceOptions
    from azure.identity._persistent_cache import _load_persistent_cache

    cache = _load_persistent_cache(TokenCachePersistenceOptions(name=cache_name, allow_unencrypted_storage=True))
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(count)):
        name = f"{writer}-{number}"
        info = urlsafe_b64encode(json.dumps({"uid": name, "utid": "tenant"}).encode()).decode()
        cache.add(
            {
                "client_id": "client",
                "scope": ["scope"],
                "token_endpoint": "https://login.example/tenant/oauth2/v2.0/token",
                "response": {
                    "access_token": f"at-{name}",
                    "refresh_token": f"rt-{name}",
                    "expires_in": 3600,
                    "client_info": info,
                },
            }
        )
    print("done", flush=True)
