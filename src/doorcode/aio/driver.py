"""Run a credential's flow with asyncio: how each of its steps is performed here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from doorcode import _clock
from doorcode._core.model import Failure, FlightResult, FlightRole, TokenRequest, Tokens
from doorcode._core.steps import (
    AwaitUser,
    Exchange,
    FinishSignIn,
    Flow,
    JoinFlight,
    Notify,
    RequestToken,
    Show,
    Sleep,
    StartSignIn,
    Step,
)
from doorcode._entra.worker import in_background
from doorcode._session.prompt import PromptCallback
from doorcode._session.prompt_hooks import SignInPrompts
from doorcode._session.step_handler import StepHandler
from doorcode.aio.prompt import Prompt
from doorcode.aio.waits import Alarm, alarm, call, join_flight, off_loop, sleep, wait_for

R = TypeVar("R")


class PromptingCredential(Protocol):
    """The credential, as its flow sees it: it prompts the user, and tells the user something."""

    async def _request_token(self, *scopes: str, **kwargs: Any) -> dict[str, Any]: ...

    def _tell(self, message: str) -> None: ...

    @property
    def _prompt_callback(self) -> PromptCallback | None: ...


class Driver:
    """Run one flow with asyncio.

    Args:
        handler: performs the steps that both shells treat alike.
        credential: prompts the user; None for a flow without a prompt.
        woken_by: an alarm that ends the flow's waits early.
    """

    def __init__(
        self,
        handler: StepHandler,
        credential: PromptingCredential | None = None,
        woken_by: Alarm | None = None,
    ) -> None:
        self._handler = handler
        self._credential = credential
        self._prompts: SignInPrompts[Prompt] | None = None
        self._woken_by = woken_by
        self._local: threading.Event | None = None

    async def run(self, flow: Flow[R]) -> R:
        """Perform a flow's steps one after the other, in this task.

        Args:
            flow: what to perform; it is closed in the end, whatever happens.

        Returns:
            The flow's result.
        """
        try:
            result = await self._run(flow)
        except BaseException as exception:
            # Other tasks may get this error too, and clear the frames in its traceback. Before Python 3.13 that would
            # end this coroutine while it waits below, so its frame is taken out.
            exception.__traceback__ = exception.__traceback__ and exception.__traceback__.tb_next
            try:
                await self._finish(exception)
            finally:
                await self.release(exception)
            raise
        await self.release(None)
        return result

    async def _run(self, flow: Flow[R]) -> R:
        try:
            step = next(flow)
            while True:
                answer = await self.perform(step)
                step = flow.send((_clock.monotonic(), answer))
        except StopIteration as stop:
            result: R = stop.value
            return result
        finally:
            flow.close()

    async def perform(self, step: Step[Any]) -> object:
        """Perform one step and return its answer."""
        with self._handler.inside():
            return await self._perform(step)

    async def _perform(self, step: Step[Any]) -> object:
        answer: object = None
        match step:
            case Sleep(seconds):
                if isinstance(step, AwaitUser) and self._prompts is not None and self._prompts.current is not None:
                    await self._prompts.current.waiting(step.left)
                await self._sleep(seconds)
            case JoinFlight():
                answer = await self._join(step)
            case Exchange():
                answer = await self._exchange(step)
            case FinishSignIn(end):
                await self._finish(end)
            case Notify() | Show() | RequestToken() if self._credential is not None:
                answer = await self._prompt(step, self._credential)
            case _ if step.blocks:
                answer = await self._off_loop(lambda: self._handler.perform(step))
            case _:
                if isinstance(step, StartSignIn):
                    self._sign_in_prompts().start()
                answer = self._handler.perform(step)
        return answer

    async def _prompt(
        self, step: Notify | Show | RequestToken, credential: PromptingCredential
    ) -> Tokens | Failure | None:
        match step:
            case Notify(message):
                await self._off_loop(lambda: credential._tell(message))  # noqa: SLF001 - as its prompt
            case Show(code):
                prompt = self._sign_in_prompts().for_code(credential._prompt_callback)  # noqa: SLF001 - likewise
                await prompt.show(code)
            case RequestToken(request):
                return await self._request(credential, request)
        return None

    async def release(self, ended_by: BaseException | None) -> None:
        """Give back what the flow still holds, in a thread if that may block; a cancelled task does not wait for it."""
        if ended_by is not None and not isinstance(ended_by, Exception):
            self._give_up(ended_by)
        elif self._handler.holds_lease:
            await off_loop(lambda: self._handler.release(ended_by))
        else:
            self._handler.release(ended_by)

    def _give_up(self, ended_by: BaseException) -> None:
        """Release at once, or after the last local work, which may still bring a lease or a token."""
        local = self._local
        busy = local is not None and not local.is_set()
        if not busy and not self._handler.holds_lease:
            self._handler.release(ended_by)
            return

        def hand_over() -> None:
            if local is not None:
                local.wait()
            self._handler.release(ended_by)

        in_background(hand_over, "doorcode-release")

    def _sign_in_prompts(self) -> SignInPrompts[Prompt]:
        if self._prompts is None:
            self._prompts = SignInPrompts(Prompt)
        return self._prompts

    async def _finish(self, end: Tokens | Failure | BaseException) -> None:
        """Tell the prompts of a sign-in how it ended."""
        for prompt, outcome in [] if self._prompts is None else self._prompts.finish(end):
            await prompt.finish(outcome)

    async def _join(self, step: JoinFlight) -> FlightRole | FlightResult:
        future = self._handler.join(step)
        if future is None:
            return FlightRole.LEAD
        return await join_flight(future) if step.wait else FlightRole.BUSY

    async def _sleep(self, seconds: float) -> None:
        if self._woken_by is None:
            await sleep(seconds)
        else:
            await wait_for(self._woken_by[0], seconds)

    def _one_alarm(self) -> Alarm | None:
        """Return an alarm for one request: its reply sets it, and so does the flow's own alarm."""
        if self._woken_by is None:
            return None
        one = alarm()
        self._woken_by[0].add_done_callback(one[1])
        return one

    async def _exchange(self, step: Exchange[Any]) -> object:
        handler, limits = self._handler, self._handler.session.limits
        answer = await call(
            lambda: handler.exchange(step),
            handler.on_late_result(step),
            step.wait(limits),
            self._one_alarm(),
            kept=step.kept(limits),
        )
        return handler.on_timeout(step) if answer is None else answer

    async def _request(self, credential: PromptingCredential, request: TokenRequest) -> Tokens | Failure:
        with self._handler.calling_program(), self._sign_in_prompts().inside():
            result = await credential._request_token(  # noqa: SLF001 - the seam that subclasses override
                *request.scopes,
                claims=request.claims,
                tenant_id=request.tenant_id,
                enable_cae=request.enable_cae,
                **request.options,
            )
        return await self._off_loop(lambda: self._handler.read_result(result, request))

    async def _off_loop(self, work: Callable[[], R]) -> R:
        done = self._local = threading.Event()

        def tracked() -> R:
            try:
                return work()
            finally:
                done.set()

        return await off_loop(tracked)
