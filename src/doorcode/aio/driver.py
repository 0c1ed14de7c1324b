"""Run a credential's flow with asyncio: how each of its steps is performed here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol, TypeVar

from doorcode import _clock
from doorcode._core.model import Failure, FlightResult, FlightRole, TokenRequest, Tokens
from doorcode._core.steps import (
    AcceptSignIn,
    AwaitUser,
    Exchange,
    FinishFlight,
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


class _Led(NamedTuple):
    """A flight that this caller leads from now on, and the answer that says so."""

    name: tuple[str, ...]
    answer: tuple[float, Any]


class _Raised(NamedTuple):
    """An error of a task, for the caller's task to raise."""

    error: BaseException


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
        self._local: threading.Event | None = None  # set when the last work off the loop is done
        self._is_left = False  # the caller is gone; the flow stops at FinishFlight
        self._is_apart = False  # the task of its own has begun

    async def run(self, flow: Flow[R]) -> R:
        """Perform a flow's steps one after the other, in this task.

        A sign-in that other callers may wait for is performed in a task of its own. If this task is cancelled, the
        sign-in continues for these callers, so that the code or the page that the user was shown stays valid.

        Args:
            flow: what to perform; it is closed in the end, whatever happens.

        Returns:
            The flow's result.
        """
        result = await self._run(flow, None)
        return await self._run_apart(flow, result) if isinstance(result, _Led) else result

    async def _run(self, flow: Flow[R], answer: tuple[float, Any] | None) -> R | _Led:
        """Perform a flow's steps, and give back what it holds at its end.

        Args:
            flow: what to perform.
            answer: the answer to the step that was performed last; None before the first step.

        Returns:
            The flow's result; or the flight that is to continue in a task of its own.
        """
        try:
            result = await self._steps(flow, answer)
        except BaseException as exception:
            # Other tasks may get this error too, and clear the frames in its traceback. Before Python 3.13 that would
            # end this coroutine while it waits below, so its frame is taken out.
            exception.__traceback__ = exception.__traceback__ and exception.__traceback__.tb_next
            try:
                await self._finish(exception)
            finally:
                await self.release(exception)
            raise
        if not isinstance(result, _Led):
            await self.release(None)
        return result

    async def _steps(self, flow: Flow[R], answer: tuple[float, Any] | None) -> R | _Led:
        led: _Led | None = None
        apart = answer is not None
        try:
            step = next(flow) if answer is None else flow.send(answer)
            while True:
                reply = await self.perform(step)
                answer = _clock.monotonic(), reply
                if isinstance(step, JoinFlight) and step.outlives_call and reply is FlightRole.LEAD and not apart:
                    led = _Led(step.name, answer)
                    return led
                if isinstance(step, FinishFlight) and self._is_left:
                    raise asyncio.CancelledError
                step = flow.send(answer)
        except StopIteration as stop:
            result: R = stop.value
            return result
        finally:
            if led is None:
                flow.close()

    async def _run_apart(self, flow: Flow[R], led: _Led) -> R:
        """Perform the rest of a flow in a task of its own, and wait for it."""
        task = asyncio.create_task(self._outcome(flow, led.answer))
        task.add_done_callback(lambda _: self._end_unbegun(flow))
        try:
            await asyncio.wait([task])
        except BaseException as exception:
            self._is_left = self._handler.session.flights.hand_over(led.name, lambda: _cancel(task))
            if not self._is_left:
                with suppress(RuntimeError):  # the loop is closed
                    task.cancel()
                if isinstance(exception, asyncio.CancelledError):
                    await asyncio.wait([task])
            raise
        outcome = task.result()
        if isinstance(outcome, _Raised):
            try:
                raise outcome.error
            finally:
                del outcome, task  # they refer to the error, whose traceback refers to this frame
        return outcome

    def _end_unbegun(self, flow: Flow[R]) -> None:
        """End a flow whose own task was cancelled before its first step, so that none of its code has run."""
        if not self._is_apart:
            flow.close()
            self._give_up(asyncio.CancelledError())

    async def _outcome(self, flow: Flow[R], answer: tuple[float, Any]) -> R | _Raised:
        """Perform the rest of a flow, and return its result or its error.

        A KeyboardInterrupt or SystemExit that a task raises stops the event loop, so the caller's task raises it, and
        this one only if the caller is gone.
        """
        self._is_apart = True
        try:
            result = await self._run(flow, answer)
        except asyncio.CancelledError:
            raise
        except BaseException as exception:
            if self._is_left and not isinstance(exception, Exception):
                raise
            return _Raised(exception)
        assert not isinstance(result, _Led), "a flow that runs in a task of its own stays there"
        return result

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
                if isinstance(step, AcceptSignIn):
                    self._handler.keeps_tokens = True  # on the loop, where `CancelScope` looks at it
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
        future = self._handler.join(step, asyncio.get_running_loop().is_closed)
        if future is None:
            return FlightRole.LEAD
        if not step.wait:
            return FlightRole.BUSY
        with self._handler.session.flights.waiting(step.name, future):
            return await join_flight(future)

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


def _cancel(task: asyncio.Task[Any]) -> None:
    """Cancel a task, from any thread."""
    with suppress(RuntimeError):  # the loop is closed
        task.get_loop().call_soon_threadsafe(task.cancel)
