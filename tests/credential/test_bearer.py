"""get_bearer_token_provider: a credential as a function, for clients that want one."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import create_autospec

import azure.identity
import azure.identity.aio
import cloudpickle
import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError

import doorcode
import doorcode.aio
from doorcode import get_bearer_token_provider
from doorcode.emulator import Decline, Emulator
from support.loops import reached
from support.signing import AGES, PATIENCE, SCOPE
from support.tracebacks import MOST, frames_of_ours


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


class Keepless:
    """A credential of another library that asks for a token at each call, as one that starts ``az`` does."""

    def __init__(self, expires_in: float, refresh_in: float | None) -> None:
        self._now = int(time.time())
        self._until = expires_in
        self._refresh = refresh_in
        self.asked = 0

    def get_token_info(self, *_: str, **__: Any) -> Any:
        self.asked += 1
        refresh_on = None if self._refresh is None else int(self._now + self._refresh)
        return AccessTokenInfo(str(self.asked), int(self._now + self._until), refresh_on=refresh_on)


class AsyncKeepless(Keepless):
    """The same for asyncio."""

    async def get_token_info(self, *scopes: str, **options: Any) -> Any:
        return super().get_token_info(*scopes, **options)


@pytest.mark.parametrize(
    ("expires_in", "refresh_in", "asked"),
    [(AGES, None, 1), (200, None, 2), (AGES, AGES / 2, 1), (AGES, -100, 2), (-1, AGES, 2)],
    ids=["fresh", "ends soon", "not to be refreshed yet", "to be refreshed", "ended"],
)
def test_a_credential_that_keeps_no_token(expires_in: float, refresh_in: float | None, asked: int) -> None:
    """Its token serves until it is to be refreshed, as azure-identity's function does it."""

    async def twice(provide: Callable[[], Awaitable[str]]) -> list[str]:
        return [await provide(), await provide()]

    credential: Any
    for function in (get_bearer_token_provider, azure.identity.get_bearer_token_provider):
        credential = Keepless(expires_in, refresh_in)
        provide = function(credential, "a")
        assert ([provide(), provide()], credential.asked) == (["1", str(asked)], asked)
    for other in (doorcode.aio, azure.identity.aio):
        credential = AsyncKeepless(expires_in, refresh_in)
        assert asyncio.run(twice(other.get_bearer_token_provider(credential, "a"))) == ["1", str(asked)]


def test_a_token_that_is_kept_does_not_travel() -> None:
    """A provider that is pickled, as Dask and Ray do it, asks for a token of its own where it arrives."""
    credential: Any = Keepless(AGES, None)
    provide = get_bearer_token_provider(credential, "a")
    assert (provide(), provide()) == ("1", "1")
    assert cloudpickle.loads(cloudpickle.dumps(provide))() == "2"


@pytest.mark.parametrize("credential_class", [doorcode.DeviceCodeCredential, Old], ids=["ours", "another"])
def test_a_mock_of_a_credential(credential_class: Any) -> None:
    """A mock that has a credential's shape provides what it was told to return, with asyncio too."""
    credential = create_autospec(credential_class, instance=True)
    for method in ("get_token", "get_token_info"):
        if hasattr(credential, method):
            getattr(credential, method).return_value = AccessTokenInfo("made up", 0)
    assert get_bearer_token_provider(credential, "a")() == "made up"
    assert asyncio.run(awaited(doorcode.aio.get_bearer_token_provider(credential, "a"))) == "made up"


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
    with pytest.raises(TypeError, match=r"is a credential for asyncio: use doorcode\.aio\.get_bearer_token_provider"):
        get_bearer_token_provider(credential, "a")


def test_an_awaitable_where_none_is_awaited() -> None:
    """What only the call shows is the same error, and no coroutine is left that was never awaited."""
    provide = get_bearer_token_provider(Decorated(), "a")
    with pytest.raises(TypeError, match=r"Decorated is a credential for asyncio"):
        provide()


@pytest.mark.parametrize("credential", [Old(), TokenInfoOnly()], ids=["get_token", "get_token_info"])
def test_a_token_where_it_could_be_awaited(credential: Any) -> None:
    """A credential that is not for asyncio provides tokens there as well."""
    assert asyncio.run(awaited(doorcode.aio.get_bearer_token_provider(credential, "a", "b"))) == "a b"


class Blocking(Old):
    """A credential that is certainly not for asyncio, and waits for something that the event loop does."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked = threading.Event()
        self.seen = ""

    def __enter__(self) -> object:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.asked.set()
        self.seen = REQUEST.get()
        assert self.go_on.wait(PATIENCE)
        return super().get_token(*scopes)


REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="")


def test_the_event_loop_goes_on() -> None:
    """While a credential blocks, other tasks run, and it sees the caller's context variables."""
    credential = Blocking()

    async def main() -> str:
        REQUEST.set("this one")
        waiting = asyncio.ensure_future(doorcode.aio.get_bearer_token_provider(credential, "a")())
        assert await reached(credential.asked.wait, PATIENCE)
        credential.go_on.set()
        return await waiting

    assert asyncio.run(main()) == "a"
    assert credential.seen == "this one"


def test_a_cancelled_task_leaves_a_credential_that_blocks() -> None:
    """Cancelling takes effect at once, and the thread of the credential ends by itself."""
    credential = Blocking()

    async def main() -> None:
        waiting = asyncio.ensure_future(doorcode.aio.get_bearer_token_provider(credential, "a")())
        assert await reached(credential.asked.wait, PATIENCE)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    credential.go_on.set()


@pytest.mark.parametrize(
    "function", [get_bearer_token_provider, doorcode.aio.get_bearer_token_provider], ids=["sync", "aio"]
)
def test_few_frames_are_in_the_way(make_sync: Any, authority: Emulator, function: Any) -> None:
    """The traceback of an error leads soon to the program's own line, with or without a thread in between."""
    authority.faults.queue("token", Decline())
    provide = function(make_sync(), SCOPE)
    with pytest.raises(ClientAuthenticationError) as caught:
        provide() if function is get_bearer_token_provider else asyncio.run(awaited(provide))
    assert 1 <= len(frames_of_ours(caught.value)) <= MOST, frames_of_ours(caught.value)


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
