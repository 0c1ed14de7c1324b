"""Do one piece of blocking work in a daemon thread, which the waiting thread can abandon."""

from __future__ import annotations

import contextvars
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from types import FrameType
from typing import Any, Final, Generic, TypeVar

from doorcode import _clock
from doorcode._entra.ending_threads import note_end
from doorcode._log import logger

T = TypeVar("T")
_LOGGER: Final = logger(__name__)
MOST_ABANDONED: Final = 8
"""Abandoned requests that may go on in this process; if there are more, the oldest is cut."""
REPLY_TIMEOUT: Final = 1.5
"""Seconds for the rest of an abandoned request's reply once it has begun: a token's reply is a few kilobytes."""
_RUNNING: contextvars.ContextVar[Worker[Any] | None] = contextvars.ContextVar("doorcode_worker", default=None)


class Abandoned(BaseException):
    """End the work of an abandoned worker."""


def current_worker() -> Worker[Any] | None:
    """Return the worker that runs in this thread, or None."""
    return _RUNNING.get()


def stop_if_abandoned() -> None:
    """End the worker of this thread if it was abandoned; call it before each request.

    Raises:
        Abandoned: the worker was abandoned.
    """
    worker = _RUNNING.get()
    if worker is not None and worker.abandoned:
        raise Abandoned


def in_background(work: Callable[[], object], name: str) -> None:
    """Call a function in a daemon thread; in this thread if the system refuses another one."""
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError:
        work()


class Worker(Generic[T]):
    """One request, made in a daemon thread: Python cannot stop a thread that waits for a socket, so it is abandoned.

    The work is done in the caller's thread if the system refuses another one, or if the caller is a log handler: a
    handler holds its lock, so another thread that logs would wait for it.

    Args:
        work: makes the request and returns its result.
        on_late_result: called with the result if the worker was abandoned before.
        on_done: called once when the work is done, unless the worker was abandoned.
        kept: seconds from the start for which the request may go on when the worker is abandoned.

    Attributes:
        committed: whether what works only once, such as a refresh token, may have been sent.
    """

    def __init__(
        self,
        work: Callable[[], T],
        on_late_result: Callable[[T], object],
        on_done: Callable[[Worker[T]], object],
        kept: float = 0.0,
    ) -> None:
        self._work = work
        self._on_late_result = on_late_result
        self._on_done = on_done
        self._kept = kept
        self._lock = threading.Lock()
        self._abandoned = threading.Event()
        self._started = False
        self._result: Future[T] | None = None
        self._connection: Any = None
        self._mark = object()  # on the connection; the worker itself would keep its tokens in memory there
        self._reply_began = False
        self._redeems = False
        self.until = 0.0
        self.owner: object = None
        self.committed = False
        self.inline = False

    def start(self) -> None:
        """Begin the work, with the caller's context variables."""
        self._started = True
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
        """Return whether the worker was abandoned."""
        return self._abandoned.is_set()

    @property
    def done(self) -> bool:
        """Return whether the work is done."""
        return self._result is not None

    def result(self) -> T:
        """Return the result of work that is done, or raise the exception that it ended with."""
        assert self._result is not None
        return self._result.result()

    def abandon(self) -> bool:
        """Stop waiting for the result, unless the work is done; ``on_late_result`` will receive it.

        The request goes on for the time that ``kept`` allows. A request without any is cut at once, and so is one
        before what works only once was sent.

        Returns:
            whether the work is done; then the result is the caller's.
        """
        with self._lock:
            if self._result is not None:
                return True
            self._abandoned.set()
        if self.owner is not None and not self.committed:
            self.until = 0.0
        elif self._reply_began:
            self._shorten()
        if self._started and self.owner is not None:  # without an owner, it makes no request any more: see `begin`
            ABANDONED.add(self)
        return False

    def begin(self, owner: object, *, redeems: bool, seen: bool) -> None:
        """Note what the next request does, before it is sent.

        Args:
            owner: makes the request; ``cut_all`` can cut those of one owner.
            redeems: whether it sends something that works only once.
            seen: whether the transport calls ``use``.

        Raises:
            Abandoned: the worker was abandoned; the request has not been sent.
        """
        self.owner, self._redeems = owner, redeems
        self.committed = redeems and not seen  # before the check: `abandon` sets its event, and then looks at this
        stop_if_abandoned()

    def use(self, connection: Any, *, sends: bool = True) -> None:
        """Note the connection of a request before it is sent, so that ``cut`` can close it.

        Args:
            connection: of urllib3.
            sends: whether the request is sent next; otherwise the connection is only made.

        Raises:
            Abandoned: the worker was abandoned; the request has not been sent.
        """
        if sends and self._redeems:
            self.committed = True  # as in `begin`
        stop_if_abandoned()
        with ABANDONED.cutting:
            connection.mark = self._mark
        self._connection, self._reply_began = connection, False

    def reply_began(self) -> None:
        """Note that the reply has begun."""
        self._reply_began = True
        if self.abandoned:
            self._shorten()
            ABANDONED.look()

    def pause(self, seconds: float) -> None:
        """Wait before a request is repeated.

        Raises:
            Abandoned: the worker was abandoned.
        """
        self._abandoned.wait(seconds)
        stop_if_abandoned()

    def cut(self) -> None:
        """Close the connection of the request, whose thread then ends with an error.

        A connection that another request has by now is left alone: after each request, connections are used again.
        """
        connection = self._connection
        with ABANDONED.cutting:
            if getattr(connection, "mark", None) is not self._mark:
                return
            for open_socket in (getattr(connection, "sock", None), getattr(connection, "last_sock", None)):
                # SSLSocket's own shutdown would change state that the thread is using.
                with suppress(OSError, TypeError):
                    socket.socket.shutdown(open_socket, socket.SHUT_RDWR)  # type: ignore[arg-type] # None is a TypeError

    def _shorten(self) -> None:
        self.until = min(self.until, _clock.monotonic() + REPLY_TIMEOUT)

    def _run(self) -> None:
        result: Future[T] = Future()
        _RUNNING.set(self)
        try:
            result.set_result(self._work())
        except BaseException as exception:  # noqa: BLE001 - it is raised again where the result is waited for
            result.set_exception(exception)
        if not self.inline:
            note_end()
        with self._lock:
            self._result = result
            abandoned = self.abandoned
        if not abandoned:
            self._on_done(self)
            return
        ABANDONED.look()
        if result.exception() is None:
            hand_over(self, self._on_late_result)


