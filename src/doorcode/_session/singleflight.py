"""Single flight: one refresh or sign-in at a time per name in a process. Further callers wait for its result."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias

from doorcode._core.model import FlightResult, FlightRole

if TYPE_CHECKING:
    from concurrent.futures import Future

    from doorcode._core.model import Failure, TokenRequest

Name: TypeAlias = tuple[str, ...]
PendingFlight: TypeAlias = "Future[FlightResult | FlightRole]"


class SingleFlight:
    """Record who leads which flight. Thread-safe; callers wait on a future, in a thread or in any event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._led: dict[Name, tuple[TokenRequest, PendingFlight]] = {}

    def join(self, name: Name, request: TokenRequest) -> tuple[PendingFlight, bool]:
        """Lead the flight of that name, or wait for the one that is under way.

        Returns:
            A future of a :class:`FlightResult`, or of ``FlightRole.ABANDONED``; and whether the caller leads: it then
            has to end the flight.
        """
        from concurrent.futures import Future  # imported by the first flight: a stored token needs none

        with self._lock:
            if name in self._led:
                return self._led[name][1], False
            future: PendingFlight = Future()
            self._led[name] = (request, future)
            return future, True

    def end(self, name: Name, failure: Failure | None) -> None:
        """End a flight that the caller leads, with its failure or None for success."""
        request, future = self._take(name)
        future.set_result(FlightResult(request, failure))

    def leave(self, name: Name) -> None:
        """Abandon a flight without a result; one of the waiting callers takes over."""
        _, future = self._take(name)
        future.set_result(FlightRole.ABANDONED)

    def _take(self, name: Name) -> tuple[TokenRequest, PendingFlight]:
        with self._lock:
            return self._led.pop(name)
