"""The polling rules of RFC 8628, each as a row, under a virtual clock."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest

from doorcode._core.flows import device_code
from doorcode._core.messages.advice import BY_KIND, MORE_TIME, new_code
from doorcode._core.model import Failure, Reason, Tokens
from doorcode._core.replies.device_code import DeviceCode
from doorcode._core.replies.faults import Endpoint, Fault, FaultKind
from doorcode._core.replies.service_errors import ServiceError
from support.virtual import PENDING, PORTAL, REFUSED, REQUEST, SLOW, Timeline, Virtual, busy, code, tokens

OK = tokens()


def sign_in(
    replies: Sequence[Tokens | ServiceError | Fault],
    *,
    interval: float = 5.0,
    expires_in: float = 900.0,
    timeout: float | None = None,
    latency: float = 0.0,
) -> tuple[Tokens | Failure, Timeline]:
    """Drive one sign-in against scripted replies."""
    virtual = Virtual([code(interval, expires_in)], replies, latency)
    return virtual.drive(device_code.sign_in(REQUEST, started=0.0, timeout=timeout))


PACES = {
    "waits before the first poll, and the interval between (RFC 8628 3.4, 3.5)": (
        dict(interval=5), [PENDING, PENDING, OK], [5, 10, 15],
    ),
    "a slow_down adds 5 s for good, and the clock is distrusted by a fifth (RFC 8628 3.5)": (
        dict(interval=1), [SLOW, PENDING, SLOW, PENDING, OK], [1, 8.2, 15.4, 28.6, 41.8],
    ),
    "a slow_down with a larger interval is believed": (
        dict(interval=1), [dataclasses.replace(SLOW, interval=9), OK], [1, 11.8],
    ),
    "a slow_down with a smaller interval still adds 5 s": (
        dict(interval=5), [dataclasses.replace(SLOW, interval=1), OK], [5, 17],
    ),
    "no connection doubles the wait, and one answer ends that (RFC 8628 3.5)": (
        dict(interval=1), [REFUSED, REFUSED, REFUSED, PENDING, OK], [1, 3, 7, 15, 16],
    ),
    "the back-off is capped: a person waits": (
        dict(interval=5), [REFUSED, REFUSED, REFUSED, REFUSED, OK], [5, 15, 25, 35, 45],
    ),
    "five lost connections double the wait to 10 s": (
        dict(interval=1), [REFUSED] * 5 + [OK], [1, 3, 7, 15, 25, 35],
    ),
    "a login page of a captive portal is no answer": (dict(interval=5), [PORTAL, OK], [5, 15]),
    "Retry-After longer than the back-off is respected": (dict(interval=5), [busy(503, 20), OK], [5, 25]),
    "Retry-After shorter than the back-off is not faster": (dict(interval=5), [busy(429, 1), OK], [5, 15]),
    "429 with a pending body waits as its Retry-After says": (
        dict(interval=1), [dataclasses.replace(PENDING, retry_after=3), OK], [1, 4],
    ),
    "waits run from the end of the last reply": (dict(interval=5, latency=2), [PENDING, OK], [7, 14]),
}  # fmt: skip


@pytest.mark.parametrize(("options", "replies", "expected"), PACES.values(), ids=PACES)
def test_pace(options: dict[str, float], replies: list[Tokens | ServiceError | Fault], expected: list[float]) -> None:
    """Each rule of the pace, as the times of the polls."""
    outcome, line = sign_in(replies, **options)
    assert outcome is OK
    assert [round(at, 3) for at in line.polls] == expected


FINAL = {
    "authorization_declined": (Reason.DECLINED, "The user declined to sign in"),
    "access_denied": (Reason.DECLINED, "The sign-in was denied"),
    "expired_token": (Reason.EXPIRED, "The code expired"),
    "code_expired": (Reason.EXPIRED, "The code expired"),
    "bad_verification_code": (Reason.REFUSED, "does not know this device code"),
    "invalid_client": (Reason.REFUSED, "Authentication failed: words"),
    "invalid_grant": (Reason.REFUSED, "Authentication failed: words"),
    "something_new": (Reason.REFUSED, "Authentication failed: words"),
}


@pytest.mark.parametrize(("error", "reason", "words"), [(error, *end) for error, end in FINAL.items()], ids=FINAL)
def test_final_errors_end_the_sign_in_at_once(error: str, reason: Reason, words: str) -> None:
    """After a final error no poll follows, and no second code (RFC 8628 3.5)."""
    said = ServiceError(error, "words of the authority" if "words" not in words else "words")
    outcome, line = sign_in([PENDING, said])
    assert isinstance(outcome, Failure)
    assert (outcome.reason, len(line.polls), len(line.shown)) == (reason, 2, 1)
    assert words in outcome.message
    assert outcome.error is said


def test_a_certificate_error_is_permanent() -> None:
    """Waiting does not make a certificate trusted."""
    fault = Fault(FaultKind.CERTIFICATE, Endpoint.TOKEN, "The server's certificate is not trusted")
    outcome, line = sign_in([PENDING, fault])
    assert isinstance(outcome, Failure)
    assert (outcome.reason, outcome.fault, len(line.polls)) == (Reason.UNREACHABLE, fault, 2)


DEADLINES = {
    "the timeout, between two polls": (dict(timeout=12), [PENDING], [5, 10], 12, Reason.TIMED_OUT, "after 12 s"),
    "the timeout, on a poll": (dict(timeout=10), [PENDING], [5, 10], 10, Reason.TIMED_OUT, "after 10 s"),
    "a fraction of a second": (dict(timeout=0.5), [PENDING], [], 0.5, Reason.TIMED_OUT, "after 0.5 s"),
    "the code's end, if sooner": (
        dict(timeout=10**9, expires_in=12), [PENDING], [5, 10], 12, Reason.EXPIRED, "the code expired after 12 s",
    ),
    "slow_down to the end is a time-out like any other": (
        dict(timeout=12), [SLOW], [5], 12, Reason.TIMED_OUT, "Timed out waiting for user to authenticate",
    ),
    "the last network trouble is told": (
        dict(timeout=12), [REFUSED], [5], 12, Reason.TIMED_OUT, "The connection was refused",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("options", "replies", "polls", "end", "reason", "words"), DEADLINES.values(), ids=DEADLINES)
def test_deadline(
    options: dict[str, float],
    replies: list[Tokens | ServiceError | Fault],
    polls: list[float],
    end: float,
    reason: Reason,
    words: str,
) -> None:
    """The deadline is met to the moment, no poll is sent after it, and the words say which deadline it was."""
    outcome, line = sign_in(replies, **options)
    assert isinstance(outcome, Failure)
    assert (outcome.reason, line.polls, line.now) == (reason, polls, end)
    assert outcome.message.startswith("Timed out waiting for user to authenticate")
    assert words in outcome.message
    assert outcome.message.splitlines()[1:] in [[MORE_TIME], [new_code(12)], [BY_KIND[FaultKind.UNREACHABLE]]]


def test_ten_refused_connections_in_a_row_are_survived() -> None:
    """The flow outlives any number of failures in a row, at a capped pace."""
    outcome, line = sign_in([REFUSED] * 10 + [OK])
    assert outcome is OK
    assert max(line.gaps) == device_code.LONGEST_BACK_OFF


def test_each_failed_poll_is_logged_and_a_long_outage_warned_of_once() -> None:
    """DEBUG has the number, the fault and the next wait; WARNING comes when 30 s have passed, once an outage."""
    outcome, line = sign_in([PENDING] + [REFUSED] * 8 + [PENDING] + [busy(503)] * 5 + [OK])
    assert outcome is OK
    assert line.debug[0] == "Poll 2 failed: The connection was refused. The next poll is due in 10 s."
    assert [text.split()[1] for text in line.debug] == [*"2345678", "9", "11", "12", "13", "14", "15"]
    assert line.warnings == [
        f"The authority has not answered for 30 s; the sign-in goes on. The last request failed: {words}"
        for words in (
            f"The connection was refused. {BY_KIND[FaultKind.UNREACHABLE]}",
            f"HTTP 503. {BY_KIND[FaultKind.STATUS]}",
        )
    ]


def test_a_sign_in_goes_on_where_another_process_left_it() -> None:
    """The pace that the authority asked for holds on, and the next poll comes when it is due."""
    virtual = Virtual([code()], [PENDING, OK])
    progress = device_code.Progress(device_code.Pace(15.0, device_code.MARGIN), due=4.0)
    outcome, line = virtual.drive(
        device_code.wait(REQUEST, code(), device_code.until_lapse(code(), 0.0), 1.0, progress)
    )
    assert outcome is OK
    assert [round(gap, 3) for gap in line.slept] == [3.0, 18.0]


def test_retry_after_beyond_the_deadline_leaves_one_last_look() -> None:
    """A proxy's hour of Retry-After does not waste a code that the user has entered."""
    outcome, line = sign_in([busy(503, 3600), OK], timeout=60)
    assert outcome is OK
    assert line.polls == [5, 60]


