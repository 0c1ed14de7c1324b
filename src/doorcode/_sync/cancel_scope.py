"""Wait in a thread, so that another thread can cancel the wait."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

from doorcode import _clock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Future

    from doorcode._entra.worker import Worker

T = TypeVar("T")
SLICE: Final = 0.5
"""Seconds of one wait: Windows delivers Ctrl-C between two waits."""


class Cancelled(BaseException):
    """The program cancelled the flow: a signal between threads, as asyncio's CancelledError between tasks."""


class CancelScope:
    """Let one thread wait for a time, a request or another thread's flight; ``cancel`` ends the wait.

    A nested scope is cancelled with its parent.
    """

    def __init__(self) -> None:
        self._outer = _DRIVEN.get()
        self._events: deque[Worker[Any] | None] = deque()
        # SimpleQueue.get waits for ever if its process is stopped in a wait and goes on after the time (seen in 3.11).
        self._wake = threading.Lock()
        self._wake.acquire()
        self._cancelled = False  # no Event: a signal handler may cancel while this thread is inside one

    def cancel(self) -> None:
        """End the current wait and all later ones; safe from any thread."""
        self._cancelled = True
        self._put(None)

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds.

        Raises:
            Cancelled: the program has cancelled the scope.
        """
        self._until(_clock.monotonic() + seconds, None)

    def call(
        self, work: Callable[[], T], on_late_result: Callable[[T], object], within: float, kept: float = 0.0
    ) -> T | None:
        """Do blocking work in a thread of its own, and wait for it for so many seconds.

        Args:
            work: the function to call.
            on_late_result: called with a result that arrives after the wait.
            within: seconds to wait.
            kept: seconds for which an abandoned request continues.

        Returns:
            Its result; None if it does not end in time: then ``on_late_result`` receives it.

        Raises:
            Cancelled: the program has cancelled the scope.
        """
        from doorcode._entra.worker import Worker, hand_over  # imported by the first request: a stored token needs none

        worker: Worker[T] = Worker(work, on_late_result, self._put, kept)
        try:
            worker.start()
            self._until(_clock.monotonic() + within, worker)
        except BaseException:
            if worker.abandon():
                hand_over(worker, on_late_result)
            raise
        return worker.result() if worker.abandon() else None

    def join_flight(self, future: Future[T]) -> T:
        """Wait for another thread's flight.

        Raises:
            Cancelled: the program has cancelled the scope.
        """
        from concurrent.futures import TimeoutError as FutureTimeoutError

        while True:
            self.check()
            try:
                return future.result(timeout=SLICE)
            except FutureTimeoutError:
                continue

    def _until(self, until: float, worker: Worker[Any] | None) -> None:
        """Wait until the time, or until the worker is done. Events of abandoned workers are ignored."""
        while True:
            self.check()
            left = until - _clock.monotonic()
            if not self._wake.acquire(timeout=max(0.0, min(left, SLICE))):
                if left <= SLICE:
                    return
                continue
            while self._events:
                event = self._events.popleft()
                if event is not None and event is worker:
                    return

    def _put(self, event: Worker[Any] | None) -> None:
        """Wake the wait, from any thread, and from a signal handler in the middle of it."""
        self._events.append(event)
        with suppress(RuntimeError):  # an earlier event has not been looked at yet
            self._wake.release()

    @contextmanager
    def entered(self) -> Generator[None]:
        """Let scopes that are made inside the block be nested in this one."""
        token = _DRIVEN.set(self)
        try:
            yield
        finally:
            _DRIVEN.reset(token)

    def check(self) -> None:
        """Return, unless the program has cancelled the scope.

        Raises:
            Cancelled: it has.
        """
        if self._cancelled:
            raise Cancelled
        if self._outer is not None:
            self._outer.check()


_DRIVEN: Final[ContextVar[CancelScope | None]] = ContextVar("driven", default=None)
"""The scope of the flow that runs in this context."""
