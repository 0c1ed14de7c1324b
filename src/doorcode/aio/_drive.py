"""Perform a flow's steps with asyncio: waits on the loop, blocking work in daemon threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol, TypeAlias, TypeVar

from doorcode._core.steps import Flow, Step
from doorcode._job import Job

T = TypeVar("T")
R = TypeVar("R")
Alarm: TypeAlias = "tuple[asyncio.Future[None], Callable[[object], None]]"
"""A future of a loop, and what sets it: from any thread, at any time, again and again."""


class Performer(Protocol):
    """What a driver needs of a credential: the steps, performed."""

    def perform(self, step: Step[Any]) -> Awaitable[object]:
        """Perform one step and return its answer."""
        ...

    def release(self, ended_by: BaseException | None) -> Awaitable[None]:
        """Give back what the flow still holds, at its end."""
        ...


async def call(
    work: Callable[[], T], late: Callable[[T], object], within: float | None = None, woken_by: Alarm | None = None
) -> T | None:
    """Do blocking work in a thread of its own, and wait for it on the loop.

    A default executor would not do: the interpreter joins its threads at exit, and they wait for sockets.

    Args:
        work: what to do.
        late: what to do with its result when nobody waits any more: it came too late, or the task was cancelled.
        within: seconds to wait; None waits to its end.
        woken_by: what else ends the wait.

    Returns:
        its result; None when it is not done when the wait ends.
    """
    woken, wake = woken_by or alarm()
    job: Job[T] = Job(work, late, wake)
    job.start()
    try:
        await asyncio.wait([woken], timeout=within)
    except asyncio.CancelledError:
        if job.abandon():
            threading.Thread(target=_hand_over, args=(job, late), name="doorcode-late", daemon=True).start()
        raise
    return job.result() if job.abandon() else None


async def off_loop(work: Callable[[], T]) -> T:
    """Do local blocking work (a file, a keyring, a lock) in a thread of its own; it is done even when cancelled."""
    result = await call(lambda: (work(),), lambda _: None)
    assert result is not None, "without a limit, the work is waited for"
    return result[0]


async def sleep(seconds: float) -> None:
    """Wait on the loop; also for no time at all, so that other tasks have their turn."""
    await asyncio.sleep(seconds)


async def landing(future: Future[T]) -> T:
    """Wait for another task's, or another thread's, flight; cancelling this task leaves the flight alone."""
    # Not asyncio.wrap_future: cancelling what it returns would cancel the flight for everybody.
    woken, wake = alarm()
    future.add_done_callback(wake)
    await woken
    return future.result()


def alarm() -> Alarm:
    """Return an alarm of the running loop.

    Raises:
        RuntimeError: no asyncio loop runs here.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        message = "doorcode.aio runs on asyncio. Elsewhere, under trio for one, call doorcode's classes in a thread."
        raise RuntimeError(message) from None
    woken: asyncio.Future[None] = loop.create_future()

    def wake(_by: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(_resolve, woken)

    return woken, wake


async def run(flow: Flow[R], performer: Performer) -> R:
    """Perform a flow's steps one after the other, in this task.

    Args:
        flow: what to perform; it is closed in the end, whatever happens.
        performer: performs each step.

    Returns:
        what the flow returns.
    """
    try:
        result = await _run(flow, performer)
    except BaseException as exception:
        await performer.release(exception)
        raise
    await performer.release(None)
    return result


async def _run(flow: Flow[R], performer: Performer) -> R:
    try:
        step = next(flow)
        while True:
            answer = await performer.perform(step)
            step = flow.send((time.monotonic(), answer))
    except StopIteration as stop:
        result: R = stop.value
        return result
    finally:
        flow.close()


def _resolve(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _hand_over(job: Job[T], late: Callable[[T], object]) -> None:
    with suppress(Exception):  # nobody is left to tell
        late(job.result())
