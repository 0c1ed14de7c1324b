"""Sign users in to Microsoft Entra ID from programs without a browser, and keep them signed in.

The public names are loaded on first use, so that ``import doorcode`` costs nothing.
"""

from __future__ import annotations

from doorcode._lazy import on_first_use

TYPE_CHECKING = False  # importing typing for it would take three times as long as all the rest here
if TYPE_CHECKING:
    from typing import Final

    from doorcode import aio as aio
    from doorcode import cache as cache
    from doorcode import errors as errors
    from doorcode import prompts as prompts
    from doorcode._azure_identity import install_as_azure_identity
    from doorcode._core.clouds import AzureAuthorityHosts, KnownAuthorities
    from doorcode._credential_options import InteractiveCredentialOptions, PipelineOptions
    from doorcode._record import AuthenticationRecord
    from doorcode._sync.bearer import get_bearer_token_provider
    from doorcode._sync.browser import InteractiveBrowserCredential
    from doorcode._sync.credential import InteractiveCredential
    from doorcode._sync.device_code import DeviceCodeCredential
    from doorcode._sync.pending import PendingSignIn
    from doorcode._sync.user import UserCredential
    from doorcode.cache._options import TokenCachePersistenceOptions
    from doorcode.errors import AuthenticationRequiredError, CredentialUnavailableError

    __version__: str

__all__ = [
    "AuthenticationRecord",
    "AuthenticationRequiredError",
    "AzureAuthorityHosts",
    "CredentialUnavailableError",
    "DeviceCodeCredential",
    "InteractiveBrowserCredential",
    "InteractiveCredential",
    "InteractiveCredentialOptions",
    "KnownAuthorities",
    "PendingSignIn",
    "PipelineOptions",
    "TokenCachePersistenceOptions",
    "UserCredential",
    "get_bearer_token_provider",
    "install_as_azure_identity",
]

_HOME: Final = {
    "AuthenticationRecord": "doorcode._record",
    "AuthenticationRequiredError": "doorcode.errors",
    "AzureAuthorityHosts": "doorcode._core.clouds",
    "CredentialUnavailableError": "doorcode.errors",
    "DeviceCodeCredential": "doorcode._sync.device_code",
    "InteractiveBrowserCredential": "doorcode._sync.browser",
    "InteractiveCredential": "doorcode._sync.credential",
    "InteractiveCredentialOptions": "doorcode._credential_options",
    "KnownAuthorities": "doorcode._core.clouds",
    "PendingSignIn": "doorcode._sync.pending",
    "PipelineOptions": "doorcode._credential_options",
    "TokenCachePersistenceOptions": "doorcode.cache._options",
    "UserCredential": "doorcode._sync.user",
    "get_bearer_token_provider": "doorcode._sync.bearer",
    "install_as_azure_identity": "doorcode._azure_identity",
}

if not TYPE_CHECKING:  # with a module-level __getattr__, type checkers would accept every name
    __getattr__, __dir__ = on_first_use(
        globals(),
        _HOME,
        submodules=("aio", "cache", "errors", "prompts"),
        unlisted=("emulator", "testing"),
        version=True,
    )
