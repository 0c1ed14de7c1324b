"""A pending sign-in: a code that the program shows, and the state of its polling between two calls."""

from __future__ import annotations

import logging
import math
import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Final

from doorcode import _clock
from doorcode._core.display import log_line, safe_repr
from doorcode._core.flows import device_code
from doorcode._core.flows.device_code import NO_OUTAGE, AwaitPoll, Deadline, Pace, Progress
from doorcode._core.messages.failures import cancelled
from doorcode._core.model import Failure, Reason, Reply, TokenRequest, Tokens
from doorcode._core.numeric_checks import check_wait
from doorcode._core.replies.device_code import DeviceCode
from doorcode._core.steps import Exchange, Flow, Poll, Sleep, Step, ask
from doorcode._core.values import value_class
from doorcode._error_mapping import exception_for
from doorcode._frames import clear, clears_frames
from doorcode._log import logger
from doorcode._record import AuthenticationRecord
from doorcode._session.nesting import held, holding, refuse_to_wait
from doorcode._session.pending.poll_pace import forget, remember
from doorcode._session.pending.text import write_pending
from doorcode._session.session import Session
from doorcode._session.step_handler import StepHandler, failure_of

if TYPE_CHECKING:
    from doorcode._core.flows.limits import RequestLimits

_LOGGER: Final = logger(__name__)
SOON: Final = 0.05
"""Seconds between checks while an abandoned request may still bring the answer."""


@value_class(frozen=True, slots=True)
class SendPoll(Exchange[bool]):
    """Send a poll of a pending sign-in and process its reply, even if the caller has gone; None if no reply came.

    ``left`` are the seconds that the caller waits at most; the poll has a time limit of its own.
    """

    redeems: ClassVar[bool] = True
    poll: Poll
    left: float
    within: float = math.inf

    def wait(self, limits: RequestLimits) -> float:
        """Return the seconds to wait for the reply."""
        return min(self.poll.wait(limits), self.left)

    def no_answer(self, host: str) -> bool:  # noqa: ARG002 - as declared
        """Return False: there is no reply."""
        return False


@value_class(frozen=True, slots=True)
class MissReply(Step[None]):
    """Process a poll whose reply did not come within its time limit."""

    blocks: ClassVar[bool] = True
    poll: Poll


class PendingStepHandler(StepHandler):
    """Perform the steps of one call of a pending sign-in.

    Args:
        pending: the sign-in.
        session: of its credential.
    """

    def __init__(self, pending: BasePending, session: Session) -> None:
        super().__init__(session, any_account=True)
        self._pending = pending

    def perform(self, step: Step[Any]) -> object:
        """Perform a step that does not wait."""
        if isinstance(step, MissReply):
            self._pending.miss_reply(step.poll)
            return None
        return super().perform(step)

    def exchange(self, step: Exchange[Any]) -> object:
        """Send a poll; blocks."""
        return self._pending.send(step.poll) if isinstance(step, SendPoll) else super().exchange(step)