def _in_log_handler() -> bool:
    """Tell whether a log handler is among the callers of this thread."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - there is no other way to see callers
    while frame is not None and frame.f_code is not logging.Handler.handle.__code__:
        frame = frame.f_back
    return frame is not None


def hand_over(worker: Worker[T], on_late_result: Callable[[T], object]) -> None:
    """Pass a late result on, and log any error: no caller is left to receive it."""
    try:
        on_late_result(worker.result())
    except Exception as exception:  # noqa: BLE001 - logged, as no caller is left
        _LOGGER.debug("A late reply could not be used: %s", type(exception).__name__)


class _AbandonedWorkers:
    """Cut abandoned requests: each when its time is over, and the oldest if there are too many.

    One thread watches all of them while there are any.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.cutting: AbstractContextManager[object] = threading.RLock()
        """Held while a connection is given to a worker, and while one is cut."""
        self._workers: list[Worker[Any]] = []
        self._watched = False

    def add(self, worker: Worker[Any]) -> None:
        """Watch one more worker."""
        if worker.until <= _clock.monotonic():
            worker.cut()
        with self._changed:
            self._workers = [each for each in self._workers if not each.done] + [worker]
            too_many = self._workers[:-MOST_ABANDONED]
            self._workers = self._workers[-MOST_ABANDONED:]
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
        """Wake the watching thread: a worker's time has changed, or its work is done."""
        with self._changed:
            self._changed.notify()

    def cut_all(self, owner: object = None, *, committed: bool = True) -> None:
        """Cut all requests, or those of one owner; without ``committed``, only those that have redeemed nothing."""
        with self._changed:
            ours = [worker for worker in self._workers if owner is None or worker.owner is owner]
            workers = [worker for worker in ours if committed or not worker.committed]
        for worker in workers:
            worker.until = 0.0
            worker.cut()
        self.look()

    def _watch(self) -> None:
        while True:
            with self._changed:
                now = _clock.monotonic()
                self._workers = [worker for worker in self._workers if not worker.done]
                if not self._workers:
                    self._watched = False
                    return
                over = [worker for worker in self._workers if worker.until <= now]
                if not over:
                    self._changed.wait(min(worker.until for worker in self._workers) - now)
                    continue
            for worker in over:
                worker.cut()
            # A connection that is still being made has no socket to close, so the loop tries again.
            with self._changed:
                self._changed.wait(0.1)


ABANDONED: Final = _AbandonedWorkers()
if hasattr(os, "register_at_fork"):
    # The thread and the connections belong to the parent.
    os.register_at_fork(after_in_child=ABANDONED.__init__)  # type: ignore[misc]