def test_a_token_in_the_reply_to_the_last_poll_counts() -> None:
    """The deadline bounds when the last poll is sent; its reply has a little longer."""
    outcome, line = sign_in([OK], timeout=5, latency=1)
    assert isinstance(outcome, Failure)  # the request for the code took 1 s, so the poll would be due at 6 s
    outcome, line = sign_in([OK], timeout=6.5, latency=1)
    assert outcome is OK
    assert line.withins == [0.5 + device_code.GRACE]


def test_no_request_is_sent_with_no_time() -> None:
    """A timeout of 0 asks nobody."""
    outcome, line = sign_in([PENDING], timeout=0)
    assert isinstance(outcome, Failure)
    assert (outcome.reason, line.begins, line.shown) == (Reason.TIMED_OUT, [], [])


def test_a_code_that_comes_too_late_is_not_shown() -> None:
    """Nobody is asked to enter a code that is not waited for."""
    outcome, line = sign_in([PENDING], timeout=1, latency=2)
    assert isinstance(outcome, Failure)
    assert (outcome.reason, line.shown) == (Reason.TIMED_OUT, [])
    assert "before the user could be asked" in outcome.message


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (ServiceError("invalid_client", "AADSTS7000218: no"), "Couldn't begin authentication: AADSTS7000218: no"),
        (REFUSED, "Couldn't begin authentication: The connection was refused"),
    ],
    ids=["refused", "unreachable"],
)
def test_no_code(reply: ServiceError | Fault, words: str) -> None:
    """Without a code nothing is shown and nothing is polled."""
    outcome, line = Virtual([reply]).drive(device_code.sign_in(REQUEST, started=0.0, timeout=None))
    assert isinstance(outcome, Failure)
    assert outcome.message.startswith(words)
    assert (line.shown, line.polls) == ([], [])


