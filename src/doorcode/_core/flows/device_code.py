"""The device authorization grant (RFC 8628): when to poll the authority, how long to wait, when to stop."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from doorcode._core.messages.error_context import ErrorContext, GrantType
from doorcode._core.messages.failures import code_lapsed, refused, still_failing, timed_out, unreachable
from doorcode._core.model import Failure, Reason, Reply, TokenRequest, Tokens
from doorcode._core.replies.device_code import DeviceCode
from doorcode._core.replies.faults import Fault, FaultKind
from doorcode._core.replies.service_errors import ServiceError
from doorcode._core.steps import AwaitUser, Begin, Flow, LogDebug, LogWarning, Poll, PromptLives, ReadCache, Show, ask
from doorcode._core.values import replace, value_class

SLOWER: Final = 5.0
"""Seconds that a slow_down adds to the interval, for this and all later requests (RFC 8628 3.5)."""
MARGIN: Final = 1.2
"""Factor for the waits after a slow_down has shown that this clock runs faster than the authority's."""
LONGEST_BACK_OFF: Final = 10.0
"""Seconds between polls at most while the network fails, unless the interval or a Retry-After is longer."""
MOST_FAILURES: Final = 16
"""Consecutive failures that are counted: further ones make no wait longer."""
LONG_OUTAGE: Final = 30.0
"""Seconds of failing polls after which a warning is logged."""
LONGEST_BEGINNING: Final = 60.0
"""Seconds that the request for a code may take, where the program sets no other limits."""
GRACE: Final = 1.5
"""Seconds past a ``timeout`` to wait for the reply of the last poll: it may hold the token."""


@value_class(frozen=True, slots=True)
class Pace:
    """How fast to poll, given the replies so far.

    Attributes:
        interval: seconds between polls, as the authority wants it.
        margin: the factor that makes up for a fast clock.
        failures: consecutive polls without a usable reply.
        trouble: the last of these failures.
        retry_after: seconds that the last reply asked to wait, or None.
    """

    interval: float
    margin: float = 1.0
    failures: int = 0
    trouble: Fault | None = None
    retry_after: float | None = None

    @property
    def pause(self) -> float:
        """Return the seconds from the end of the last reply to the next poll."""
        wait = self.interval * self.margin
        if self.failures:
            wait = max(wait, min(wait * 2**self.failures, LONGEST_BACK_OFF))
        return max(wait, self.retry_after or 0.0)

    def after(self, reply: ServiceError | Fault) -> Pace:
        """Return the pace that a reply leads to."""
        if isinstance(reply, Fault):
            # RFC 8628 3.5: on a connection timeout, clients MUST reduce their polling frequency.
            return replace(
                self, failures=min(self.failures + 1, MOST_FAILURES), trouble=reply, retry_after=reply.retry_after
            )
        answered = replace(self, failures=0, retry_after=reply.retry_after)
        if reply.error != "slow_down":
            return answered
        return replace(answered, interval=max(self.interval + SLOWER, reply.interval or 0.0), margin=MARGIN)


@value_class(frozen=True, slots=True)
class Outage:
    """For how long polls have failed.

    Attributes:
        attempt: the number of the last poll.
        since: when the first of the consecutive failures happened (monotonic seconds), or None.
        warned: whether a warning about them has been logged.
    """

    attempt: int = 0
    since: float | None = None
    warned: bool = False

    def after(self, reply: ServiceError | Fault, at: float) -> Outage:
        """Return the outage after a reply that arrived at ``at``."""
        if isinstance(reply, Fault):
            return replace(self, attempt=self.attempt + 1, since=at if self.since is None else self.since)
        return Outage(self.attempt + 1)

    def lasted(self, at: float) -> float:
        """Return for how many seconds polls have failed."""
        return 0.0 if self.since is None else at - self.since


NO_OUTAGE: Final = Outage()
"""The outage before the first poll."""


@value_class(frozen=True, slots=True)
class AwaitPoll(AwaitUser):
    """Wait for the next poll; a pending sign-in stores the pace and the outage, to continue with them."""

    pace: Pace
    outage: Outage


@value_class(frozen=True, slots=True)
class Progress:
    """How far a sign-in has come: its pace, when the next poll is due (monotonic seconds), and the outage."""

    pace: Pace
    due: float
    outage: Outage = NO_OUTAGE


@value_class(frozen=True, slots=True)
class Deadline:
    """When a wait ends (monotonic seconds), and what the failure says then.

    Attributes:
        at: when the last poll may be sent.
        end: builds the failure from the last network failure.
        is_lapse: whether the code itself expires then; the reply to the last poll is waited for like any other.
    """

    at: float
    end: Callable[[Fault | None], Failure]
    is_lapse: bool = False


def sign_in(
    request: TokenRequest, *, started: float, timeout: float | None, max_codes: int = 1, now: float | None = None
) -> Flow[Tokens | Failure]:
    """Show a code to a user and wait until they have signed in with it.

    Args:
        request: what the token is for.
        started: when the wait for the user began, in monotonic seconds.
        timeout: seconds from then to the last poll; None waits until the code expires, 0 prompts no user.
        now: the time now, in monotonic seconds; None if it is ``started``.
        max_codes: how many codes to show, one after the other, if each expires unused.

    Returns:
        the tokens, or why there are none.
    """
    sent = started if now is None else now
    outcome = yield from _with_one_code(request, sent, started, timeout)
    for _ in range(max_codes - 1):
        if isinstance(outcome, Tokens) or outcome.reason is not Reason.EXPIRED:
            break
        sent, _answer = yield from ask(PromptLives(LONGEST_BEGINNING))
        outcome = yield from _with_one_code(request, sent, started, timeout)
    return outcome


