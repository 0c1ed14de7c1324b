"""Run a credential's flow with threads: how each of its steps is performed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from doorcode import _clock
from doorcode._core.model import FlightResult, FlightRole
from doorcode._core.steps import (
    AwaitUser,
    Exchange,
    FinishSignIn,
    JoinFlight,
    Notify,
    RequestToken,
    Show,
    Sleep,
    StartSignIn,
)
from doorcode._sync.cancel_scope import CancelScope

if TYPE_CHECKING:
    from doorcode._core.model import Failure, TokenRequest, Tokens
    from doorcode._core.steps import Flow, Step
    from doorcode._session.prompt import PromptCallback
    from doorcode._session.prompt_hooks import SignInPrompts
    from doorcode._session.step_handler import StepHandler
    from doorcode._sync.prompt import Prompt

R = TypeVar("R")


class PromptingCredential(Protocol):
    """The credential, as its flow sees it: it prompts the user, and tells the user something."""

    def _request_token(self, *scopes: str, **kwargs: Any) -> dict[str, Any]: ...

    def _tell(self, message: str) -> None: ...

    @property
    def _prompt_callback(self) -> PromptCallback | None: ...


class Driver:
    """Run one flow with threads.

    Args:
        handler: performs the steps that both shells treat alike.
        credential: prompts the user; None for a flow without a prompt.

    Attributes:
        scope: where the flow waits; another thread can cancel it.
    """

    def __init__(self, handler: StepHandler, credential: PromptingCredential | None = None) -> None:
        self._handler = handler
        self._credential = credential
        self._prompts: SignInPrompts[Prompt] | None = None
        self.scope: CancelScope = CancelScope()

    def run(self, flow: Flow[R]) -> R:
        """Perform a flow's steps one after the other, in this thread.

        Args:
            flow: what to perform; it is closed in the end, whatever happens.

        Returns:
            The flow's result.

        Raises:
            Cancelled: the program has cancelled the scope.
        """
        with self.scope.entered():
            try:
                result = self._run(flow)
            except BaseException as exception:
                try:
                    self._finish(exception)
                finally:
                    self.release(exception)
                raise
        self.release(None)
        return result

    def _run(self, flow: Flow[R]) -> R:
        try:
            step = next(flow)
            while True:
                if not self._handler.keeps_tokens:
                    self.scope.check()
                answer = self.perform(step)
                step = flow.send((_clock.monotonic(), answer))
        except StopIteration as stop:
            result: R = stop.value
            return result
        finally:
            flow.close()

    def perform(self, step: Step[Any]) -> object:
        """Perform one step and return its answer."""
        with self._handler.inside():
            return self._perform(step)

    def _perform(self, step: Step[Any]) -> object:
        answer: object = None
        match step:
            case Sleep(seconds):
                if isinstance(step, AwaitUser) and self._prompts is not None and self._prompts.current is not None:
                    self._prompts.current.waiting(step.left)
                self.scope.sleep(seconds)
            case JoinFlight():
                answer = self._join(step)
            case Exchange():
                answer = self._exchange(step)
            case FinishSignIn(end):
                self._finish(end)
            case Notify() | Show() | RequestToken() if self._credential is not None:
                answer = self._prompt(step, self._credential)
            case _:
                if isinstance(step, StartSignIn):
                    self._sign_in_prompts().start()
                answer = self._handler.perform(step)
        return answer

    def _prompt(self, step: Notify | Show | RequestToken, credential: PromptingCredential) -> Tokens | Failure | None:
        match step:
            case Notify(message):
                credential._tell(message)  # noqa: SLF001 - as its prompt
            case Show(code):
                prompt = self._sign_in_prompts().for_code(credential._prompt_callback)  # noqa: SLF001 - likewise
                prompt.show(code)
            case RequestToken(request):
                return self._request(credential, request)
        return None

    def release(self, ended_by: BaseException | None) -> None:
        """Give back what the flow still holds."""
        self._handler.release(ended_by)

    def _sign_in_prompts(self) -> SignInPrompts[Prompt]:
        if self._prompts is None:
            from doorcode._session.prompt_hooks import SignInPrompts
            from doorcode._sync.prompt import Prompt

            self._prompts = SignInPrompts(Prompt)
        return self._prompts

    def _finish(self, end: Tokens | Failure | BaseException) -> None:
        """Tell the prompts of a sign-in how it ended."""
        for prompt, outcome in [] if self._prompts is None else self._prompts.finish(end):
            prompt.finish(outcome)

    def _join(self, step: JoinFlight) -> FlightRole | FlightResult:
        future = self._handler.join(step)
        if future is None:
            return FlightRole.LEAD
        return self.scope.join_flight(future) if step.wait else FlightRole.BUSY

    def _exchange(self, step: Exchange[Any]) -> object:
        handler, limits = self._handler, self._handler.session.limits
        answer = self.scope.call(
            lambda: handler.exchange(step), handler.on_late_result(step), step.wait(limits), step.kept(limits)
        )
        return handler.on_timeout(step) if answer is None else answer

    def _request(self, credential: PromptingCredential, request: TokenRequest) -> Tokens | Failure:
        with self._handler.calling_program(), self._sign_in_prompts().inside():
            result = credential._request_token(  # noqa: SLF001 - the seam that subclasses override
                *request.scopes,
                claims=request.claims,
                tenant_id=request.tenant_id,
                enable_cae=request.enable_cae,
                **request.options,
            )
        return self._handler.read_result(result, request)
