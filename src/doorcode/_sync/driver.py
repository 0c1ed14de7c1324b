"""A credential's flow, driven with threads: what each of its steps means here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from doorcode._core.steps import AskUser, Exchange, Failure, FlightResult, FlightRole, JoinFlight, Notify, Show, Sleep
from doorcode._sync.cancel_scope import Cancelled, CancelScope, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from doorcode._core.replies.device_code import DeviceCode
    from doorcode._core.steps import Flow, Step, TokenRequest, Tokens
    from doorcode._session.session import CanCancel
    from doorcode._session.step_handler import StepHandler

R = TypeVar("R")


class Asking(Protocol):
    """What a flow needs of its credential: the seam that asks the user, and what tells them something."""

    def _request_token(self, *scopes: str, **kwargs: Any) -> dict[str, Any]: ...

    def _tell(self, message: str) -> None: ...


def drive(
    flow: Flow[R | Failure],
    credential: Asking,
    turn: StepHandler,
    show: Callable[[DeviceCode], object] | None,
    waits: set[CanCancel],
) -> R | Failure:
    """Perform a flow in this thread.

    Args:
        flow: what to perform.
        credential: whose user is asked.
        turn: the flow's turn in the credential's session.
        show: shows a code to the user.
        waits: what ``cancel`` ends; this thread's is in there meanwhile.
    """
    wait = CancelScope()
    waits.add(wait)
    try:
        return run(flow, Performer(credential, turn, show), wait)
    except Cancelled:
        from doorcode._core.messages.failures import cancelled

        return cancelled()
    finally:
        waits.discard(wait)


class Performer:
    """Perform the steps of one flow of a credential, with threads."""

    def __init__(self, credential: Asking, turn: StepHandler, show: Callable[[DeviceCode], object] | None) -> None:
        self._credential = credential
        self._turn = turn
        self._show = show

    def perform(self, step: Step[Any], wait: CancelScope) -> object:
        """Perform one step and return its answer."""
        with self._turn.inside():
            return self._perform(step, wait)

    def _perform(self, step: Step[Any], wait: CancelScope) -> object:
        answer: object = None
        match step:
            case Sleep(seconds):
                wait.sleep(seconds)
            case JoinFlight():
                answer = self._join(step, wait)
            case Exchange():
                answer = self._exchange(step, wait)
            case Notify(message):
                self._credential._tell(message)  # noqa: SLF001 - as its prompt
            case AskUser(request):
                answer = self._ask(request)
            case Show(code) if self._show is not None:
                self._show(code)
            case _:
                answer = self._turn.perform(step)
        return answer

    def release(self, ended_by: BaseException | None) -> None:
        """Give back what the flow still holds."""
        self._turn.release(ended_by)

    def _join(self, step: JoinFlight, wait: CancelScope) -> FlightRole | FlightResult:
        landing = self._turn.join(step)
        if landing is None:
            return FlightRole.LEAD
        return wait.landing(landing) if step.wait else FlightRole.BUSY

    def _exchange(self, step: Exchange[Any], wait: CancelScope) -> object:
        turn = self._turn
        answer = wait.call(lambda: turn.exchange(step), turn.late(step), turn.within(step), turn.kept(step))
        return turn.silence(step) if answer is None else answer

    def _ask(self, request: TokenRequest) -> Tokens | Failure:
        with self._turn.asking():
            result = self._credential._request_token(  # noqa: SLF001 - the seam that subclasses override
                *request.scopes,
                claims=request.claims,
                tenant_id=request.tenant_id,
                enable_cae=request.enable_cae,
                **request.options,
            )
        return self._turn.signed_in(result, request)
