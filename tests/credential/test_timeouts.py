"""How long a sign-in may take: ``timeout``, the code's life, clocks that jump.

Whatever else could be waited for would take ages: a call that ends has waited for its own time alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from doorcode import errors
from doorcode._core.flows import device_code
from doorcode._session import reply_storage
from doorcode.emulator import Emulator, Hang, Pending, Refuse, Reset, SlowDown
from support.clock import Clock
from support.held_reply import HeldReply
from support.signing import AGES, PATIENCE, SCOPE, changed, start


def taken(work: Callable[[], object]) -> float:
    """Return how many seconds it takes; fail rather than wait for ages."""
    begun = time.monotonic()
    start(work).result(PATIENCE)
    return time.monotonic() - begun


@pytest.fixture
def grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time that the last poll's reply is waited for."""
    monkeypatch.setattr(device_code, "GRACE", 0.4)


@pytest.mark.usefixtures("real_pace")
@pytest.mark.parametrize("timeout", [0.5])
def test_timeout(make: Any, authority: Emulator, timeout: float) -> None:
    """Timed out: azure-identity's words with the seconds, long before a poll would be due, and no poll after."""
    authority.configure(interval=600)
    credential = make(timeout=timeout, prompt_callback=lambda *_: None)

    def call() -> None:
        words = f"^Timed out waiting for user to authenticate, after {timeout:g} s"
        with pytest.raises(errors.SignInTimedOutError, match=words) as caught:
            credential.get_token(SCOPE)
        assert isinstance(caught.value, ClientAuthenticationError)

    assert taken(call) >= timeout
    assert authority.count("token") == 0


def test_timeout_of_0(make: Any, authority: Emulator) -> None:
    """0 asks nobody and sends nothing."""
    with pytest.raises(errors.SignInTimedOutError, match="Timed out waiting for user to authenticate"):
        make(timeout=0).get_token(SCOPE)
    assert (authority.requests, make.approver.prompts) == ([], [])


@pytest.mark.usefixtures("over_after_two_replies")
@pytest.mark.parametrize("fault", [Pending(), SlowDown()], ids=["pending", "slow_down"])
def test_whatever_the_last_reply_was_it_is_a_time_out(make: Any, authority: Emulator, fault: Any) -> None:
    """slow_down at the deadline is no other error than pending."""
    authority.faults.always("token", fault)
    with pytest.raises(errors.SignInTimedOutError, match="Timed out waiting"):
        make(timeout=PATIENCE).get_token(SCOPE)
    assert authority.count("token") == 2


def test_the_codes_end_prevails(make: Any, authority: Emulator) -> None:
    """A longer timeout than the code lives ends with the code, and says so in plain words."""
    authority.faults.queue("devicecode", changed(expires_in=1))  # the authority itself lets it live for longer
    credential = make(timeout=10**9, prompt_callback=lambda *_: None)

    def call() -> None:
        with pytest.raises(errors.CodeExpiredError, match=r"Timed out waiting.*the code expired after 1 s"):
            credential.get_token(SCOPE)

    assert taken(call) >= 1


@pytest.mark.usefixtures("over_after_two_replies")
def test_the_last_trouble_is_told(make: Any, authority: Emulator) -> None:
    """The final error says what the network did last."""
    authority.faults.always("token", Reset())
    with pytest.raises(errors.SignInTimedOutError, match="The last request failed: The connection was"):
        make(timeout=PATIENCE).get_token(SCOPE)


