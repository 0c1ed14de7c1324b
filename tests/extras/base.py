"""Use the package without any extra: a cache of the program's own key, and a credential that may not ask."""

from __future__ import annotations

import tempfile
from pathlib import Path

from doorcode import AuthenticationRequiredError, DeviceCodeCredential, TokenCachePersistenceOptions, cache

with tempfile.TemporaryDirectory() as folder:
    options = TokenCachePersistenceOptions(path=Path(folder, "tokens"), encryption_key=bytes(32))
    with DeviceCodeCredential(cache_persistence_options=options, disable_automatic_authentication=True) as credential:
        try:
            credential.get_token("https://vault.azure.net/.default")
        except AuthenticationRequiredError:
            assert cache.accounts(options) == ()
        else:
            raise SystemExit("a token without a sign-in")
