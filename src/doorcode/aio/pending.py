"""PendingSignIn for asyncio: poll, wait for and cancel a sign-in that ``begin`` started."""

from __future__ import annotations

from collections.abc import Callable

from doorcode._core.flows.device_code import Deadline, Progress
from doorcode._core.model import TokenRequest
from doorcode._core.replies.device_code import DeviceCode
from doorcode._core.steps import Flow
from doorcode._frames import clears_frames
from doorcode._record import AuthenticationRecord
from doorcode._session.pending.sign_in import BasePending
from doorcode._session.session import Session
from doorcode.aio.driver import Driver
from doorcode.aio.waits import alarm


class PendingSignIn(BasePending):
    """A sign-in whose polls the program sends itself: an agent, a server, any program that streams its own progress.

    Use it from the tasks of one event loop; only ``cancel`` may be called from other threads. The tokens go to the
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
        await self._run(self._poll_once())
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
        await self._run(self._poll_until(timeout))
        return self._record_within(timeout)

    async def _run(self, flow: Flow[None]) -> None:
        """Run the flow of one call; the sign-in's end ends its waits, even if another thread ends it."""
        woken_by = alarm()
        self._asleep.add(woken_by[1])
        try:
            await Driver(self._stepper(), woken_by=woken_by).run(flow)
        finally:
            self._asleep.discard(woken_by[1])

    def _wake(self) -> None:
        for wake in list(self._asleep):
            wake(self)
