"""Many threads, one credential: one prompt, and an end for everybody."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from doorcode import errors
from doorcode._entra.worker import Worker
from doorcode._sync import cancel_scope
from doorcode._sync.cancel_scope import Cancelled, CancelScope
from doorcode.emulator import Decline, Emulator, Hang, Pending, ServerError
from support.joins import joins_of
from support.signing import AGES, PATIENCE, SCOPE, start, together
from support.timing import until_so

RESOURCES = ["a", "b", "c", "d"]
ENDED = errors.SignInCancelledError, CancelledError
"""What a call that the program cancelled ends with, in a thread and in a task."""


def scope(number: int) -> str:
    """Return one of a few scopes."""
    return f"https://{RESOURCES[number % len(RESOURCES)]}.example/.default"


@pytest.mark.parametrize("count", [20, 64])
def test_a_cold_start_shows_one_prompt(make: Any, authority: Emulator, count: int) -> None:
    """Threads with different scopes share one sign-in; each gets its own token, silently where it waited."""
    authority.faults.queue("token:device_code", *[Pending()] * 3)
    credential = make()
    tokens = together(count, lambda number: credential.get_token(scope(number)))
    assert all(isinstance(token, AccessToken) for token in tokens), tokens
    for number, token in enumerate(tokens):
        assert isinstance(token, AccessToken)
        assert f"{authority.verify(token.token)['aud']}/.default" == scope(number)
    assert (authority.count("devicecode"), len(make.approver.prompts)) == (1, 1)
    assert authority.count("token:refresh_token") == len(RESOURCES) - 1


def test_threads_that_authenticate_share_a_sign_in_too(make: Any, authority: Emulator) -> None:
    """Authenticate and get_token at the same moment ask once."""
    authority.faults.queue("token:device_code", *[Pending()] * 3)
    credential = make()

    def call(number: int) -> object:
        return credential.authenticate(scopes=[SCOPE]) if number % 2 else credential.get_token(SCOPE)

    results = together(8, call)
    assert not [result for result in results if isinstance(result, BaseException)]
    assert authority.count("devicecode") == 1


def test_a_refresh_is_made_once(make: Any, authority: Emulator) -> None:
    """Threads that need the same new token wait for one refresh."""
    credential = make()
    credential.get_token(SCOPE)
    tokens = together(16, lambda _: credential.get_token("https://s.example/.default"))
    assert len({getattr(token, "token", token) for token in tokens}) == 1
    assert authority.count("token:refresh_token") == 1


def test_a_refusal_reaches_all_once(make: Any, authority: Emulator) -> None:
    """When the user declines everybody gets the error, and nobody asks again by itself."""
    authority.faults.queue("token:device_code", *[Pending()] * 5, Decline())
    credential = make()
    results = together(16, lambda number: credential.get_token(scope(number)))
    assert {type(result) for result in results} == {errors.SignInDeclinedError}
    assert (authority.count("devicecode"), len(make.approver.prompts)) == (1, 1)


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Give who has joined a flight so far: True for a caller that leads it, False for one that waits."""
    return joins_of(monkeypatch)


def test_a_prompt_that_fails_ends_it_for_all_once(make_sync: Any, joined: list[bool]) -> None:
    """A callback that raises is called once, not once for each thread."""
    gate = threading.Event()
    calls: list[int] = []

    def callback(*_: object) -> None:
        calls.append(1)
        gate.wait(PATIENCE)
        message = "no screen"
        raise RuntimeError(message)

    credential = make_sync(prompt_callback=callback)
    futures = [start(lambda number=number: credential.get_token(scope(number))) for number in range(20)]  # type: ignore[misc]
    until_so(lambda: len(joined) == 20)
    gate.set()
    results = [future.exception(PATIENCE) for future in futures]
    assert all(isinstance(result, ClientAuthenticationError) for result in results), results
    assert all("no screen" in str(result) for result in results)
    assert len(calls) == 1


def test_what_a_programs_own_sign_in_raises_reaches_all_once(make_sync: Any, joined: list[bool]) -> None:
    """An overridden _request_token that fails is called once as well."""
    gate = threading.Event()
    calls: list[int] = []

    def request_token(*_: Any, **__: Any) -> dict[str, Any]:
        calls.append(1)
        gate.wait(PATIENCE)
        message = "broken"
        raise OSError(message)

    credential = make_sync(credential_class=make_sync.asking(request_token))
    futures = [start(lambda: credential.get_token(SCOPE)) for _ in range(10)]
    until_so(lambda: len(joined) == 10)
    gate.set()
    results = [future.exception(PATIENCE) for future in futures]
    assert sorted({type(result).__name__ for result in results}) == ["AuthenticationFailedError", "OSError"]
    assert len(calls) == 1


