"""PendingSignIn: poll, wait for and cancel a sign-in that ``begin`` started, with threads."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from doorcode._core.steps import Poll
from doorcode._drive import Cancelled, Wait
from doorcode._pending import BasePending
from doorcode._record import AuthenticationRecord

if TYPE_CHECKING:
    from doorcode._core.device import Deadline
    from doorcode._core.device_reply import DeviceCode
    from doorcode._core.steps import TokenRequest
    from doorcode._session import Session


class PendingSignIn(BasePending):
    """A sign-in that a program drives itself: an agent, a server, anything that must not block.

    Thread-safe. What it brings lands in the cache and the record of the credential that began it.
    """

    def __init__(self, session: Session, request: TokenRequest, code: DeviceCode, deadline: Deadline) -> None:
        super().__init__(session, request, code, deadline)
        self._looking = threading.Lock()
        self._waiting = Wait()

    def poll(self) -> AuthenticationRecord | None:
        """Look once whether the person is done; blocks no longer than one request.

        Looking more often than ``interval`` sends nothing.

        Returns:
            the record, or None while the person is not done.

        Raises:
            ClientAuthenticationError: the sign-in ended without a token.
        """
        with self._looking:
            poll = self._next_poll()
            if poll is not None:
                self._wait_for(poll)
        return self._result()

    def wait(self, timeout: float | None = None) -> AuthenticationRecord:
        """Wait for the person.

        Args:
            timeout: seconds; None waits as long as the code is valid. The sign-in outlives it.

        Returns:
            the record.

        Raises:
            TimeoutError: the person was not done in time.
            ClientAuthenticationError: the sign-in ended without a token.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            record = self.poll()
            if record is not None:
                return record
            pause = self._pause_seconds
            if until is not None and time.monotonic() + pause > until:
                self._pause(max(0.0, until - time.monotonic()))
                raise self._not_yet(timeout)
            self._pause(pause)

    def cancel(self) -> None:
        """Give the sign-in up: no further poll is sent, and whoever waits gets a SignInCancelledError."""
        super().cancel()
        self._waiting.cancel()

    def _wait_for(self, poll: Poll) -> None:
        try:
            answered = self._waiting.call(lambda: self._look(poll), lambda _: None, poll.within)
        except Cancelled:
            return
        if not answered:
            self._hear_nothing(poll)

    def _pause(self, seconds: float) -> None:
        try:
            self._waiting.sleep(seconds)
        except Cancelled:
            self._result()
