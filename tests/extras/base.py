"""Use the package without any extra and without azure-identity: a key of the program's own, and no prompt."""

from __future__ import annotations

import tempfile
from pathlib import Path

import doorcode
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

try:
    doorcode.install_as_azure_identity()
except ModuleNotFoundError as error:
    advice = str(error)
else:
    raise SystemExit("azure-identity is here")
assert "pip install azure-identity" in advice