class BasePending:
    """Hold a device code that a user may be entering.

    Attributes:
        verification_uri: the page where the user enters the code.
        user_code: the code.
        expires_on: when the code expires, an aware UTC ``datetime``.
        message: a sentence with both, without control characters.
    """

    def __init__(
        self,
        session: Session,
        request: TokenRequest,
        code: DeviceCode,
        deadline: Deadline,
        progress: Progress | None = None,
    ) -> None:
        self._session = session
        self._request = request
        self._code = code
        self._handler = StepHandler(session, any_account=True)
        self._flow = device_code.wait(request, code, deadline, _clock.monotonic(), progress)
        self._outcome: AuthenticationRecord | Failure | None = None
        self._ended_by: dict[str, object] = {}
        self._due = 0.0
        self._pace = Pace(code.interval)
        self._outage = NO_OUTAGE
        self._polled_on = code.expires_on - code.expires_in
        self._asked: Poll | None = None
        self._sent: Poll | None = None
        self._reply_lock = threading.Lock()
        self._poll_lock = threading.RLock()
        self._follow(next(self._flow))
        self.verification_uri: str = code.verification_uri
        self.user_code: str = code.user_code
        self.expires_on: datetime = datetime.fromtimestamp(code.expires_on, timezone.utc)
        self.message: str = code.message
        session.started(self)

    @property
    def interval(self) -> float:
        """Return the seconds between two polls that the authority demands: more after each ``slow_down``."""
        return self._pace.interval

    @property
    def done(self) -> bool:
        """Return whether the sign-in has ended, with or without success."""
        return self._outcome is not None

    def cancel(self) -> None:
        """Cancel the sign-in: no further poll is sent, and waiting calls raise SignInCancelledError.

        If the authority has sent the tokens already, the sign-in succeeds: this method comes too late.
        """
        self._end(cancelled())

    @clears_frames
    def serialize(self) -> str:
        """Return the sign-in as JSON text, with which another process can finish it: ``credential.resume(text)``.

        The text holds the device code. It is a secret: keep it as you would keep a password. It records when the last
        poll was sent and when the next is due, so keep the text that you got after the last ``poll``.
        """
        return write_pending(self._session.config, self._request, self._code, self._progress, self._polled_on)

    @safe_repr
    def __repr__(self) -> str:
        state = "done" if self.done else "waiting for the user"
        return f"<{type(self).__name__}: {state}, expires_on={self.expires_on.isoformat()}>"

    def _poll_once(self, until: float | None = None) -> Flow[None]:
        """Send a poll if one is due, and wait for its reply, but no longer than ``until`` (monotonic seconds)."""
        with self._poll_lock:
            poll = self._next_poll()
        if poll is None:
            return
        left = math.inf if until is None else until - _clock.monotonic()
        _, answered = yield from ask(SendPoll(poll, left))
        if not answered and poll.wait(self._session.limits) <= left and not self.done:
            yield from ask(MissReply(poll))

    def _poll_until(self, timeout: float | None) -> Flow[None]:
        """Send polls as they are due, until the sign-in ends or so many seconds have passed.

        Raises:
            TypeError: the number of seconds is none.
            ValueError: it is NaN.
        """
        seconds = check_wait(timeout)
        return self._polls_until(None if seconds is None else _clock.monotonic() + seconds)

    def _polls_until(self, until: float | None) -> Flow[None]:
        while not self.done and (until is None or _clock.monotonic() < until):
            yield from self._poll_once(until)
            left = math.inf if until is None else until - _clock.monotonic()
            yield from ask(Sleep(max(0.0, min(self._pause_seconds, left))))

    def _stepper(self) -> PendingStepHandler:
        return PendingStepHandler(self, self._session)

    def _next_poll(self) -> Poll | None:
        """Return the poll to send now; None if none is due, if one is under way, or if the sign-in has ended."""
        while self._outcome is None and self._asked is None and _clock.monotonic() >= self._due:
            self._follow(self._send(None))
        if self._outcome is not None or self._asked is self._sent:
            return None
        self._sent = self._asked
        self._polled_on = time.time()
        remember(self._code, self._progress)
        return self._asked

    @property
    def _pause_seconds(self) -> float:
        """Return the seconds until the next check makes sense."""
        if self.done:
            return 0.0
        return max(0.0, self._due - _clock.monotonic()) if self._asked is None else SOON

    @property
    def _progress(self) -> Progress:
        """Return the progress of the sign-in; while a poll is under way, the next is due one pause from now."""
        due = self._due if self._asked is None else _clock.monotonic() + self._pace.pause
        return Progress(self._pace, due, self._outage)

    def send(self, poll: Poll) -> bool:
        """Send a poll and process its reply, even if the caller has stopped waiting; blocks."""
        try:
            # If a cache cannot be used, fail before the code is used up: a sign-in is stored in both.
            for cae in (False, True):
                self._session.cache(cae=cae)
            with holding(self):
                reply = self._handler.exchange(poll)
        except BaseException:
            self._sent = None
            raise
        self._process(poll, reply)  # type: ignore[arg-type] # a poll's answer
        return True

    def _check_outside(self) -> None:
        """Refuse to wait inside a request of this same sign-in.

        Raises:
            AuthenticationFailedError: a hook or a log handler would wait for its own caller.
        """
        if self in held():
            refuse_to_wait()

    def miss_reply(self, poll: Poll) -> None:
        """Process a poll that was not answered in time; may block briefly."""
        self._process(poll, self._handler.on_timeout(poll))  # type: ignore[arg-type] # a poll's answer

    def _process(self, poll: Poll, reply: Reply) -> None:
        """Process the reply to a poll; a late reply counts if it brings the tokens."""
        with self._reply_lock:
            try:
                if self._outcome is not None:
                    self._handler.on_late_result(poll)(reply)
                elif poll is self._asked:
                    self._follow(self._send(reply))
                elif isinstance(reply, Tokens):
                    self._accept(reply)
            except BaseException as error:
                if not (self._fail(error) and isinstance(error, Exception)):
                    raise

    def _send(self, answer: object) -> Step[Any] | None:
        try:
            return self._flow.send((_clock.monotonic(), answer))
        except StopIteration as stop:
            outcome: Tokens | Failure = stop.value
            if isinstance(outcome, Tokens):
                self._accept(outcome)
            else:
                self._end(outcome)
            return None

    def _follow(self, step: Step[Any] | None) -> None:
        while step is not None and not isinstance(step, (AwaitPoll, Poll)):
            step = self._send(self._handler.perform(step))
        if isinstance(step, AwaitPoll):
            self._due = _clock.monotonic() + step.seconds
            self._pace, self._outage = step.pace, step.outage
            remember(self._code, Progress(self._pace, self._due, self._outage))
        self._asked = step if isinstance(step, Poll) else None

    def _accept(self, tokens: Tokens) -> None:
        """Store the tokens, and end the sign-in; if it was cancelled, as the tokens of a late reply."""
        in_time = self._is_ended_by(tokens)
        kept = self._handler.accept(tokens, self._request, self._handler.since, any_account=in_time)
        if in_time:
            self._conclude(kept if isinstance(kept, Failure) else self._record_of(kept))

    def _fail(self, error: BaseException) -> bool:
        """End the sign-in, as the reply to a poll could not be processed; return False if it had ended before."""
        clear(error)  # it is kept, and its frames hold the reply
        failure = failure_of(error) or cancelled()
        first = self._ended_by.setdefault("first", failure)
        is_end = self._outcome is None and (first is failure or isinstance(first, Tokens))
        if is_end:
            self._conclude(failure)
        return is_end

    def _record_of(self, tokens: Tokens) -> AuthenticationRecord:
        record = self._session.account.record_of(tokens.token)
        assert record is not None, "a sign-in that ended well names an account"
        return record

    def _end(self, failure: Failure) -> None:
        if self._is_ended_by(failure):
            self._conclude(failure)

    def _is_ended_by(self, end: Tokens | Failure) -> bool:
        """Return whether this is the first end of the sign-in: later ones do not count."""
        # One operation, and no lock: a signal handler may cancel in the middle of another call.
        return self._ended_by.setdefault("first", end) is end

    def _conclude(self, outcome: AuthenticationRecord | Failure) -> None:
        self._outcome = outcome
        self._ended_by["first"] = outcome  # without the tokens
        forget(self._code)
        try:
            if isinstance(outcome, Failure):
                # A server cancels the sign-in of each visitor who leaves: nothing is wrong then.
                level = logging.INFO if outcome.reason is Reason.CANCELLED else logging.WARNING
                _LOGGER.log(level, "%s failed: %s", type(self).__name__, log_line(outcome.message))
            else:
                _LOGGER.info("%s succeeded", type(self).__name__)
        finally:
            self._wake()  # last, so that the line is in the log when a call that waits returns

    def _wake(self) -> None:
        """End the waits of the calls that are under way."""
        raise NotImplementedError

    def _record_within(self, timeout: float | None) -> AuthenticationRecord:
        """Return the record, now that so many seconds have passed.

        Raises:
            TimeoutError: the user has not signed in in time.
        """
        record = self._result()
        if record is None:
            raise TimeoutError(f"The user has not signed in within {timeout:g} s; the sign-in goes on.")
        return record

    def _result(self) -> AuthenticationRecord | None:
        """Return the record if the sign-in has succeeded, None while it is pending.

        Raises:
            AuthenticationFailedError: it ended without a token.
        """
        if isinstance(self._outcome, Failure):
            error = exception_for(self._outcome, self._request)
            raise error from error.__cause__
        return self._outcome
