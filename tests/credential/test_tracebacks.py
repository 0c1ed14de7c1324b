"""The traceback of an error: few frames of this package, and the cause."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from azure.core.exceptions import ClientAuthenticationError

from doorcode import AuthenticationRecord, TokenCachePersistenceOptions, cache, errors
from doorcode.cache import StoreError
from doorcode.emulator import Decline, Emulator, Refuse, ServerError
from support.signing import PATIENCE, SCOPE, outcome, start
from support.timing import until_so
from support.tracebacks import MOST, frames_of_ours


def in_two_steps(method: str) -> Callable[[Any], Any]:
    """Return a call that begins a sign-in and finishes it with this method."""

    def call(credential: Any) -> Any:
        pending = credential.begin(scopes=[SCOPE])
        result = None
        while result is None:
            work = getattr(pending, method)()
            result = credential._done(work) if hasattr(credential, "_done") else work
        return result

    return call


CALLS: dict[str, Callable[[Any], Any]] = {
    "get_token": lambda credential: credential.get_token(SCOPE),
    "get_token_info": lambda credential: credential.get_token_info(SCOPE),
    "authenticate": lambda credential: credential.authenticate(scopes=[SCOPE]),
    "begin and poll": in_two_steps("poll"),
    "begin and wait": in_two_steps("wait"),
}


def raises(*_: Any) -> None:
    """Be a prompt that fails."""
    message = "no screen"
    raise LookupError(message)


def fault(name: str, reply: Any, **options: Any) -> Callable[[Emulator], dict[str, Any]]:
    """Return what makes the authority answer so, and the options that go with it."""

    def prepare(authority: Emulator) -> dict[str, Any]:
        authority.faults.always(name, reply)
        return options

    return prepare


def no_cache(authority: Emulator) -> dict[str, Any]:
    """Ask for a cache that cannot be had."""
    options = TokenCachePersistenceOptions(path=Path("/proc/nowhere/cache"), encryption_key=cast("Any", raises))
    return {"cache_persistence_options": options}


ENDS: dict[str, Callable[[Emulator], dict[str, Any]]] = {
    "declined": fault("token:device_code", Decline()),
    "refused": fault("token:device_code", Refuse("invalid_grant", 53003)),
    "no code": fault("devicecode", ServerError(500), retry_total=0),
    "no authority": lambda _: {"authority": "localhost:1", "retry_total": 0},
    "timed out": lambda _: {"timeout": 0},
    "no cache": no_cache,
}
IN_PERSON: dict[str, Callable[[Emulator], dict[str, Any]]] = {
    "not to be asked": lambda _: {"disable_automatic_authentication": True},
    "prompt failed": lambda _: {"prompt_callback": raises},
}
CASES = {f"{call}: {end}": (CALLS[call], ENDS[end]) for call in CALLS for end in ENDS} | {
    f"{call}: {end}": (CALLS[call], IN_PERSON[end]) for call in ("get_token", "get_token_info") for end in IN_PERSON
}


@pytest.mark.parametrize(("call", "end"), CASES.values(), ids=CASES)
def test_few_frames_are_ours(
    make: Any, authority: Emulator, call: Callable[[Any], Any], end: Callable[[Emulator], dict[str, Any]]
) -> None:
    """Whatever happens inside, the error stands a few lines below the program's own."""
    credential = make(**{"prompt_callback": lambda *_: None, **end(authority)})
    error = outcome(lambda: call(credential))
    assert isinstance(error, ClientAuthenticationError)
    assert 1 <= len(frames_of_ours(error)) <= MOST, frames_of_ours(error)


@pytest.mark.parametrize("whose", ["the credential's", "the cache's"])
def test_few_frames_are_ours_where_a_store_fails(make: Any, tmp_path: Path, whose: str) -> None:
    """A sign-out that leaves something behind says which store, a few lines below the program's own."""
    (tmp_path / "c.nocae").mkdir()
    options = TokenCachePersistenceOptions(path=tmp_path / "c", encryption_key=bytes(32))
    account = AuthenticationRecord("t", "c", "login.example", "u.t", "ada")
    credential = make(cache_persistence_options=options)
    sign_out = credential.sign_out if whose == "the credential's" else lambda one: cache.sign_out(one, options)
    error = outcome(lambda: sign_out(account))
    assert isinstance(error, StoreError)
    assert isinstance(error.__cause__, OSError)
    assert 1 <= len(frames_of_ours(error)) <= MOST, frames_of_ours(error)


WRONG: dict[str, Callable[[Any], Any]] = {
    "no scope": lambda credential: credential.get_token(),
    "a scope that cannot be one": lambda credential: credential.get_token("a\tb"),
    "the same of get_token_info": lambda credential: credential.get_token_info("a\tb"),
    "the same of authenticate": lambda credential: credential.authenticate(scopes=["a\tb"]),
    "the same of begin": lambda credential: credential.begin(scopes=["a\tb"]),
    "a tenant that is none": lambda credential: credential.get_token(SCOPE, tenant_id="a b"),
    "a tenant that is not allowed": lambda credential: credential.get_token(SCOPE, tenant_id="other"),
    "an account that is none": lambda credential: credential.sign_out("ada@contoso.example"),
    "an account that is none, of a cache": lambda _: cache.sign_out(cast("Any", "ada@contoso.example")),
    "text that is no sign-in": lambda credential: credential.resume("{}"),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_few_frames_are_ours_where_an_argument_is_wrong(make: Any, call: Callable[[Any], Any]) -> None:
    """The line to change is the program's."""
    error = outcome(lambda: call(make()))
    assert isinstance(error, (TypeError, ValueError, ClientAuthenticationError))
    assert 1 <= len(frames_of_ours(error)) <= MOST, frames_of_ours(error)


def test_what_the_program_itself_raises_keeps_its_frames(make: Any) -> None:
    """An error of ours that a subclass raises is the subclass's."""

    def request_token(*args: Any, **options: Any) -> dict[str, Any]:
        raise errors.CredentialUnavailableError(message="not here")

    error = outcome(lambda: make(credential_class=make.asking(request_token)).get_token(SCOPE))
    assert isinstance(error, errors.CredentialUnavailableError)
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    assert frame is not None
    assert frame.tb_frame.f_code.co_name == "request_token"


def test_everybody_gets_the_cause(make: Any) -> None:
    """What the prompt raised is the cause for the call that showed it, and for those that waited for it."""
    waiting: list[Any] = []

    def begin() -> Any:
        if not waiting:
            waiting.append(start(lambda: outcome(lambda: credential.get_token(SCOPE))))
        return getattr(credential, "credential", credential)._session

    def callback(*_: Any) -> None:
        session = begin()
        until_so(lambda: len(session.waits) > 1)
        raises()

    async def in_a_task(*_: Any) -> None:
        (flight,) = begin().flights._led.values()
        while not flight.waiting:  # noqa: ASYNC110 - nobody tells when a task has begun to wait
            await asyncio.sleep(0)
        raises()

    credential = make(prompt_callback=in_a_task if make.kind == "aio" else callback)
    errors_seen = [outcome(lambda: credential.get_token(SCOPE)), waiting[0].result(PATIENCE)]
    for error in errors_seen:
        assert isinstance(error, errors.AuthenticationFailedError)
        assert isinstance(error.__cause__, LookupError)
