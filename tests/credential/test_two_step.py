"""A sign-in in two steps: a code at once, then looks that never block; for agents and servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from doorcode import AuthenticationRequiredError, errors
from doorcode._session.pending import poll_pace
from doorcode.cache._process_caches import MemoryCache
from doorcode.emulator import Decline, Emulator, Hang, Reset, ServerError, SlowDown
from support.clock import Clock
from support.held_store import HeldStore
from support.signing import ADA, AGES, OTHER, PATIENCE, SCOPE, start


@pytest.fixture
def quiet(make: Any) -> Any:
    """Give a credential that never asks by itself, with no callback; what hangs may hang for ages."""
    return make(disable_automatic_authentication=True, prompt_callback=None, read_timeout=AGES)


def test_begin_returns_at_once_with_what_to_show(
    quiet: Any, authority: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """One request for the code, nothing printed, nobody called."""
    pending = quiet.begin(scopes=[SCOPE])
    assert pending.verification_uri == f"{authority.url}/devicelogin"
    assert pending.user_code in pending.message
    assert pending.expires_on > datetime.now(timezone.utc)
    assert pending.interval == 1
    assert not pending.done
    assert authority.count("devicecode") == 1
    assert authority.count("token:device_code") == 0
    assert capsys.readouterr() == ("", "")


def test_what_it_brings_lands_in_the_credential(make: Any, quiet: Any, authority: Emulator) -> None:
    """After the sign-in, get_token is silent, other scopes too, and the record is the user's."""
    pending = quiet.begin(scopes=[SCOPE])
    authority.approve(pending.user_code)
    record = settled(make, quiet, pending, "wait")
    assert (record.username, pending.done) == (ADA, True)
    assert settled(make, quiet, pending, "poll") == record
    assert quiet.get_token(SCOPE).token
    assert quiet.get_token(OTHER).token
    assert quiet.authenticate(scopes=[SCOPE]) == record
    assert authority.count("devicecode") == 1


def settled(make: Any, credential: Any, pending: Any, method: str, *args: Any) -> Any:
    """Call a method of a pending sign-in, on the loop of an asyncio one."""
    call = getattr(pending, method)
    return credential._done(call(*args)) if make.kind == "aio" else call(*args)


def test_a_look_before_its_time_sends_nothing(make: Any, quiet: Any, authority: Emulator, real_pace: None) -> None:
    """However often an agent looks, the authority is asked once in an interval."""
    authority.configure(interval=600)
    pending = quiet.begin(scopes=[SCOPE])
    for _ in range(50):
        assert settled(make, quiet, pending, "poll") is None
    assert authority.count("token:device_code") == 0


def test_waiting_for_a_time_leaves_the_sign_in_alive(make: Any, quiet: Any, authority: Emulator) -> None:
    """A timeout of wait ends the wait; the user may still finish."""
    pending = quiet.begin(scopes=[SCOPE])
    with pytest.raises(TimeoutError):
        settled(make, quiet, pending, "wait", 0.05)
    assert not pending.done
    authority.approve(pending.user_code)
    assert settled(make, quiet, pending, "wait").username == ADA


def test_another_process_can_finish_it(make: Any, quiet: Any, authority: Emulator) -> None:
    """The text that travels is marked as the secret it is, and names application and authority."""
    text = quiet.begin(scopes=[SCOPE]).serialize()
    assert json.loads(text)["note"].startswith("secret")
    other = make(disable_automatic_authentication=True)
    pending = other.resume(text)
    authority.approve(pending.user_code)
    assert settled(make, other, pending, "wait").username == ADA
    assert other.get_token(SCOPE).token


BROKEN = {
    "not JSON": ("{", "no pending sign-in"),
    "a list": ("[]", "no pending sign-in"),
    "nested without end": ("[" * 100_000, "no pending sign-in"),
    "another version": ('{"version": "9"}', "version '9'"),
    "a key missing": ('{"version": "1.0"}', "no pending sign-in"),
}


