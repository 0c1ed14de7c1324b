"""One piece of blocking work in a daemon thread, that whoever waits for it can leave alone."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_RUNNING: contextvars.ContextVar[Job[Any] | None] = contextvars.ContextVar("doorcode_job", default=None)


class Abandoned(BaseException):
    """Say that nobody waits for a job any more."""


def stop_if_abandoned() -> None:
    """End the job that runs in this thread when nobody waits for it; call it before each further request.

    Raises:
        Abandoned: the result would be thrown away.
    """
    job = _RUNNING.get()
    if job is not None and job.abandoned:
        raise Abandoned


class Job(Generic[T]):
    """One request, made in a daemon thread: a thread that waits for a socket cannot be stopped, only left alone.

    Args:
        work: what to do.
        late: what to do with its result when nobody waits for it any more.
        landed: told once when the work is done, unless nobody waits any more.
    """

    def __init__(self, work: Callable[[], T], late: Callable[[T], object], landed: Callable[[Job[T]], object]) -> None:
        self._work = work
        self._late = late
        self._landed = landed
        self._lock = threading.Lock()
        self._abandoned = False
        self._result: Future[T] | None = None

    def start(self) -> None:
        """Begin the work, in the caller's context."""
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), name="doorcode-request", daemon=True).start()

    @property
    def abandoned(self) -> bool:
        """Return whether nobody waits any more."""
        return self._abandoned

    def result(self) -> T:
        """Return the result of work that is done, or raise its exception."""
        assert self._result is not None
        return self._result.result()

    def abandon(self) -> bool:
        """Stop waiting, unless the work is done: its result goes to ``late`` when it comes.

        Returns:
            whether the work is done, and its result the caller's.
        """
        with self._lock:
            self._abandoned = self._result is None
        return not self._abandoned

    def _run(self) -> None:
        result: Future[T] = Future()
        _RUNNING.set(self)
        try:
            result.set_result(self._work())
        except BaseException as exception:  # noqa: BLE001 - it is raised again where the result is waited for
            result.set_exception(exception)
        with self._lock:
            self._result = result
            abandoned = self._abandoned
        if not abandoned:
            self._landed(self)
        elif result.exception() is None:
            self._late(result.result())
