"""Single flight: one refresh or sign-in at a time per name in a process. Further callers wait for its result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from doorcode._core.model import FlightResult, FlightRole

if TYPE_CHECKING:
    from collections.abc import Generator
    from concurrent.futures import Future

    from doorcode._core.model import Failure, TokenRequest

Name: TypeAlias = tuple[str, ...]
PendingFlight: TypeAlias = "Future[FlightResult | FlightRole]"


class Leader(NamedTuple):
    """A task that leads a flight, and that its event loop may leave behind.

    Attributes:
        is_over: returns whether the loop is closed, so that the task cannot end the flight.
        release: ends the flight in the task's place, and gives back what else the task holds; does not block.
    """

    is_over: Callable[[], bool]
    release: Callable[[], object]


class Flight:
    """A refresh or sign-in that one caller leads.

    Attributes:
        request: the leader's request.
        future: its result, for the callers that wait.
        leader: the task that leads it; None for a thread, and for a task that was left behind.
        waiting: how many tasks wait inside `SingleFlight.waiting`. Threads are not counted: only a flight that a task
            leads can outlive its leader's call.
        give_up: ends the flight once no caller waits any more; None while its leader's call lasts.
    """

    def __init__(self, request: TokenRequest, future: PendingFlight, leader: Leader | None) -> None:
        self.request = request
        self.future = future
        self.leader = leader
        self.waiting: int = 0
        self.give_up: Callable[[], object] | None = None


class SingleFlight:
    """Record who leads which flight. Thread-safe; callers wait on a future, in a thread or in any event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._led: dict[Name, Flight] = {}

    def join(self, name: Name, request: TokenRequest, leader: Leader | None = None) -> tuple[PendingFlight, bool]:
        """Lead the flight of that name, or wait for the one that is under way.

        If the event loop of the task that leads it was closed, the flight is abandoned.

        Args:
            name: of the flight.
            request: the caller's request.
            leader: the caller, if it is a task.

        Returns:
            A future of a :class:`FlightResult`, or of ``FlightRole.ABANDONED``; and whether the caller leads: it then
            has to end the flight.
        """
        from concurrent.futures import Future  # imported by the first flight: a stored token needs none

        with self._lock:
            flight = self._led.get(name)
            if flight is None:
                future: PendingFlight = Future()
                self._led[name] = Flight(request, future, leader)
                return future, True
            gone = flight.leader if flight.leader is not None and flight.leader.is_over() else None
            if gone is not None:
                flight.leader = None
        if gone is not None:
            gone.release()
        return flight.future, False

    def end(self, name: Name, failure: Failure | None) -> None:
        """End a flight that the caller leads, with its failure or None for success."""
        flight = self._take(name)
        flight.future.set_result(FlightResult(flight.request, failure))

    def leave(self, name: Name) -> None:
        """Abandon a flight without a result; one of the waiting callers takes over."""
        self._take(name).future.set_result(FlightRole.ABANDONED)

    @contextmanager
    def waiting(self, name: Name, future: PendingFlight) -> Generator[None]:
        """Count a caller that waits for a flight, within a block.

        If no other caller waits at the end of the block, and the leader's call is over, the flight is given up.
        """
        with self._lock:
            flight = self._led.get(name)
            if flight is None or flight.future is not future:
                flight = None  # it has ended
            else:
                flight.waiting += 1
        try:
            yield
        finally:
            if flight is not None:
                self._stop_waiting(flight)

    def hand_over(self, name: Name, give_up: Callable[[], object]) -> bool:
        """Let a flight continue for the callers that wait for it, because the leader's call is over.

        Args:
            name: of the flight.
            give_up: called, in any thread, once no caller waits any more.

        Returns:
            Whether a caller waits. If not, or if the flight has ended, nothing changes.
        """
        with self._lock:
            flight = self._led.get(name)
            if flight is None or not flight.waiting:
                return False
            flight.give_up = give_up
            return True

    def _stop_waiting(self, flight: Flight) -> None:
        with self._lock:
            flight.waiting -= 1
            give_up = None if flight.waiting or flight.future.done() else flight.give_up
        if give_up is not None:
            give_up()

    def _take(self, name: Name) -> Flight:
        with self._lock:
            return self._led.pop(name)