@pytest.mark.usefixtures("grace")
def test_a_poll_that_is_never_answered(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """One hanging request does not outlive the timeout by more than its last reply may need."""
    authority.faults.always("token", Hang())
    clock = Clock(monkeypatch, stands_still=False)
    left = 2.0
    credential = make(timeout=PATIENCE, read_timeout=AGES, prompt_callback=lambda *_: clock.advance(PATIENCE - left))

    def call() -> None:
        with pytest.raises(errors.SignInTimedOutError):
            credential.get_token(SCOPE)

    taken(call)
    assert authority.count("token") == 1


@pytest.mark.usefixtures("grace")
def test_a_request_for_the_code_that_is_never_answered(make: Any, authority: Emulator) -> None:
    """Nor does the first request."""
    authority.faults.always("devicecode", Hang())

    def call() -> None:
        with pytest.raises(errors.SignInTimedOutError):
            make(timeout=0.3, read_timeout=AGES).get_token(SCOPE)

    assert taken(call) >= 0.3


@pytest.mark.usefixtures("over_after_two_replies")
def test_the_reply_to_the_last_poll_counts(make: Any, authority: Emulator) -> None:
    """``timeout`` bounds when the last poll is sent; a token in its reply is taken."""
    authority.faults.queue("token", Pending())
    assert make(timeout=PATIENCE).get_token(SCOPE).token


def test_a_token_that_comes_too_late_is_stored(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user finished is not thrown away: after a cancelled call the next one has the token, silently."""
    stored, held = threading.Event(), HeldReply()
    authority.faults.queue("token", held.fault)
    credential = make()
    accept = reply_storage.accept_sign_in

    def accepted(*args: Any, **options: Any) -> Any:
        result = accept(*args, **options)
        stored.set()
        return result

    monkeypatch.setattr(reply_storage, "accept_sign_in", accepted)
    call = start(lambda: credential.get_token(SCOPE))
    authority.wait_for("token")
    credential.cancel()
    assert isinstance(call.exception(PATIENCE), (errors.SignInCancelledError, CancelledError))
    held.release()
    assert stored.wait(PATIENCE)
    assert credential.get_token(SCOPE).token
    assert len(make.approver.prompts) == 1


@pytest.mark.parametrize("seconds", [7200, -3600], ids=["forward", "backward"])
def test_a_clock_that_jumps_while_waiting(
    make: Any, authority: Emulator, shift: Callable[[float], None], seconds: float
) -> None:
    """Waits and deadlines are measured by a clock that does not jump."""

    def callback(_uri: str, user_code: str, _expires_on: object) -> None:
        shift(seconds)
        if approve:
            authority.approve(user_code)

    approve = True
    assert make(prompt_callback=callback).get_token(SCOPE).token
    approve = False
    with pytest.raises(errors.SignInTimedOutError):
        make(prompt_callback=callback, timeout=0.3).get_token(SCOPE)


@pytest.mark.usefixtures("real_pace")
def test_the_interval_is_kept(make: Any, authority: Emulator) -> None:
    """A real wait before the first poll and between two: no less than the authority's interval."""
    authority.configure(enforce_interval=True)
    authority.faults.queue("token", Pending())
    make().get_token(SCOPE)
    begun, first, second = authority.requests_to("devicecode") + authority.requests_to("token")
    assert begun.answered_at is not None
    assert first.answered_at is not None
    assert first.at - begun.answered_at >= 1
    assert second.at - first.answered_at >= 1
    assert second.status == 200


def test_further_codes(make: Any, authority: Emulator) -> None:
    """With max_codes a fresh code is shown when one runs out; the default is one."""
    authority.faults.queue("devicecode", changed(expires_in=1))

    def late(uri: str, user_code: str, expires_on: Any) -> None:
        if authority.count("devicecode") > 1:
            make.approver(uri, user_code, expires_on)

    assert make(max_codes=2, prompt_callback=late).get_token(SCOPE).token
    assert (authority.count("devicecode"), len(make.approver.prompts)) == (2, 1)


def test_no_further_code_after_a_refusal(make: Any, authority: Emulator) -> None:
    """A refusal is not followed by another code, whatever max_codes says (RFC 8628 3.5)."""
    authority.faults.queue("token", Refuse("access_denied", 65004, "No."))
    with pytest.raises(errors.SignInDeclinedError):
        make(max_codes=3).get_token(SCOPE)
    assert authority.count("devicecode") == 1


@pytest.mark.parametrize(("value", "kind"), [(0, ValueError), (-1, ValueError), ("2", TypeError), (True, TypeError)])
def test_bad_max_codes(make: Any, value: Any, kind: type[Exception]) -> None:
    """max_codes is a whole number from 1."""
    with pytest.raises(kind, match="max_codes"):
        make.credential_class(max_codes=value)
