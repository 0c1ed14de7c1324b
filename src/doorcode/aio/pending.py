"""PendingSignIn for asyncio: poll, wait for and cancel a sign-in that ``begin`` started."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from doorcode import _clock
from doorcode._core.model import Failure
from doorcode._frames import clears_frames
from doorcode._record import AuthenticationRecord
from doorcode._session.pending import BasePending
from doorcode.aio.cancel_scope import Alarm, alarm, call, off_loop, wait_for

if TYPE_CHECKING:
    from doorcode._core.flows.device_code import Deadline, Progress
    from doorcode._core.model import TokenRequest
    from doorcode._core.replies.device_code import DeviceCode
    from doorcode._session.session import Session


class PendingSignIn(BasePending):
    """A sign-in whose polls the program sends itself: an agent, a server, any program that streams its own progress.

    Use it from the tasks of one event loop; only :meth:`cancel` may be called from other threads. The tokens go to the
    cache of the credential that started it, and its record is set.
    """

    def __init__(
        self,
        session: Session,
        request: TokenRequest,
        code: DeviceCode,
        deadline: Deadline,
        progress: Progress | None = None,
    ) -> None:
        self._asleep: set[Callable[[object], None]] = set()
        super().__init__(session, request, code, deadline, progress)

    @clears_frames
    async def poll(self) -> AuthenticationRecord | None:
        """Ask once whether the user has signed in; takes no longer than one request.

        A call before ``interval`` has passed, or while another task polls, sends nothing. Cancelling the task abandons
        the poll, not the sign-in.

        Returns:
            The record, or None while the user has not signed in.

        Raises:
            ClientAuthenticationError: the sign-in ended without a token.
        """
        await self._look_once(None)
        return self._result()

    @clears_frames
    async def wait(self, timeout: float | None = None) -> AuthenticationRecord:
        """Wait for the user. Cancelling the task abandons the wait, not the sign-in.

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
        while not self.done and (until is None or _clock.monotonic() < until):
            await self._look_once(until)
            left = math.inf if until is None else until - _clock.monotonic()
            await self._pause(max(0.0, min(self._pause_seconds, left)))
        record = self._result()
        if record is None:
            raise self._not_yet(timeout)
        return record

    async def _look_once(self, until: float | None) -> None:
        """Send a poll if one is due, and wait for its reply, but no longer than ``until`` (monotonic seconds)."""
        poll = self._next_poll()
        if poll is None:
            return
        left = math.inf if until is None else until - _clock.monotonic()
        within, kept = self._handler.within(poll), self._handler.kept(poll)
        with self._until_the_end() as end:
            answered = await call(lambda: self._look(poll), lambda _: None, min(within, left), end, kept=kept)
        if not answered and within <= left and not self.done:
            await off_loop(lambda: self._hear_nothing(poll))

    async def _pause(self, seconds: float) -> None:
        with self._until_the_end() as (woken, _):
            await wait_for(woken, 0 if self.done else seconds)

    @contextmanager
    def _until_the_end(self) -> Generator[Alarm, None, None]:
        """Yield an alarm that the sign-in's end sets, even if another thread ends it."""
        signal = alarm()
        self._asleep.add(signal[1])
        try:
            yield signal
        finally:
            self._asleep.discard(signal[1])

    def _end(self, outcome: AuthenticationRecord | Failure) -> None:
        super()._end(outcome)
        for wake in list(self._asleep):
            wake(self)
