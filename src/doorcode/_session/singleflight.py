"""One piece of work at a time per name in a process: a refresh, a sign-in. Whoever comes meanwhile waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias

from doorcode._core.steps import FlightResult, FlightRole

if TYPE_CHECKING:
    from concurrent.futures import Future

    from doorcode._core.steps import Failure, TokenRequest

Name: TypeAlias = tuple[str, ...]
PendingFlight: TypeAlias = "Future[FlightResult | FlightRole]"


class SingleFlight:
    """Know who leads what. Thread-safe; waiting is the caller's, on a future that every event loop can wait for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._led: dict[Name, tuple[TokenRequest, PendingFlight]] = {}

    def join(self, name: Name, request: TokenRequest) -> tuple[PendingFlight, bool]:
        """Lead the flight of that name, or learn how the one under way will end.

        Returns:
            a future of a :class:`FlightResult`, or of ``FlightRole.ABANDONED``; and whether the caller leads: it
            ends the flight then.
        """
        from concurrent.futures import Future  # loaded by the first that flies: a stored token does without

        with self._lock:
            if name in self._led:
                return self._led[name][1], False
            landing: PendingFlight = Future()
            self._led[name] = (request, landing)
            return landing, True

    def end(self, name: Name, failure: Failure | None) -> None:
        """End a flight that one leads, with its failure or None for success."""
        request, landing = self._take(name)
        landing.set_result(FlightResult(request, failure))

    def leave(self, name: Name) -> None:
        """Give a flight up without an end: one of those who wait takes over."""
        _, landing = self._take(name)
        landing.set_result(FlightRole.ABANDONED)

    def _take(self, name: Name) -> tuple[TokenRequest, PendingFlight]:
        with self._lock:
            return self._led.pop(name)
