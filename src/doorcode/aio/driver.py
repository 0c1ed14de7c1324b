"""Run a credential's flow with asyncio: how each of its steps is performed here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from doorcode._core.model import Failure, FlightResult, FlightRole, TokenRequest, Tokens
from doorcode._core.steps import (
    AskUser,
    AwaitUser,
    DropLease,
    Exchange,
    FindLeaseHolder,
    JoinFlight,
    Notify,
    PromptLives,
    ReadCache,
    RenewLease,
    Show,
    Sleep,
    Step,
    TakeLease,
    WarmUp,
)
from doorcode._session.step_handler import StepHandler
from doorcode._worker import in_background
from doorcode.aio.cancel_scope import call, join_flight, off_loop, sleep
from doorcode.aio.prompt import Prompt, signing_in

R = TypeVar("R")


class PromptingCredential(Protocol):
    """The credential, as its flow sees it: it prompts the user, and tells the user something."""

    async def _request_token(self, *scopes: str, **kwargs: Any) -> dict[str, Any]: ...

    def _tell(self, message: str) -> None: ...


class Driver:
    """Perform the steps of one flow of a credential, with asyncio."""

    def __init__(self, credential: PromptingCredential, handler: StepHandler, prompt: Prompt | None) -> None:
        self._credential = credential
        self._handler = handler
        self._prompt = prompt
        self._local: threading.Event | None = None

    async def perform(self, step: Step[Any]) -> object:
        """Perform one step and return its answer."""
        with self._handler.inside():
            return await self._perform(step)

    async def _perform(self, step: Step[Any]) -> object:
        answer: object = None
        match step:
            case AwaitUser(seconds, left) if self._prompt is not None:
                await self._prompt.waiting(left)
                await sleep(seconds)
            case Sleep(seconds):
                await sleep(seconds)
            case JoinFlight():
                answer = await self._join(step)
            case Exchange():
                answer = await self._exchange(step)
            case Notify(message):
                await self._off_loop(lambda: self._credential._tell(message))  # noqa: SLF001 - as its prompt
            case AskUser(request):
                answer = await self._ask(request)
            case Show(code) if self._prompt is not None:
                await self._prompt.show(code)
            case ReadCache() | WarmUp() | TakeLease() | RenewLease() | DropLease() | FindLeaseHolder() | PromptLives():
                answer = await self._off_loop(lambda: self._handler.perform(step))
            case _:
                answer = self._handler.perform(step)
        return answer

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

    async def _join(self, step: JoinFlight) -> FlightRole | FlightResult:
        future = self._handler.join(step)
        if future is None:
            return FlightRole.LEAD
        return await join_flight(future) if step.wait else FlightRole.BUSY

    async def _exchange(self, step: Exchange[Any]) -> object:
        handler = self._handler
        answer = await call(
            lambda: handler.exchange(step), handler.on_late_result(step), handler.within(step), kept=handler.kept(step)
        )
        return handler.on_timeout(step) if answer is None else answer

    async def _ask(self, request: TokenRequest) -> Tokens | Failure:
        async with signing_in() as sign_in:
            sign_in.end = answer = await self._sign_in(request)
        return answer

    async def _sign_in(self, request: TokenRequest) -> Tokens | Failure:
        with self._handler.asking():
            result = await self._credential._request_token(  # noqa: SLF001 - the seam that subclasses override
                *request.scopes,
                claims=request.claims,
                tenant_id=request.tenant_id,
                enable_cae=request.enable_cae,
                **request.options,
            )
        return await self._off_loop(lambda: self._handler.signed_in(result, request))

    async def _off_loop(self, work: Callable[[], R]) -> R:
        done = self._local = threading.Event()

        def tracked() -> R:
            try:
                return work()
            finally:
                done.set()

        return await off_loop(tracked)
