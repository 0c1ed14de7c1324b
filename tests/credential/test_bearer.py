"""get_bearer_token_provider: a credential as a function, for clients that want one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import azure.identity
import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError

import doorcode
import doorcode.aio
from doorcode import get_bearer_token_provider
from doorcode.emulator import Decline, Emulator
from support.signing import SCOPE


def test_it_returns_the_credentials_token(make_sync: Any, authority: Emulator) -> None:
    """Each call returns what the credential has: it caches and refreshes, the function does neither."""
    credential = make_sync()
    provide = get_bearer_token_provider(credential, SCOPE)
    assert provide() == provide() == credential.get_token(SCOPE).token
    assert authority.count("devicecode") == 1


def test_it_raises_what_the_credential_raises(make_sync: Any, authority: Emulator) -> None:
    """A refusal comes out as from get_token."""
    authority.faults.queue("token", Decline())
    with pytest.raises(ClientAuthenticationError):
        get_bearer_token_provider(make_sync(), SCOPE)()


class Old:
    """A credential of azure-core's first protocol."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken(" ".join(scopes), 0)


def test_an_older_credential_will_do() -> None:
    """get_token is enough, with every scope."""
    assert get_bearer_token_provider(Old(), "a", "b")() == "a b"


class TokenInfoOnly:
    """A credential that has no get_token."""

    def get_token_info(self, *scopes: str, **_: Any) -> AccessTokenInfo:
        return AccessTokenInfo(" ".join(scopes), 0)


class AsyncTokenInfoOnly:
    """The same for asyncio."""

    async def get_token_info(self, *scopes: str, **_: Any) -> AccessTokenInfo:
        return AccessTokenInfo(" ".join(scopes), 0)


class AsyncOld:
    """A credential of azure-core's first protocol, for asyncio."""

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken(" ".join(scopes), 0)


class Decorated:
    """A credential whose method is no coroutine function and returns an awaitable all the same."""

    def get_token(self, *scopes: str, **_: Any) -> Any:
        return AsyncOld().get_token(*scopes)


@pytest.mark.parametrize("credential", [TokenInfoOnly(), Old()], ids=["get_token_info", "get_token"])
def test_one_method_will_do(credential: Any) -> None:
    """Either of azure-core's two methods is enough."""
    assert get_bearer_token_provider(credential, "a", "b")() == "a b"


@pytest.mark.parametrize(
    "credential",
    [AsyncTokenInfoOnly(), AsyncOld(), Decorated()],
    ids=["get_token_info", "get_token", "an awaitable"],
)
def test_one_coroutine_method_will_do(credential: Any) -> None:
    """Either of azure-core's two methods is enough with asyncio, and so is a plain method that returns an awaitable."""
    assert asyncio.run(awaited(doorcode.aio.get_bearer_token_provider(credential, "a", "b"))) == "a b"


async def awaited(provide: Callable[[], Awaitable[str]]) -> str:
    """Await what the function returns."""
    return await provide()


@pytest.mark.parametrize(
    "credential",
    [AsyncOld(), AsyncTokenInfoOnly(), doorcode.aio.DeviceCodeCredential()],
    ids=["get_token", "get_token_info", "ours"],
)
def test_a_credential_for_asyncio_where_none_is_awaited(credential: Any) -> None:
    """The error names the function that takes it, and comes before anybody is asked."""
    with pytest.raises(TypeError, match=r"is one for asyncio: use doorcode\.aio\.get_bearer_token_provider"):
        get_bearer_token_provider(credential, "a")


def test_an_awaitable_where_none_is_awaited() -> None:
    """What only the call shows is the same error, and no coroutine is left that was never awaited."""
    provide = get_bearer_token_provider(Decorated(), "a")
    with pytest.raises(TypeError, match=r"Decorated is one for asyncio"):
        provide()


@pytest.mark.parametrize("credential", [doorcode.DeviceCodeCredential(), azure.identity.DefaultAzureCredential()])
def test_a_sync_credential_where_it_is_awaited(credential: Any) -> None:
    """A credential that is certainly not for asyncio is refused at once: a call could block the loop."""
    with pytest.raises(TypeError, match=r"is not one for asyncio: use doorcode\.get_bearer_token_provider"):
        doorcode.aio.get_bearer_token_provider(credential, "a")


def test_a_token_where_it_is_awaited() -> None:
    """What only the call shows is the same error."""
    provide = doorcode.aio.get_bearer_token_provider(Old(), "a")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Old is not one for asyncio"):
        asyncio.run(awaited(provide))


@pytest.mark.parametrize(
    "function", [get_bearer_token_provider, doorcode.aio.get_bearer_token_provider], ids=["sync", "aio"]
)
def test_no_credential_at_all(function: Any) -> None:
    """What has neither method is refused at once."""
    with pytest.raises(TypeError, match="takes a credential, which has a method get_token or get_token_info, not str"):
        function("token", "a")


def test_no_scope(make_sync: Any) -> None:
    """Without a scope there is no token to provide."""
    with pytest.raises(ValueError, match="at least one scope"):
        get_bearer_token_provider(make_sync())