def test_cancel_reaches_everybody(authority: Emulator, make_sync: Any) -> None:
    """cancel() from another thread ends every call that waits; no poll is sent afterwards, and the next call works."""
    shown = threading.Event()
    approve = False

    def callback(uri: str, user_code: str, expires_on: Any) -> None:
        shown.set()
        if approve:
            make_sync.approver(uri, user_code, expires_on)

    credential = make_sync(prompt_callback=callback)
    futures = [start(lambda number=number: credential.get_token(scope(number))) for number in range(10)]  # type: ignore[misc]
    assert shown.wait(PATIENCE)
    authority.wait_for("token", 2)
    _wait_for_waiters(credential, 10)
    credential.cancel()
    results = [future.exception(PATIENCE) for future in futures]
    assert {type(result) for result in results} == {errors.SignInCancelledError}
    assert authority.count("devicecode") == 1
    approve = True
    assert credential.get_token(SCOPE).token


def test_cancel_while_a_request_hangs(make: Any, authority: Emulator) -> None:
    """A request that is never answered does not hold the call back."""
    authority.faults.queue("token", Hang())
    credential = make(read_timeout=AGES)
    call = start(lambda: credential.get_token(SCOPE))
    authority.wait_for("token")
    credential.cancel()
    assert isinstance(call.exception(PATIENCE), ENDED)
    assert authority.count("token") == 1
    assert credential.get_token(SCOPE).token


def test_cancel_while_discovery_hangs(make: Any, authority: Emulator) -> None:
    """The next call does not wait for the first one's request."""
    authority.faults.queue("discovery", Hang())
    credential = make(read_timeout=AGES)
    call = start(lambda: credential.get_token(SCOPE))
    authority.wait_for("discovery")
    credential.cancel()
    assert isinstance(call.exception(PATIENCE), ENDED)
    assert start(lambda: credential.get_token(SCOPE)).result(PATIENCE).token


def test_after_cancel_a_request_is_not_repeated(make: Any, authority: Emulator) -> None:
    """What the pipeline would try again is not sent any more once nobody waits."""
    authority.faults.always("devicecode", ServerError(503, retry_after=30))
    credential, others = make(), set(threading.enumerate())
    call = start(lambda: credential.get_token(SCOPE))
    authority.wait_for("devicecode")
    credential.cancel()
    assert isinstance(call.exception(PATIENCE), ENDED)
    for thread in set(threading.enumerate()) - others:
        if thread.name == "doorcode-request":
            thread.join(PATIENCE)
            assert not thread.is_alive()
    assert authority.count("devicecode") == 1


def test_a_request_that_ends_as_the_call_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that came at the very moment is stored; a failure that did is nobody's any more."""

    def start_and_finish(job: Worker[Any]) -> None:
        job._run()

    monkeypatch.setattr(Worker, "start", start_and_finish)
    late: list[str] = []
    wait = CancelScope()
    wait.cancel()
    with pytest.raises(Cancelled):
        wait.call(lambda: "token", late.append, 1)
    with pytest.raises(Cancelled):
        wait.call(lambda: str(1 / 0), late.append, 1)
    assert late == ["token"]


def test_a_long_wait_for_somebody_else(make_sync: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long another thread's sign-in takes, whoever waits goes on waiting, a slice at a time."""
    monkeypatch.setattr(cancel_scope, "SLICE", 0.01)
    shown = threading.Event()
    go_on = threading.Event()

    def callback(uri: str, user_code: str, expires_on: Any) -> None:
        shown.set()
        go_on.wait(PATIENCE)
        make_sync.approver(uri, user_code, expires_on)

    credential = make_sync(prompt_callback=callback)
    first = start(lambda: credential.get_token(SCOPE))
    assert shown.wait(PATIENCE)
    second = start(lambda: credential.get_token(SCOPE))
    with pytest.raises(TimeoutError):
        second.result(0.1)
    go_on.set()
    assert second.result(PATIENCE) == first.result(PATIENCE)


def test_cancel_with_nothing_under_way(make: Any) -> None:
    """cancel() before a call changes nothing for it."""
    credential = make()
    credential.cancel()
    assert credential.get_token(SCOPE).token


def test_silent_calls_are_not_held_up_by_a_prompt(make: Any, authority: Emulator) -> None:
    """While a user is asked for another tenant, a cached token is returned at once, and other tenants go on."""
    other = authority.add_tenant("other.example")
    authority.add_user("pat@other.example", tenant=other.tenant_id)
    shown = threading.Event()

    def callback(uri: str, user_code: str, expires_on: Any) -> None:
        if make.approver.prompts:
            shown.set()
        else:
            make.approver(uri, user_code, expires_on)

    credential = make(prompt_callback=callback, additionally_allowed_tenants=["*"])
    first = credential.get_token(SCOPE)
    call = start(lambda: credential.authenticate(scopes=[SCOPE], tenant_id=other.tenant_id, force_prompt=True))
    assert shown.wait(PATIENCE)
    assert credential.get_token(SCOPE) == first
    assert credential.get_token("https://s.example/.default").token
    credential.cancel()
    assert call.exception(PATIENCE) is not None


def _wait_for_waiters(credential: Any, count: int) -> None:
    """Wait until so many threads are inside the credential: each has said how it waits."""
    until_so(lambda: len(credential._session.waits) >= count)
