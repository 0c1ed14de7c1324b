"""Perform a flow's steps with threads."""

from __future__ import annotations

import queue
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from doorcode import _clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from doorcode._core.steps import Flow, Step
    from doorcode._worker import Worker

T = TypeVar("T")
R = TypeVar("R")
SLICE: Final = 0.5
"""Seconds of one wait: between two of them, Windows delivers Ctrl-C."""


class Cancelled(BaseException):
    """Say that the program gave the flow up: a signal between threads, as asyncio's CancelledError between tasks."""


class Performer(Protocol):
    """What a driver needs of a credential: the steps, performed."""

    def perform(self, step: Step[Any], wait: CancelScope) -> object:
        """Perform one step and return its answer."""
        ...

    def release(self, ended_by: BaseException | None) -> None:
        """Give back what the flow still holds, at its end."""
        ...


class CancelScope:
    """Let one thread wait: for a time, for a request, for another thread's flight. ``cancel`` ends any of these.

    One that is made while a flow is driven, for a flow inside it, ends with the outer one.
    """

    def __init__(self) -> None:
        self._outer = _DRIVEN.get()
        self._events: queue.SimpleQueue[Worker[Any] | None] = queue.SimpleQueue()
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End whatever is waited for; safe from any thread."""
        self._cancelled.set()
        self._events.put(None)

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds.

        Raises:
            Cancelled: the program gave up.
        """
        self._until(_clock.monotonic() + seconds, None)

    def call(self, work: Callable[[], T], late: Callable[[T], object], within: float, kept: float = 0.0) -> T | None:
        """Do blocking work in a thread of its own, and wait for it for so many seconds.

        Args:
            work: what to do.
            late: what to do with its result when it comes too late.
            within: seconds to wait.
            kept: seconds for which a request of the work's goes on when nobody waits any more.

        Returns:
            its result; None when it is not done in time: then ``late`` gets it.

        Raises:
            Cancelled: the program gave up.
        """
        from doorcode._worker import Worker, hand_over  # loaded by the first request: a stored token does without

        job: Worker[T] = Worker(work, late, self._events.put, kept)
        job.start()
        try:
            self._until(_clock.monotonic() + within, job)
        except BaseException:
            if job.abandon():
                hand_over(job, late)
            raise
        return job.result() if job.abandon() else None

    def landing(self, future: Future[T]) -> T:
        """Wait for another thread's flight.

        Raises:
            Cancelled: the program gave up.
        """
        from concurrent.futures import TimeoutError as FutureTimeoutError

        while True:
            self.check()
            try:
                return future.result(timeout=SLICE)
            except FutureTimeoutError:
                continue

    def _until(self, until: float, job: Worker[Any] | None) -> None:
        """Wait until then, or until the job is done. What an abandoned job still reports is passed over."""
        while True:
            self.check()
            left = until - _clock.monotonic()
            try:
                event = self._events.get(timeout=max(0.0, min(left, SLICE)))
            except queue.Empty:
                if left <= SLICE:
                    return
            else:
                if event is not None and event is job:
                    return

    def check(self) -> None:
        """Go on, unless the program gave up.

        Raises:
            Cancelled: it did.
        """
        if self._cancelled.is_set():
            raise Cancelled
        if self._outer is not None:
            self._outer.check()


_DRIVEN: Final[ContextVar[CancelScope | None]] = ContextVar("driven", default=None)
"""How the flow waits that is driven in this context."""


def run(flow: Flow[R], performer: Performer, wait: CancelScope) -> R:
    """Perform a flow's steps one after the other, in this thread.

    Args:
        flow: what to perform; it is closed in the end, whatever happens.
        performer: performs each step.
        wait: how this thread waits, and how another one can end that.

    Returns:
        what the flow returns.
    """
    token = _DRIVEN.set(wait)
    try:
        result = _run(flow, performer, wait)
    except BaseException as exception:
        performer.release(exception)
        raise
    finally:
        _DRIVEN.reset(token)
    performer.release(None)
    return result


def _run(flow: Flow[R], performer: Performer, wait: CancelScope) -> R:
    try:
        step = next(flow)
        while True:
            wait.check()
            answer = performer.perform(step, wait)
            step = flow.send((_clock.monotonic(), answer))
    except StopIteration as stop:
        result: R = stop.value
        return result
    finally:
        flow.close()
