"""Wait on an event loop, and do blocking work in daemon threads meanwhile."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeAlias, TypeVar

from doorcode import _clock
from doorcode._entra.worker import Worker, hand_over, in_background

T = TypeVar("T")
Alarm: TypeAlias = "tuple[asyncio.Future[None], Callable[[object], None]]"
"""A future of a loop, and the function that sets it, which may be called from any thread and repeatedly."""


async def call(
    work: Callable[[], T],
    on_late_result: Callable[[T], object],
    within: float | None = None,
    woken_by: Alarm | None = None,
    *,
    kept: float = 0.0,
) -> T | None:
    """Do blocking work in a thread of its own, and wait for it on the loop.

    A default executor would not do: the interpreter joins its threads at exit, and they wait for sockets.

    Args:
        work: the function to call.
        on_late_result: called with a result that arrives after the wait or after the task was cancelled.
        within: seconds to wait; None waits until it ends.
        woken_by: an alarm that also ends the wait.
        kept: seconds for which an abandoned request continues.

    Returns:
        Its result; None if it has not ended when the wait ends.
    """
    woken, wake = woken_by or alarm()
    worker: Worker[T] = Worker(work, on_late_result, wake, kept)
    try:
        worker.start()
        await wait_for(woken, within)
    except BaseException:
        if worker.abandon():
            in_background(lambda: hand_over(worker, on_late_result), "doorcode-late")
        raise
    return worker.result() if worker.abandon() else None


async def off_loop(work: Callable[[], T]) -> T:
    """Do local blocking work (a file, a keyring, a lock) in a thread of its own; a cancelled task still finishes it."""
    result = await call(lambda: (work(),), lambda _: None)
    assert result is not None, "without a limit, the work is waited for"
    return result[0]


async def in_daemon_thread(work: Callable[[], T]) -> T | BaseException:
    """Do work that may wait for the user in a thread of its own, and return what it returned or raised.

    A cancelled task leaves the work to its own end.
    """
    outcome: Future[T | BaseException] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            outcome.set_result(context.run(work))
        except BaseException as exception:  # noqa: BLE001 - the caller raises it again, with fewer frames
            outcome.set_result(exception)

    in_background(run, "doorcode-credential")
    return await join_flight(outcome)


async def sleep(seconds: float) -> None:
    """Wait on the loop; with 0, give other tasks a chance to run."""
    if _clock.is_replaced() and seconds > 0:
        await wait_for(asyncio.get_running_loop().create_future(), seconds)
    else:
        await asyncio.sleep(seconds)


async def wait_for(woken: asyncio.Future[None], seconds: float | None) -> None:
    """Wait for a future, at most so many seconds; None waits until it is set."""
    if seconds is None or not _clock.is_replaced():
        await asyncio.wait([woken], timeout=seconds)
        return
    # The loop's own clock may be frozen, and then its time-outs never fire, so a thread keeps the time.
    over, ring = alarm()
    timer = threading.Timer(seconds, ring, (None,))
    timer.daemon = True
    timer.start()
    try:
        await asyncio.wait([woken, over], return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()


async def join_flight(future: Future[T]) -> T:
    """Wait for a flight that another task or thread leads; cancelling this task does not cancel the flight."""
    # Not asyncio.wrap_future: cancelling the future that it returns would cancel the flight for all callers.
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


def _resolve(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
