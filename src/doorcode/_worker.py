"""One piece of blocking work in a daemon thread, that whoever waits for it can leave alone."""

from __future__ import annotations

import contextvars
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from types import FrameType
from typing import Any, Final, Generic, TypeVar

from doorcode import _clock
from doorcode._log import logger

T = TypeVar("T")
_LOGGER: Final = logger(__name__)
MOST_ABANDONED: Final = 8
"""Requests that nobody waits for any more, in this process; beyond that the oldest is cut."""
LAST_WORDS: Final = 1.5
"""Seconds for the rest of a reply that has begun, where nobody waits for it: a token's reply is a few kilobytes."""
_RUNNING: contextvars.ContextVar[Worker[Any] | None] = contextvars.ContextVar("doorcode_job", default=None)


class Abandoned(BaseException):
    """Say that nobody waits for a job any more."""


def current_job() -> Worker[Any] | None:
    """Return the job that runs in this thread."""
    return _RUNNING.get()


def stop_if_abandoned() -> None:
    """End the job that runs in this thread when nobody waits for it; call it before each further request.

    Raises:
        Abandoned: the result would be thrown away.
    """
    job = _RUNNING.get()
    if job is not None and job.abandoned:
        raise Abandoned


def in_background(work: Callable[[], object], name: str) -> None:
    """Do something in a daemon thread; in this one where no further thread can be had."""
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError:
        work()


class Worker(Generic[T]):
    """One request, made in a daemon thread: a thread that waits for a socket cannot be stopped, only left alone.

    Where no further thread can be had, the work is done in the caller's; so it is inside a log handler, which holds its
    lock, so that no other thread could log to it while it waits.

    Args:
        work: what to do.
        late: what to do with its result when nobody waits for it any more.
        landed: told once when the work is done, unless nobody waits any more.
        kept: seconds from its start for which its request goes on when nobody waits any more.
    """

    def __init__(
        self,
        work: Callable[[], T],
        late: Callable[[T], object],
        landed: Callable[[Worker[T]], object],
        kept: float = 0.0,
    ) -> None:
        self._work = work
        self._late = late
        self._landed = landed
        self._kept = kept
        self._lock = threading.Lock()
        self._left_alone = threading.Event()
        self._result: Future[T] | None = None
        self._connection: Any = None
        self._heard = False
        self.until = 0.0
        self.owner: object = None
        self.inline = False

    def start(self) -> None:
        """Begin the work, in the caller's context."""
        self.until = _clock.monotonic() + self._kept
        context = contextvars.copy_context()
        self.inline = _in_log_handler()
        if not self.inline:
            try:
                threading.Thread(target=context.run, args=(self._run,), name="doorcode-request", daemon=True).start()
            except RuntimeError:
                self.inline = True
        if self.inline:
            context.run(self._run)

    @property
    def abandoned(self) -> bool:
        """Return whether nobody waits any more."""
        return self._left_alone.is_set()

    @property
    def done(self) -> bool:
        """Return whether the work is done."""
        return self._result is not None

    def result(self) -> T:
        """Return the result of work that is done, or raise its exception."""
        assert self._result is not None
        return self._result.result()

    def abandon(self) -> bool:
        """Stop waiting, unless the work is done: its result goes to ``late`` when it comes.

        A request that redeems something goes on until its time is over, and any other ends at once.

        Returns:
            whether the work is done, and its result the caller's.
        """
        with self._lock:
            if self._result is not None:
                return True
            self._left_alone.set()
        if self._heard:
            self._hurry()
        ABANDONED.add(self)
        return False

    def use(self, connection: Any) -> None:
        """Say which connection the work's request goes over, before each request.

        Raises:
            Abandoned: nobody waits for that request, which has not been sent.
        """
        stop_if_abandoned()
        self._connection, self._heard = connection, False

    def heard(self) -> None:
        """Say that the reply has begun."""
        self._heard = True
        if self.abandoned:
            self._hurry()
            ABANDONED.look()

    def rest(self, seconds: float) -> None:
        """Wait before a request is made again.

        Raises:
            Abandoned: nobody waits for it any more.
        """
        self._left_alone.wait(seconds)
        stop_if_abandoned()

    def cut(self) -> None:
        """End the request that is under way: its thread comes back with an error."""
        connection = self._connection
        for open_socket in (getattr(connection, "sock", None), getattr(connection, "last_sock", None)):
            # Not SSLSocket's own shutdown, which changes what the thread is just using.
            with suppress(OSError, TypeError):
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)  # type: ignore[arg-type] # None is a TypeError

    def _hurry(self) -> None:
        self.until = min(self.until, _clock.monotonic() + LAST_WORDS)

    def _run(self) -> None:
        result: Future[T] = Future()
        _RUNNING.set(self)
        try:
            result.set_result(self._work())
        except BaseException as exception:  # noqa: BLE001 - it is raised again where the result is waited for
            result.set_exception(exception)
        with self._lock:
            self._result = result
            abandoned = self.abandoned
        if not abandoned:
            self._landed(self)
            return
        ABANDONED.look()
        if result.exception() is None:
            hand_over(self, self._late)


