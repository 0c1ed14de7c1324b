"""PendingSignIn: poll, wait for and cancel a sign-in that ``begin`` started, with threads."""

from __future__ import annotations

import math
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from doorcode import _clock
from doorcode._core.messages.failures import cancelled
from doorcode._error_mapping import exception_for
from doorcode._frames import clears_frames
from doorcode._record import AuthenticationRecord
from doorcode._session.pending import BasePending
from doorcode._sync.cancel_scope import Cancelled, CancelScope

if TYPE_CHECKING:
    from collections.abc import Generator

    from doorcode._core.flows.device_code import Deadline, Progress
    from doorcode._core.model import Failure, TokenRequest
    from doorcode._core.replies.device_code import DeviceCode
    from doorcode._session.session import Session


class PendingSignIn(BasePending):
    """A sign-in whose polls the program sends itself: an agent, a server, any program that must not block.

    Thread-safe. The tokens go to the cache of the credential that started it, and its record is set.
    """

    def __init__(
        self,
        session: Session,
        request: TokenRequest,
        code: DeviceCode,
        deadline: Deadline,
        progress: Progress | None = None,
    ) -> None:
        self._looking = threading.Lock()
        self._waits: set[CancelScope] = set()
        super().__init__(session, request, code, deadline, progress)

    @clears_frames
    def poll(self) -> AuthenticationRecord | None:
        """Ask once whether the user has signed in; blocks no longer than one request.

        A call before ``interval`` has passed, or while another thread polls, sends nothing.

        Returns:
            The record, or None while the user has not signed in.

        Raises:
            ClientAuthenticationError: the sign-in ended without a token.
        """
        with self._waiting() as wait:
            self._look_once(wait, None)
        return self._result()

    @clears_frames
    def wait(self, timeout: float | None = None) -> AuthenticationRecord:
        """Wait for the user.

        Args:
            timeout: seconds; None waits as long as the code is valid. The sign-in continues after a timeout.

        Returns:
            The record.

        Raises:
            TimeoutError: the user has not signed in in time.
            ClientAuthenticationError: the sign-in ended without a token.
        """
        self._check_outside()
        until = None if timeout is None else _clock.monotonic() + timeout
        with self._waiting() as wait:
            while not self.done and (until is None or _clock.monotonic() < until):
                self._look_once(wait, until)
                left = math.inf if until is None else until - _clock.monotonic()
                wait.sleep(max(0.0, min(self._pause_seconds, left)))
        record = self._result()
        if record is None:
            raise self._not_yet(timeout)
        return record

    @contextmanager
    def _waiting(self) -> Generator[CancelScope]:
        """Yield the scope in which one call waits, and which the sign-in's end cancels.

        Raises:
            SignInCancelledError: the call of the program around this one was cancelled.
        """
        wait = CancelScope()
        self._waits.add(wait)
        try:
            yield wait
        except Cancelled:
            if not self.done:
                raise exception_for(cancelled(), self._request) from None
        finally:
            self._waits.discard(wait)

    def _look_once(self, wait: CancelScope, until: float | None) -> None:
        """Send a poll if one is due, and wait for its reply, but no longer than ``until`` (monotonic seconds)."""
        with self._looking:
            poll = self._next_poll()
        if poll is None:
            return
        left = math.inf if until is None else until - _clock.monotonic()
        within = self._handler.within(poll)
        answered = wait.call(lambda: self._look(poll), lambda _: None, min(within, left), self._handler.kept(poll))
        if not answered and within <= left:
            self._hear_nothing(poll)

    def _end(self, outcome: AuthenticationRecord | Failure) -> None:
        super()._end(outcome)
        for wait in list(self._waits):
            wait.cancel()