def test_further_codes_are_shown_when_asked_for() -> None:
    """With max_codes, a user who was away finds a fresh code."""
    codes: list[DeviceCode | ServiceError | Fault] = [code(5, 12, "first"), code(5, 12, "second")]
    virtual = Virtual(codes, [PENDING, PENDING, PENDING, OK])
    outcome, line = virtual.drive(device_code.sign_in(REQUEST, started=0.0, timeout=None, max_codes=2))
    assert outcome is OK
    assert (line.shown, line.polls) == (codes, [5, 10, 17, 22])


@pytest.mark.parametrize(
    ("timeout", "max_codes", "lives"),
    [(None, 1, [13.5]), (8.0, 1, [9.5]), (None, 2, [13.5, 60.0, 13.5])],
    ids=["as long as the code", "as long as the timeout", "anew for each code"],
)
def test_other_processes_learn_how_long_the_prompt_lives(
    timeout: float | None, max_codes: int, lives: list[float]
) -> None:
    """They wait no longer for a process that is stopped."""
    virtual = Virtual([code(5, 12)], [PENDING])
    _, line = virtual.drive(device_code.sign_in(REQUEST, started=0.0, timeout=timeout, max_codes=max_codes))
    assert line.lives == lives


def test_a_declined_code_is_not_followed_by_another() -> None:
    """RFC 8628 3.5: a new code waits for the user's own wish."""
    virtual = Virtual([code()], [ServiceError("authorization_declined")])
    outcome, line = virtual.drive(device_code.sign_in(REQUEST, started=0.0, timeout=None, max_codes=3))
    assert isinstance(outcome, Failure)
    assert len(line.shown) == 1


def test_the_request_for_a_code_has_the_time_that_is_left() -> None:
    """With a timeout no longer than that: a code that comes later is of no use."""
    for timeout, within in ((None, math.inf), (10.0, 10.0), (300.0, 300.0)):
        _, line = sign_in([OK], timeout=timeout)
        assert line.beginnings == [within]


def test_trouble_with_the_request_for_a_code_is_told_when_the_time_is_over() -> None:
    """The time-out names the trouble that used the time up."""
    outcome, _ = Virtual([REFUSED], latency=5).drive(device_code.sign_in(REQUEST, started=0.0, timeout=5))
    assert isinstance(outcome, Failure)
    assert (outcome.reason, outcome.fault) == (Reason.TIMED_OUT, REFUSED)
    assert "after 5 s and before the user could be asked. The last request failed: " in outcome.message
    refusal = Virtual([ServiceError("invalid_client")], latency=5)
    outcome, _ = refusal.drive(device_code.sign_in(REQUEST, started=0.0, timeout=5))
    assert isinstance(outcome, Failure)
    assert (outcome.reason, outcome.fault) == (Reason.TIMED_OUT, None)


def test_a_refusal_after_a_lost_reply_names_the_loss() -> None:
    """The reply that was lost may have held the token: the code is spent, and the refusal alone would mislead."""
    outcome, _ = sign_in([PORTAL, ServiceError("invalid_grant", "spent")])
    assert isinstance(outcome, Failure)
    assert outcome.fault is PORTAL
    assert "spent. The last request failed: a login page" in outcome.message


def test_the_lapse_of_a_code_names_the_last_trouble() -> None:
    """Without a timeout too."""
    outcome, _ = sign_in([REFUSED], expires_in=12)
    assert isinstance(outcome, Failure)
    assert (outcome.reason, outcome.fault) == (Reason.EXPIRED, REFUSED)


def test_the_timeout_counts_over_all_codes() -> None:
    """A fresh code does not begin the time anew."""
    virtual = Virtual([code(5, 12), code(5, 12), code(5, 12)], [PENDING])
    outcome, line = virtual.drive(device_code.sign_in(REQUEST, started=0.0, timeout=20, max_codes=9))
    assert isinstance(outcome, Failure)
    assert (outcome.reason, line.now, len(line.shown)) == (Reason.TIMED_OUT, 20, 2)
