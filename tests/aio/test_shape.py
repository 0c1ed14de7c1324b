"""Clients look at a credential's shape: what is asynchronous is, and what is not is not."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo

import doorcode
import doorcode.aio
from support.loops import in_a_loop
from support.signing import SCOPE

ASYNC = [doorcode.aio.DeviceCodeCredential, doorcode.aio.InteractiveBrowserCredential, doorcode.aio.UserCredential]
SYNC = [doorcode.DeviceCodeCredential, doorcode.InteractiveBrowserCredential, doorcode.UserCredential]
TWINS = pytest.mark.parametrize(
    ("theirs", "ours"), list(zip(SYNC, ASYNC, strict=True)), ids=[cls.__name__ for cls in ASYNC]
)


@pytest.mark.parametrize("name", ["get_token", "get_token_info", "authenticate", "accounts", "sign_out", "close"])
@TWINS
def test_methods(theirs: Any, ours: Any, name: str) -> None:
    """Each is a plain coroutine function, with the sync one's parameters; the sync one is none."""
    mine, other = getattr(ours, name), getattr(theirs, name)
    assert inspect.iscoroutinefunction(mine)
    assert not inspect.iscoroutinefunction(other)
    assert list(inspect.signature(mine).parameters) == list(inspect.signature(other).parameters)


def test_two_steps() -> None:
    """What asks the authority is a coroutine function; what does not is not."""
    asks = {"begin": True, "resume": False}
    assert {
        name: inspect.iscoroutinefunction(getattr(doorcode.aio.DeviceCodeCredential, name)) for name in asks
    } == asks


@TWINS
def test_context_managers(theirs: Any, ours: Any) -> None:
    """``async with`` on the one, ``with`` on the other, and never both: clients choose by what is there."""
    names = ["__enter__", "__exit__", "__aenter__", "__aexit__"]
    assert [hasattr(ours, name) for name in names] == [False, False, True, True]
    assert [hasattr(theirs, name) for name in names] == [True, True, False, False]


@TWINS
def test_the_same_constructor(theirs: Any, ours: Any) -> None:
    """Whoever changes the import changes nothing else."""

    def parameters(cls: Any) -> list[tuple[str, object, object]]:
        return [(each.name, each.kind, each.default) for each in inspect.signature(cls).parameters.values()]

    assert parameters(ours) == parameters(theirs)


@pytest.mark.parametrize("cls", ASYNC)
def test_constructing_needs_no_loop(cls: Any) -> None:
    """A credential may be made at import time, where no loop runs."""
    assert cls(tenant_id="contoso.example")


def test_results_are_azure_cores(make: Any) -> None:
    """Instances of azure-core's own classes."""
    credential = make()

    async def both() -> tuple[object, object]:
        return await credential.get_token(SCOPE), await credential.get_token_info(SCOPE)

    token, info = in_a_loop(both)
    assert isinstance(token, AccessToken)
    assert isinstance(info, AccessTokenInfo)
    assert (token.token, info.token_type) == (info.token, "Bearer")


def test_async_with_again_and_again(make: Any) -> None:
    """Closing releases the transport and nothing else."""

    async def use() -> None:
        for _ in range(2):
            async with credential as entered:
                assert entered is credential
                assert (await credential.get_token(SCOPE)).token
        assert (await credential.get_token("https://s.example/.default")).token
        await credential.close()
        await credential.close()

    credential = make()
    in_a_loop(use)


def test_a_bearer_token_provider(make: Any) -> None:
    """A coroutine function of no arguments, for clients that want one."""
    provide = doorcode.aio.get_bearer_token_provider(credential := make(), SCOPE)
    assert inspect.iscoroutinefunction(provide)
    assert in_a_loop(provide) == in_a_loop(lambda: credential.get_token(SCOPE)).token
    with pytest.raises(ValueError, match="at least one scope"):
        doorcode.aio.get_bearer_token_provider(credential)


async def show(verification_uri: str, user_code: str, expires_on: object) -> None:
    """Do as a program's own prompt does."""


def test_pickles_and_works_in_another_loop(make: Any, authority: Any) -> None:
    """A credential that has been used on one loop travels, with its coroutine function, and signs in on another."""
    authority.approve_all()
    credential = make(prompt_callback=show)
    token = in_a_loop(lambda: credential.get_token(SCOPE)).token
    pickled = pickle.dumps(credential)
    assert token.encode() not in pickled
    copy = pickle.loads(pickled)  # noqa: S301 - it is our own
    assert in_a_loop(lambda: copy.get_token(SCOPE)).token