def begin(
    request: TokenRequest, *, sent: float, started: float, timeout: float | None
) -> Flow[tuple[DeviceCode, Deadline] | Failure]:
    """Ask for a device code (RFC 8628 3.1).

    Args:
        request: what the token is for.
        sent: the time now, in monotonic seconds; the code's life is counted from here.
        started: when the sign-in began, in monotonic seconds.
        timeout: seconds from ``started`` to the last poll, or None.

    Returns:
        the code and when to stop polling for it, or why there is none.
    """
    left = math.inf if timeout is None else started + timeout - sent
    if left <= 0:
        return timed_out(timeout or 0.0, None)
    at, reply = yield from ask(Begin(request, left))
    if timeout is not None and at >= started + timeout:
        return timed_out(timeout, reply if isinstance(reply, Fault) else None, prompted=False)
    if isinstance(reply, ServiceError):
        return refused(
            reply, "Couldn't begin authentication", context=ErrorContext(GrantType.DEVICE_CODE, request.scopes)
        )
    if isinstance(reply, Fault):
        return unreachable(reply, "Couldn't begin authentication")
    return reply, _until(reply, sent, started, timeout)


def begin_pending(
    request: TokenRequest, *, started: float, timeout: float | None
) -> Flow[tuple[DeviceCode, Deadline] | Failure]:
    """Ask for a device code for a sign-in that the program finishes later; fail first if a cache cannot be used.

    Args:
        request: what the token is for.
        started: when the sign-in began, in monotonic seconds.
        timeout: seconds from then to the last poll, or None.

    Returns:
        as :func:`begin`.
    """
    for cae in (request.enable_cae, not request.enable_cae):  # a sign-in is stored in both
        yield from ask(ReadCache(cae))
    return (yield from begin(request, sent=started, started=started, timeout=timeout))


def wait(
    request: TokenRequest, code: DeviceCode, deadline: Deadline, at: float, progress: Progress | None = None
) -> Flow[Tokens | Failure]:
    """Poll until the user has signed in, the authority refuses, or the deadline has come.

    Args:
        request: what the token is for.
        code: the code that was shown.
        deadline: when to stop.
        at: when the authority's last reply arrived, in monotonic seconds.
        progress: the progress that another process had made with this sign-in; None at its beginning.
    """
    pace = Pace(code.interval) if progress is None else progress.pace
    due = _due(pace, at, deadline) if progress is None else min(progress.due, deadline.at)
    outage = NO_OUTAGE if progress is None else progress.outage
    context = ErrorContext(GrantType.DEVICE_CODE, request.scopes, expires_in=code.expires_in)
    while True:
        pause, left = max(0.0, min(due, deadline.at) - at), max(0.0, deadline.at - at)
        woke, _ = yield from ask(AwaitPoll(pause, left, pace, outage))
        if due > deadline.at:
            return deadline.end(pace.trouble)
        within = math.inf if deadline.is_lapse else max(0.0, deadline.at - woke) + GRACE
        at, reply = yield from ask(Poll(request, code, within))
        end = _end(reply, pace.trouble, context)
        if end is not None:
            return end
        assert not isinstance(reply, Tokens)
        pace = pace.after(reply)
        due = _due(pace, at, deadline)
        outage = yield from _log_outage(outage, reply, at, due - at)


def _with_one_code(request: TokenRequest, sent: float, started: float, timeout: float | None) -> Flow[Tokens | Failure]:
    begun = yield from begin(request, sent=sent, started=started, timeout=timeout)
    if isinstance(begun, Failure):
        return begun
    code, deadline = begun
    at, _ = yield from ask(PromptLives(max(0.0, deadline.at - sent) + GRACE))
    at, _ = yield from ask(Show(code))
    return (yield from wait(request, code, deadline, at))


def _log_outage(outage: Outage, reply: ServiceError | Fault, at: float, pause: float) -> Flow[Outage]:
    """Log a poll that failed, and warn once when polls have failed for long."""
    outage = outage.after(reply, at)
    if isinstance(reply, Fault):
        words = f"Poll {outage.attempt} failed: {reply.message}. The next poll is due in {pause:.3g} s."
        yield from ask(LogDebug(words))
        if outage.lasted(at) >= LONG_OUTAGE and not outage.warned:
            yield from ask(LogWarning(still_failing(outage.lasted(at), reply)))
            return replace(outage, warned=True)
    return outage


def until_lapse(code: DeviceCode, sent: float) -> Deadline:
    """Return the deadline at which a code that was requested at ``sent`` (monotonic seconds) expires."""
    return Deadline(sent + code.expires_in, lambda fault: code_lapsed(code.expires_in, fault), is_lapse=True)


def _until(code: DeviceCode, sent: float, started: float, timeout: float | None) -> Deadline:
    lapses = sent + code.expires_in
    if timeout is not None and started + timeout < lapses:
        seconds = timeout
        return Deadline(started + timeout, lambda fault: timed_out(seconds, fault))
    return until_lapse(code, sent)


def _due(pace: Pace, at: float, deadline: Deadline) -> float:
    due = at + pace.pause
    if pace.retry_after is not None and at + pace.interval * pace.margin <= deadline.at < due:
        # If Retry-After reaches past the deadline, poll once more at the deadline (RFC 8628 3.5 demands the wait).
        return deadline.at
    return due


def _end(reply: Reply, trouble: Fault | None, context: ErrorContext) -> Tokens | Failure | None:
    if isinstance(reply, Tokens):
        return reply
    if isinstance(reply, Fault):
        return unreachable(reply) if reply.kind in {FaultKind.CERTIFICATE, FaultKind.SETTING} else None
    if reply.error in ("authorization_pending", "slow_down"):
        return None
    # The reply with the token may have been lost or unreadable; the code is used up now.
    return refused(reply, trouble=trouble, context=context)
