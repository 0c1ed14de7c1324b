"""Sync and asyncio credentials with the same cache options share accounts and tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msal
import pytest

import doorcode
import doorcode.aio
from doorcode import TokenCachePersistenceOptions
from doorcode.emulator import Emulator, Pending, PromptApprover
from support.loops import in_a_loop
from support.signing import OTHER, SCOPE, together

KINDS: list[Any] = [doorcode.DeviceCodeCredential, doorcode.aio.DeviceCodeCredential]


def stored(folder: Path) -> dict[str, Any]:
    """Keep tokens in a file."""
    return {"cache_persistence_options": TokenCachePersistenceOptions(path=folder / "t", encryption_key=bytes(32))}


def given(_folder: Path) -> dict[str, Any]:
    """Keep them in caches of the program's own."""
    return {"_cache": msal.TokenCache(), "_cae_cache": msal.TokenCache()}


@pytest.fixture(params=[stored, given])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Give options that name a cache."""
    made: dict[str, Any] = request.param(tmp_path)
    return made


def call(credential: Any, method: str, *args: Any, **kwargs: Any) -> Any:
    """Call a method, in a loop of its own where it is a coroutine function."""
    bound = getattr(credential, method)
    if isinstance(credential, doorcode.DeviceCodeCredential):
        return bound(*args, **kwargs)
    return in_a_loop(lambda: bound(*args, **kwargs))


BOTH_WAYS = pytest.mark.parametrize(("first", "second"), [KINDS, KINDS[::-1]], ids=["sync first", "asyncio first"])


@BOTH_WAYS
@pytest.mark.parametrize("cae", [False, True])
def test_signed_in_with_one_the_other_is_silent(
    make: Any,
    authority: Emulator,
    person: PromptApprover,
    options: dict[str, Any],
    first: Any,
    second: Any,
    *,
    cae: bool,
) -> None:
    """The same token without a request; other scopes without a prompt; the same accounts; signed out in both."""
    one, other = make(credential_class=first, **options), make(credential_class=second, **options)
    record = call(one, "authenticate", scopes=[SCOPE], enable_cae=cae)
    requests = len(authority.requests)
    token = call(other, "get_token", SCOPE, enable_cae=cae)
    assert len(authority.requests) == requests
    assert token == call(one, "get_token", SCOPE, enable_cae=cae)
    assert call(other, "get_token", OTHER, enable_cae=cae).token
    assert call(other, "accounts") == call(one, "accounts") == (record,)
    assert len(person.prompts) == 1
    call(other, "sign_out")
    assert call(one, "accounts") == ()


@BOTH_WAYS
def test_a_record_and_a_sign_in_in_two_steps_travel(
    make: Any, authority: Emulator, options: dict[str, Any], first: Any, second: Any
) -> None:
    """What one began, the other finishes; what one signed in, the other is made for."""
    quiet = {"disable_automatic_authentication": True, **options}
    one, other = make(credential_class=first, **quiet), make(credential_class=second, **quiet)
    begun = call(one, "begin", scopes=[SCOPE])
    authority.approve(begun.user_code)
    pending = other.resume(begun.serialize())
    record = in_a_loop(pending.wait) if second is KINDS[1] else pending.wait()
    again = make(credential_class=first, authentication_record=record, **quiet)
    assert call(again, "authenticate", scopes=[SCOPE]) == record
    assert call(again, "get_token", SCOPE) == call(other, "get_token", SCOPE)


def test_both_at_once_ask_once(make: Any, authority: Emulator, person: PromptApprover, tmp_path: Path) -> None:
    """A thread and a task that need the user at the same moment: the lease of the store lets one ask."""
    authority.faults.queue("token:device_code", *[Pending()] * 3)
    credentials = [make(credential_class=kind, **stored(tmp_path)) for kind in KINDS]
    tokens = together(2, lambda number: call(credentials[number], "get_token", SCOPE))
    assert tokens[0] == tokens[1]
    assert len(person.prompts) == 1