def _in_log_handler() -> bool:
    """Tell whether a log handler has called, further up this thread."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no other way to see callers
    while frame is not None and frame.f_code is not logging.Handler.handle.__code__:
        frame = frame.f_back
    return frame is not None


def hand_over(job: Worker[T], late: Callable[[T], object]) -> None:
    """Give a result to what takes it when nobody waits for it any more; what goes wrong then is for the log only."""
    try:
        late(job.result())
    except Exception as exception:  # noqa: BLE001 - nobody is left to tell
        _LOGGER.debug("A reply that nobody waited for could not be used: %s", type(exception).__name__)


class _AbandonedJobs:
    """Cut the requests that nobody waits for any more: each when its time is over, and the oldest when they are many.

    One thread looks after all of them, while there are any.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: list[Worker[Any]] = []
        self._watched = False

    def add(self, job: Worker[Any]) -> None:
        """Look after one more."""
        if job.until <= _clock.monotonic():
            job.cut()
        with self._changed:
            self._jobs = [each for each in self._jobs if not each.done] + [job]
            too_many = self._jobs[:-MOST_ABANDONED]
            self._jobs = self._jobs[-MOST_ABANDONED:]
            begin, self._watched = not self._watched, True
            self._changed.notify()
        for each in too_many:
            each.cut()
        if begin:
            try:
                threading.Thread(target=self._watch, name="doorcode-abandoned", daemon=True).start()
            except RuntimeError:
                self.cut_all()
                self._watched = False

    def look(self) -> None:
        """Look again: the time of one is over earlier, or one is done."""
        with self._changed:
            self._changed.notify()

    def cut_all(self, owner: object = None) -> None:
        """Cut all requests, or those of one owner."""
        with self._changed:
            jobs = [job for job in self._jobs if owner is None or job.owner is owner]
        for job in jobs:
            job.until = 0.0
            job.cut()
        self.look()

    def _watch(self) -> None:
        while True:
            with self._changed:
                now = _clock.monotonic()
                self._jobs = [job for job in self._jobs if not job.done]
                if not self._jobs:
                    self._watched = False
                    return
                over = [job for job in self._jobs if job.until <= now]
                if not over:
                    self._changed.wait(min(job.until for job in self._jobs) - now)
                    continue
            for job in over:
                job.cut()
            # A connection that is only being made has no socket yet.
            with self._changed:
                self._changed.wait(0.1)


ABANDONED: Final = _AbandonedJobs()
if hasattr(os, "register_at_fork"):
    # Its thread, and the connections of its jobs, are the parent's.
    os.register_at_fork(after_in_child=ABANDONED.__init__)  # type: ignore[misc]
