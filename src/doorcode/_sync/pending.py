"""PendingSignIn: poll, wait for and cancel a sign-in that ``begin`` started, with threads."""

from __future__ import annotations

from doorcode._core.flows.device_code import Deadline, Progress
from doorcode._core.messages.failures import cancelled
from doorcode._core.model import TokenRequest
from doorcode._core.replies.device_code import DeviceCode
from doorcode._core.steps import Flow
from doorcode._error_mapping import exception_for
from doorcode._frames import clears_frames
from doorcode._record import AuthenticationRecord
from doorcode._session.pending.sign_in import BasePending
from doorcode._session.session import Session
from doorcode._sync.cancel_scope import Cancelled, CancelScope
from doorcode._sync.driver import Driver


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
        self._run(self._poll_once())
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
        self._run(self._poll_until(timeout))
        return self._record_within(timeout)

    def _run(self, flow: Flow[None]) -> None:
        """Run the flow of one call; the sign-in's end ends it.

        Raises:
            SignInCancelledError: the call of the program around this one was cancelled.
        """
        driver = Driver(self._stepper())
        self._waits.add(driver.scope)
        try:
            driver.run(flow)
        except Cancelled:
            if not self.done:
                raise exception_for(cancelled(), self._request) from None
        finally:
            self._waits.discard(driver.scope)

    def _wake(self) -> None:
        for wait in list(self._waits):
            wait.cancel()
