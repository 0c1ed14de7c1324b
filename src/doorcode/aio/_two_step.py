"""PendingSignIn for asyncio: poll, wait for and cancel a sign-in that ``begin`` started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from doorcode._core.steps import Failure
from doorcode._pending import BasePending
from doorcode._record import AuthenticationRecord
from doorcode.aio._drive import Alarm, alarm, call, off_loop

if TYPE_CHECKING:
    from doorcode._core.device import Deadline
    from doorcode._core.device_reply import DeviceCode
    from doorcode._core.steps import TokenRequest
    from doorcode._session import Session


class PendingSignIn(BasePending):
    """A sign-in that a program drives itself: an agent, a server, anything that streams its own progress.

    For the tasks of one event loop; only :meth:`cancel` may be called from other threads. What it brings lands in
    the cache and the record of the credential that began it.
    """

    def __init__(self, session: Session, request: TokenRequest, code: DeviceCode, deadline: Deadline) -> None:
        super().__init__(session, request, code, deadline)
        self._asleep: set[Callable[[object], None]] = set()

    async def poll(self) -> AuthenticationRecord | None:
        """Look once whether the person is done; takes no longer than one request.

        Looking more often than ``interval``, or while another task looks, sends nothing. Cancelling the task gives up
        the look, not the sign-in.

        Returns:
            the record, or None while the person is not done.

        Raises:
            ClientAuthenticationError: the sign-in ended without a token.
        """
        poll = self._next_poll()
        if poll is not None:
            with self._until_the_end() as end:
                answered = await call(lambda: self._look(poll), lambda _: None, poll.within, end)
            if not answered and not self.done:
                await off_loop(lambda: self._hear_nothing(poll))
        return self._result()

    async def wait(self, timeout: float | None = None) -> AuthenticationRecord:
        """Wait for the person. Cancelling the task gives up the wait, not the sign-in.

        Args:
            timeout: seconds; None waits as long as the code is valid. The sign-in outlives it.

        Returns:
            the record.

        Raises:
            TimeoutError: the person was not done in time.
            ClientAuthenticationError: the sign-in ended without a token.
        """
        try:
            return await asyncio.wait_for(self._wait(), timeout)
        except asyncio.TimeoutError:  # another class than TimeoutError in Python 3.10
            record = self._result()
            if record is None:
                raise self._not_yet(timeout) from None
            return record

    async def _wait(self) -> AuthenticationRecord:
        while True:
            record = await self.poll()
            if record is not None:
                return record
            await self._pause(self._pause_seconds)

    async def _pause(self, seconds: float) -> None:
        with self._until_the_end() as (woken, _):
            await asyncio.wait([woken], timeout=0 if self.done else seconds)

    @contextmanager
    def _until_the_end(self) -> Generator[Alarm, None, None]:
        """Give an alarm that the sign-in's end sets, whoever ends it."""
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
