"""Keep what protects a refresh token for as long as a request that redeems it is under way, even without its caller."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from doorcode._entra.worker import Worker


class Redemption:
    """Say when the request of one flow that redeems a refresh token has ended. Thread-safe.

    The token may work only once, so no other caller may send it while the request of an abandoned call is under way.

    Attributes:
        stored: whether a reply to a request was stored.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Worker[object] | None = None
        self._then: Callable[[], object] | None = None
        self._timer: threading.Timer | None = None
        self.stored = False

    @property
    def is_under_way(self) -> bool:
        """Return whether the refresh token may be on its way. If not, an abandoned request will not send it either."""
        worker = self._worker
        return worker is not None and worker.committed

    @contextmanager
    def request(self, worker: Worker[object] | None) -> Generator[None]:
        """Mark a block in which a worker sends a request and stores the reply.

        Args:
            worker: makes the request; None if the caller's own thread does.
        """
        self._worker = worker
        try:
            yield
        finally:
            with self._lock:
                self._worker = None
            self._end()

    def at_end(self, then: Callable[[], object], within: float) -> None:
        """Call a function once no request is under way: now, or in the thread of the request.

        Args:
            then: the function.
            within: seconds after which it is called in any case, since a program's transport may never return.
        """
        with self._lock:
            if self.is_under_way:
                self._then = then
                self._timer = threading.Timer(within, self._end)
                self._timer.daemon = True
                with suppress(RuntimeError):  # the system refuses another thread
                    self._timer.start()
                return
        then()

    def _end(self) -> None:
        with self._lock:
            then, self._then = self._then, None
            if self._timer is not None:
                self._timer.cancel()
        if then is not None:
            then()
