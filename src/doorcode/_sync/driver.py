"""Run a credential's flow with threads: how each of its steps is performed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from doorcode._core.model import Failure, FlightResult, FlightRole
from doorcode._core.steps import AskUser, AwaitUser, Exchange, JoinFlight, Notify, Show, Sleep
from doorcode._sync.cancel_scope import Cancelled, CancelScope, run

if TYPE_CHECKING:
    from doorcode._core.model import TokenRequest, Tokens
    from doorcode._core.steps import Flow, Step
    from doorcode._session.session import CanCancel
    from doorcode._session.step_handler import StepHandler
    from doorcode._sync.prompt import Prompt

R = TypeVar("R")


class PromptingCredential(Protocol):
    """The credential, as its flow sees it: it prompts the user, and tells the user something."""

    def _request_token(self, *scopes: str, **kwargs: Any) -> dict[str, Any]: ...

    def _tell(self, message: str) -> None: ...


def drive(
    flow: Flow[R | Failure],
    credential: PromptingCredential,
    handler: StepHandler,
    prompt: Prompt | None,
    waits: set[CanCancel],
) -> R | Failure:
    """Run a flow in this thread.

    Args:
        flow: the flow.
        credential: the credential that prompts the user.
        handler: performs the steps that both shells treat alike.
        prompt: shows codes to the user.
        waits: the scopes that ``cancel`` ends; this flow's is one of them while it runs.
    """
    wait = CancelScope()
    waits.add(wait)
    try:
        return run(flow, Driver(credential, handler, prompt), wait)
    except Cancelled:
        from doorcode._core.messages.failures import cancelled

        return cancelled()
    finally:
        waits.discard(wait)


class Driver:
    """Perform the steps of one flow of a credential, with threads."""

    def __init__(self, credential: PromptingCredential, handler: StepHandler, prompt: Prompt | None) -> None:
        self._credential = credential
        self._handler = handler
        self._prompt = prompt

    def perform(self, step: Step[Any], wait: CancelScope) -> object:
        """Perform one step and return its answer."""
        with self._handler.inside():
            return self._perform(step, wait)

    def _perform(self, step: Step[Any], wait: CancelScope) -> object:
        answer: object = None
        match step:
            case AwaitUser(seconds, left) if self._prompt is not None:
                self._prompt.waiting(left)
                wait.sleep(seconds)
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
            case Show(code) if self._prompt is not None:
                self._prompt.show(code)
            case _:
                answer = self._handler.perform(step)
        return answer

    def release(self, ended_by: BaseException | None) -> None:
        """Give back what the flow still holds."""
        self._handler.release(ended_by)

    def _join(self, step: JoinFlight, wait: CancelScope) -> FlightRole | FlightResult:
        future = self._handler.join(step)
        if future is None:
            return FlightRole.LEAD
        return wait.join_flight(future) if step.wait else FlightRole.BUSY

    def _exchange(self, step: Exchange[Any], wait: CancelScope) -> object:
        handler = self._handler
        answer = wait.call(
            lambda: handler.exchange(step), handler.on_late_result(step), handler.within(step), handler.kept(step)
        )
        return handler.on_timeout(step) if answer is None else answer

    def _ask(self, request: TokenRequest) -> Tokens | Failure:
        from doorcode._sync.prompt import signing_in

        with signing_in() as sign_in:
            sign_in.end = answer = self._sign_in(request)
        return answer

    def _sign_in(self, request: TokenRequest) -> Tokens | Failure:
        with self._handler.asking():
            result = self._credential._request_token(  # noqa: SLF001 - the seam that subclasses override
                *request.scopes,
                claims=request.claims,
                tenant_id=request.tenant_id,
                enable_cae=request.enable_cae,
                **request.options,
            )
        return self._handler.signed_in(result, request)