@pytest.mark.parametrize(("text", "words"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_sign_in_is_refused(quiet: Any, text: str, words: str) -> None:
    """The error says what was wrong."""
    with pytest.raises(ValueError, match=words):
        quiet.resume(text)


ODD: dict[str, Any] = {
    "device_code": 5,
    "user_code": "\x1b[31m",
    "verification_uri": "http://login.example",
    "expires_in": -1,
    "expires_on": -1e300,
    "scopes": ["a\\b"],
    "claims": "[]",
    "tenant_id": None,
}


@pytest.mark.parametrize(("name", "value"), ODD.items(), ids=ODD)
def test_a_text_that_was_changed_is_refused(quiet: Any, authority: Emulator, name: str, value: Any) -> None:
    """It is read as carefully as the authority's own reply, before anything is sent."""
    text = json.dumps({**json.loads(quiet.begin(scopes=[SCOPE]).serialize()), name: value})
    with pytest.raises(ValueError, match=r"no pending sign-in|cannot be a scope|claims must be"):
        quiet.resume(text)
    assert authority.count("token") == 0


@pytest.mark.parametrize(
    ("began", "resumes"), [("organizations", "other.example"), ("contoso.example", "other.example")]
)
def test_a_credential_of_another_tenant_does_not_resume_it(
    make: Any, authority: Emulator, began: str, resumes: str
) -> None:
    """The message names both tenants and the option that differs, and no list that cannot hold such a tenant."""
    text = make(tenant_id=began, prompt_callback=None).begin(scopes=[SCOPE]).serialize()
    with pytest.raises(ClientAuthenticationError) as caught:
        make(tenant_id=resumes, prompt_callback=None).resume(text)
    said = str(caught.value)
    assert f"this sign-in is for tenant {began}, and this credential signs in to {resumes}" in said
    assert "resume it with the tenant_id and the additionally_allowed_tenants of the credential that began it" in said
    assert "pass additionally_allowed_tenants=" not in said
    assert authority.count("token") == 0


def test_where_only_one_tenant_is_used_another_ones_sign_in_is_refused(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The credential would poll at its own tenant, which knows no such code."""
    text = make(tenant_id="contoso.example", prompt_callback=None).begin(scopes=[SCOPE]).serialize()
    monkeypatch.setenv("AZURE_IDENTITY_DISABLE_MULTITENANTAUTH", "1")
    with pytest.raises(ValueError, match=r"is for tenant contoso\.example, and this credential signs in to other"):
        make(tenant_id="other.example", prompt_callback=None).resume(text)
    assert authority.count("token") == 0


def test_a_sign_in_is_never_resumed_at_a_faster_pace(quiet: Any) -> None:
    """An interval of nothing would ask the authority without a pause."""
    text = json.dumps({**json.loads(quiet.begin(scopes=[SCOPE]).serialize()), "interval": 0})
    assert quiet.resume(text).interval == 1


@pytest.mark.parametrize(("name", "value"), [("client_id", "another"), ("authority", "login.example")])
def test_a_sign_in_of_another_application_or_authority_is_refused(quiet: Any, name: str, value: str) -> None:
    """A device code never goes anywhere else than it came from."""
    text = json.dumps({**json.loads(quiet.begin(scopes=[SCOPE]).serialize()), name: value})
    with pytest.raises(ValueError, match=f"{name} '{value}'"):
        quiet.resume(text)


def test_a_cancelled_sign_in_polls_no_more(make: Any, quiet: Any, authority: Emulator) -> None:
    """It is done, and every further look raises the same."""
    pending = quiet.begin(scopes=[SCOPE])
    pending.cancel()
    assert pending.done
    for method in ("poll", "wait"):
        with pytest.raises(errors.SignInCancelledError):
            settled(make, quiet, pending, method)
    assert authority.count("token:device_code") == 0


def test_cancelling_ends_a_wait_and_a_look_that_hangs(make: Any, quiet: Any, authority: Emulator) -> None:
    """Whoever waits in another thread is freed at once, also while a request is under way."""
    authority.faults.always("token:device_code", Hang())
    pending = quiet.begin(scopes=[SCOPE])
    waiting = start(lambda: settled(make, quiet, pending, "wait"))
    authority.wait_for("token:device_code")
    pending.cancel()
    with pytest.raises(errors.SignInCancelledError):
        waiting.result(PATIENCE)


@pytest.mark.parametrize("method", ["wait", "poll"])
def test_cancelling_the_credential_ends_what_its_sign_ins_do(
    make: Any, quiet: Any, authority: Emulator, method: str
) -> None:
    """A wait or a look that is under way ends, and no further poll is sent."""
    authority.faults.always("token:device_code", Hang())
    pending = quiet.begin(scopes=[SCOPE])
    resumed = quiet.resume(pending.serialize())
    waiting = start(lambda: until_polled(make, quiet, pending, authority, method))
    authority.wait_for("token:device_code")
    quiet.cancel()
    with pytest.raises(errors.SignInCancelledError):
        waiting.result(PATIENCE)
    for each in (pending, resumed):
        with pytest.raises(errors.SignInCancelledError):
            settled(make, quiet, each, "wait")
    assert authority.count("token:device_code") == 1


def until_polled(make: Any, quiet: Any, pending: Any, authority: Emulator, method: str) -> Any:
    """Call a method until a poll was sent: a look before its time sends nothing."""
    result = None
    while result is None and not authority.count("token:device_code"):
        result = settled(make, quiet, pending, method)
    return result


def test_cancelling_comes_too_late_while_the_tokens_are_stored(
    make: Any, quiet: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The credential has the account then, so no call says that the sign-in was cancelled."""
    store = HeldStore(monkeypatch)
    pending = quiet.begin(scopes=[SCOPE])
    authority.approve(pending.user_code)
    waiting = start(lambda: settled(make, quiet, pending, "wait"))
    assert store.storing.wait(PATIENCE)
    quiet.cancel()
    pending.cancel()
    store.release()
    assert waiting.result(PATIENCE).username == ADA
    assert settled(make, quiet, pending, "poll").username == ADA
    assert quiet.get_token(SCOPE).token


def test_an_error_while_the_tokens_are_stored_ends_it(
    make: Any, quiet: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code is used up, so no later call waits for the user."""

    def fail(*_: object) -> None:
        raise LookupError("the disk is gone")

    monkeypatch.setattr(MemoryCache, "commit", fail)
    pending = quiet.begin(scopes=[SCOPE])
    authority.approve(pending.user_code)
    for method in ("wait", "poll", "wait"):
        with pytest.raises(errors.AuthenticationFailedError, match="the disk is gone"):
            settled(make, quiet, pending, method)
    assert pending.done
    assert authority.count("token:device_code") == 1


@pytest.mark.parametrize("limited", [False, True], ids=["as long as the code lives", "with a time-out"])
def test_many_threads_wait_for_one_sign_in(make_sync: Any, authority: Emulator, *, limited: bool) -> None:
    """All have the record as soon as one of them has the reply, and each interval sees one poll."""
    credential = make_sync(disable_automatic_authentication=True, prompt_callback=None)
    pending = credential.begin(scopes=[SCOPE])
    started = [threading.Event() for _ in range(60)]

    def wait(number: int) -> Any:
        started[number].set()
        return pending.wait(PATIENCE) if limited else pending.wait()

    waiting = [start(lambda number=number: wait(number)) for number in range(60)]  # type: ignore[misc]
    assert all(each.wait(PATIENCE) for each in started)
    authority.wait_for("token:device_code", 3)
    authority.approve(pending.user_code)
    assert {future.result(PATIENCE).username for future in waiting} == {ADA}


def test_a_time_out_holds_while_a_poll_hangs(make: Any, quiet: Any, authority: Emulator) -> None:
    """A wait of a second is over then, whatever the network does; the sign-in goes on."""
    authority.faults.always("token:device_code", Hang())
    pending = quiet.begin(scopes=[SCOPE])
    with pytest.raises(TimeoutError):
        settled(make, quiet, pending, "wait", 1)
    assert not pending.done


@pytest.mark.parametrize(("seconds", "kind"), [("5", TypeError), (True, TypeError), (float("nan"), ValueError)])
def test_a_time_out_that_is_no_number_is_refused(make: Any, quiet: Any, seconds: Any, kind: type[Exception]) -> None:
    """At once, and the sign-in goes on."""
    pending = quiet.begin(scopes=[SCOPE])
    with pytest.raises(kind, match="timeout must be a number of seconds"):
        settled(make, quiet, pending, "wait", seconds)
    assert not pending.done


@pytest.mark.parametrize("seconds", [float("inf"), 10**400, 1e300])
def test_a_time_out_may_be_longer_than_any_code_lives(make: Any, quiet: Any, authority: Emulator, seconds: Any) -> None:
    """The end of the code ends the wait."""
    pending = quiet.begin(scopes=[SCOPE])
    authority.approve(pending.user_code)
    assert settled(make, quiet, pending, "wait", seconds).username == ADA


@pytest.fixture
def web(quiet: Any, make: Any, authority: Emulator) -> Callable[[str], tuple[Any, str]]:
    """Give a request of a web program: it resumes the sign-in, looks once, and returns the record and the text."""

    def request(text: str) -> tuple[Any, str]:
        pending = quiet.resume(text)
        return settled(make, quiet, pending, "poll"), pending.serialize()

    return request


@pytest.fixture
def other_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give what makes this process forget what only a process knows of sign-ins."""
    return poll_pace._KNOWN.clear


A_SECOND = 1.001
"""And a little more: sums of floats may fall short."""


@pytest.mark.parametrize("keeps", [True, False], ids=["keeps the last text", "keeps the first text"])
@pytest.mark.usefixtures("real_pace")
def test_a_program_that_resumes_in_each_request_finishes(
    web: Callable[[str], tuple[Any, str]],
    quiet: Any,
    authority: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    *,
    keeps: bool,
) -> None:
    """Each resume goes on with the same interval, so the next poll comes when it is due and never before."""
    authority.configure(interval=5)
    clock = Clock(monkeypatch)
    pending = quiet.begin(scopes=[SCOPE])
    text, sent = pending.serialize(), []
    for second in range(24):
        record, last = web(text)
        text = last if keeps else text
        assert record is None
        sent.append(authority.count("token:device_code"))
        if second == 11:
            authority.faults.queue("token:device_code", SlowDown())
        clock.advance(A_SECOND)
    assert sent == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 9
    authority.approve(pending.user_code)
    records = []
    for _ in range(12):
        record, last = web(text)
        text = last if keeps else text
        records += [record] if record else []
        clock.advance(A_SECOND)
        if records:
            break
    assert [record.username for record in records] == [ADA]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in one process", "in another process each time"])
@pytest.mark.usefixtures("real_pace")
def test_an_outage_is_logged_over_all_resumes(
    web: Callable[[str], tuple[Any, str]],
    quiet: Any,
    authority: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    other_process: Callable[[], None],
    *,
    elsewhere: bool,
) -> None:
    """Each failed poll has its number, and one warning follows after 30 s, though each request resumes anew."""
    caplog.set_level("DEBUG", "doorcode")
    clock = Clock(monkeypatch)
    text = quiet.begin(scopes=[SCOPE]).serialize()
    authority.faults.always("token:device_code", ServerError(503))
    for _ in range(50):
        if elsewhere:
            other_process()
        record, text = web(text)
        assert record is None
        clock.advance(1)
    messages = [record.getMessage() for record in caplog.records]
    failed = [message.partition(" failed: ")[0].partition(": ")[2] for message in messages if "Poll " in message]
    assert failed == [f"Poll {number}" for number in range(1, authority.count("token:device_code") + 1)]
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


@pytest.mark.usefixtures("real_pace")
def test_another_process_polls_when_it_is_due(
    quiet: Any, make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch, other_process: Callable[[], None]
) -> None:
    """The text says when the last poll was sent, and how fast the authority wants to be asked."""
    authority.configure(interval=5)
    clock = Clock(monkeypatch)
    authority.faults.queue("token:device_code", SlowDown())
    pending = quiet.begin(scopes=[SCOPE])
    clock.advance(6)
    assert settled(make, quiet, pending, "poll") is None
    text = pending.serialize()
    assert [pending.interval, quiet.resume(text).interval] == [10, 10]
    polls = []
    for _ in range(4):
        other_process()
        assert settled(make, quiet, quiet.resume(text), "poll") is None
        polls.append(authority.count("token:device_code"))
        clock.advance(4.5)  # after a slow_down, 5 s more and a fifth
    assert polls == [1, 1, 1, 2]


JUMPS = {"back by an hour": -3600.0, "forth by an hour": 3600.0, "forth by a year": 3e7}


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
@pytest.mark.usefixtures("real_pace")
def test_a_clock_that_jumps_never_strands_a_user(
    quiet: Any,
    make: Any,
    authority: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    other_process: Callable[[], None],
    jump: float,
) -> None:
    """The next poll comes at once, and the authority says whether the code has run out."""
    clock = Clock(monkeypatch)
    pending = quiet.begin(scopes=[SCOPE])
    text = pending.serialize()
    authority.approve(pending.user_code)
    clock.set(jump)
    other_process()
    assert settled(make, quiet, quiet.resume(text), "wait").username == ADA


@pytest.mark.usefixtures("real_pace")
def test_a_code_that_has_run_out_meanwhile_is_asked_for_once(
    quiet: Any, make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch, other_process: Callable[[], None]
) -> None:
    """It ends as any code that nobody entered."""
    clock = Clock(monkeypatch)
    text = quiet.begin(scopes=[SCOPE]).serialize()
    clock.advance(1000)
    other_process()
    with pytest.raises(errors.CodeExpiredError):
        settled(make, quiet, quiet.resume(text), "wait")
    assert authority.count("token:device_code") == 1


@pytest.mark.usefixtures("real_pace")
def test_the_text_of_the_first_version_is_resumed(
    quiet: Any, make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch, other_process: Callable[[], None]
) -> None:
    """It does not say when the last poll was, so the first is due an interval after the code was issued."""
    clock = Clock(monkeypatch)
    pending = quiet.begin(scopes=[SCOPE])
    fields = json.loads(pending.serialize())
    del fields["polling"]
    authority.approve(pending.user_code)
    other_process()
    assert settled(make, quiet, quiet.resume(json.dumps(fields)), "poll") is None
    clock.advance(5)
    other_process()
    assert settled(make, quiet, quiet.resume(json.dumps(fields)), "poll").username == ADA


@pytest.mark.parametrize(
    "polling", [5, {}, {"interval": "x"}, {"last_poll_on": None}, {"polls": "x"}, {"failing_since": "x"}], ids=str
)
def test_a_text_whose_progress_was_changed_is_refused(quiet: Any, polling: Any) -> None:
    """As with every other field, nothing is guessed."""
    fields = json.loads(quiet.begin(scopes=[SCOPE]).serialize())
    changed = {**fields["polling"], **polling} if polling and isinstance(polling, dict) else polling
    with pytest.raises(ValueError, match="no pending sign-in"):
        quiet.resume(json.dumps({**fields, "polling": changed}))


def test_a_declined_sign_in_says_so_each_time(make: Any, quiet: Any, authority: Emulator) -> None:
    """The failure stays; nothing is asked again."""
    authority.faults.queue("token:device_code", Decline())
    pending = quiet.begin(scopes=[SCOPE])
    for _ in range(2):
        with pytest.raises(errors.SignInDeclinedError):
            settled(make, quiet, pending, "wait")
    assert authority.count("token:device_code") == 1
    assert not quiet.accounts()


def test_trouble_between_looks_is_survived(make: Any, quiet: Any, authority: Emulator) -> None:
    """Resets and outages while the user types end nothing."""
    authority.faults.queue("token:device_code", Reset(), ServerError(503), Reset())
    pending = quiet.begin(scopes=[SCOPE])
    authority.approve(pending.user_code)
    assert settled(make, quiet, pending, "wait").username == ADA


def test_no_code_is_an_error_of_begin(quiet: Any, authority: Emulator) -> None:
    """What the authority says reaches the caller at once."""
    authority.faults.queue("devicecode", ServerError(500), ServerError(500), ServerError(500), ServerError(500))
    with pytest.raises(ClientAuthenticationError, match="Couldn't begin authentication"):
        quiet.begin(scopes=[SCOPE])


def test_an_error_leads_straight_to_it(make: Any, quiet: Any, authority: Emulator) -> None:
    """Scopes and claims of the AuthenticationRequiredError are what begin takes."""
    claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
    with pytest.raises(AuthenticationRequiredError) as caught:
        quiet.get_token(SCOPE, claims=claims)
    pending = quiet.begin(scopes=caught.value.scopes, claims=caught.value.claims)
    authority.approve(pending.user_code)
    settled(make, quiet, pending, "wait")
    assert json.loads(authority.requests_to("devicecode")[0].form["claims"]) == json.loads(claims)
    assert authority.requests_to("token:device_code")[0].form["claims"] == claims


def test_nothing_that_shows_it_shows_its_secrets(quiet: Any) -> None:
    """Neither code stands in its repr."""
    pending = quiet.begin(scopes=[SCOPE])
    device_code = json.loads(pending.serialize())["device_code"]
    assert pending.user_code not in repr(pending)
    assert device_code not in repr(vars(pending))
    assert "waiting" in repr(pending)
