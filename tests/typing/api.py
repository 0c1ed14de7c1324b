"""What a program may write, as type checkers see it; nothing here is run. mypy and pyright check it, both strict."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import azure.identity
from azure.core.credentials import (
    AccessToken,
    AccessTokenInfo,
    SupportsTokenInfo,
    TokenCredential,
    TokenProvider,
    TokenRequestOptions,
)
from azure.core.credentials_async import AsyncSupportsTokenInfo, AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.keyvault.secrets import SecretClient
from azure.storage.blob import BlobServiceClient
from azure.storage.blob.aio import BlobServiceClient as AsyncBlobServiceClient
from typing_extensions import assert_type

import doorcode
import doorcode.aio
from doorcode import (
    AuthenticationRecord,
    AuthenticationRequiredError,
    AzureAuthorityHosts,
    CredentialUnavailableError,
    DeviceCodeCredential,
    InteractiveBrowserCredential,
    InteractiveCredential,
    KnownAuthorities,
    TokenCachePersistenceOptions,
    UserCredential,
    get_bearer_token_provider,
)
from doorcode.prompts import PasteRequest

SCOPE = "https://vault.azure.net/.default"


def prompt(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Show a code."""


credential = DeviceCodeCredential(
    "client-id",
    timeout=60,
    prompt_callback=prompt,
    authority=AzureAuthorityHosts.AZURE_GOVERNMENT,
    tenant_id="contoso.example",
    authentication_record=AuthenticationRecord.deserialize("{}"),
    disable_automatic_authentication=True,
    cache_persistence_options=TokenCachePersistenceOptions(allow_unencrypted_storage=True, name="mine"),
    disable_instance_discovery=True,
    enable_support_logging=False,
    additionally_allowed_tenants=["*"],
    connection_verify="ca.pem",
)

# It is a credential by both of azure-core's protocols, and clients take it.
by_token: TokenCredential = credential
by_token_info: SupportsTokenInfo = credential
base: InteractiveCredential = credential
BlobServiceClient("https://account.blob.core.windows.net", credential)
SecretClient("https://vault.vault.azure.net", credential)
azure.identity.ChainedTokenCredential(credential)
provider: TokenProvider = credential

# What its methods take and return.
assert_type(credential.get_token(SCOPE), AccessToken)
assert_type(credential.get_token(SCOPE, SCOPE, claims=None, tenant_id=None, enable_cae=True), AccessToken)
assert_type(credential.get_token_info(SCOPE), AccessTokenInfo)
options: TokenRequestOptions = {"claims": "{}", "tenant_id": "t", "enable_cae": True}
assert_type(credential.get_token_info(SCOPE, options=options), AccessTokenInfo)
assert_type(credential.authenticate(), AuthenticationRecord)
assert_type(credential.authenticate(scopes=[SCOPE], claims="{}"), AuthenticationRecord)
with credential as entered:
    assert_type(entered, DeviceCodeCredential)

# Records and options.
record = credential.authenticate()
assert_type(record.serialize(), str)
fields: tuple[str, str, str, str, str] = (
    record.authority,
    record.client_id,
    record.home_account_id,
    record.tenant_id,
    record.username,
)
host: str = KnownAuthorities.AZURE_PUBLIC_CLOUD

# As a function, for clients that want one.
bearer: Callable[[], str] = get_bearer_token_provider(credential, SCOPE)


def cautious() -> None:
    """Catch what azure-identity's users catch."""
    try:
        credential.get_token(SCOPE)
    except AuthenticationRequiredError as required:
        credential.authenticate(scopes=required.scopes, claims=required.claims)
    except (CredentialUnavailableError, ClientAuthenticationError) as error:
        assert_type(error.message, str)


def paste(request: PasteRequest) -> str:
    """Ask for the address that a sign-in ends on."""
    return input(f"{request.warning} {request.url} {request.problem}")


async def paste_on_a_loop(request: PasteRequest) -> str:
    """Do so with asyncio."""
    return str(request)


# In a browser: the same credential.
in_a_browser = InteractiveBrowserCredential(
    client_id="client-id", redirect_uri="http://localhost:8400", login_hint="ada@contoso.example", timeout=None
)
browser_token: TokenCredential = in_a_browser
assert_type(InteractiveBrowserCredential(paste=True).authenticate(), AuthenticationRecord)
either: InteractiveCredential = UserCredential(prefer="device_code", prompt_callback=prompt, paste=paste)
azure.identity.ChainedTokenCredential(in_a_browser, UserCredential(), credential)
async_browser: AsyncTokenCredential = doorcode.aio.InteractiveBrowserCredential(paste=paste_on_a_loop)
async_either: AsyncTokenCredential = doorcode.aio.UserCredential(prefer="browser", paste=paste)


class Mine(InteractiveCredential):
    """Subclasses bring a flow of their own."""

    def _request_token(self, *scopes: str, **kwargs: Any) -> dict[str, Any]:
        return {"access_token": "token", "expires_in": 3600}


async def asynchronous() -> None:
    """Do the same with asyncio."""
    async with doorcode.aio.DeviceCodeCredential(prompt_callback=prompt, tenant_id="contoso.example") as awaited:
        assert_type(awaited, doorcode.aio.DeviceCodeCredential)
        protocol: AsyncTokenCredential = awaited
        info: AsyncSupportsTokenInfo = awaited
        AsyncBlobServiceClient("https://account.blob.core.windows.net", protocol)
        assert_type(await awaited.get_token(SCOPE), AccessToken)
        assert_type(await info.get_token_info(SCOPE), AccessTokenInfo)
        assert_type(await awaited.authenticate(scopes=[SCOPE]), AuthenticationRecord)
        assert_type(await awaited.accounts(), tuple[AuthenticationRecord, ...])
        await awaited.sign_out(record)
        options_too: TokenRequestOptions = {"claims": "{}"}
        assert_type(await awaited.get_token_info(SCOPE, options=options_too), AccessTokenInfo)
        async_base: doorcode.aio.InteractiveCredential = awaited
        await async_base.close()
        pending = await awaited.begin(scopes=[SCOPE], claims=None)
        assert_type(await pending.poll(), AuthenticationRecord | None)
        assert_type(await pending.wait(30), AuthenticationRecord)
        assert_type(awaited.resume(pending.serialize()).user_code, str)
    doorcode.aio.DeviceCodeCredential(prompt_callback=prompt_on_a_loop, timeout=30)
    async_provider: Callable[[], Awaitable[str]] = doorcode.aio.get_bearer_token_provider(awaited, SCOPE)
    assert_type(await async_provider(), str)


async def prompt_on_a_loop(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Show a code, with asyncio."""


class MineOnALoop(doorcode.aio.InteractiveCredential):
    """The same for asyncio."""

    async def _request_token(self, *scopes: str, **kwargs: Any) -> dict[str, Any]:
        return {"access_token": "token", "expires_in": 3600}
