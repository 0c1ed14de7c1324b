"""One piece of work at a time per name in a process: a refresh, a sign-in. Whoever comes meanwhile waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias

from doorcode._core.steps import Ended, Role

if TYPE_CHECKING:
    from concurrent.futures import Future

    from doorcode._core.steps import Failure, TokenRequest

Name: TypeAlias = tuple[str, ...]
Landing: TypeAlias = "Future[Ended | Role]"


class Flights:
    """Know who leads what. Thread-safe; waiting is the caller's, on a future that every event loop can wait for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._led: dict[Name, tuple[TokenRequest, Landing]] = {}

    def join(self, name: Name, request: TokenRequest) -> tuple[Landing, bool]:
        """Lead the flight of that name, or learn how the one under way will end.

        Returns:
            a future of an :class:`Ended`, or of ``Role.LEFT``; and whether the caller leads, and so ends it.
        """
        from concurrent.futures import Future  # loaded by the first that flies: a stored token does without

        with self._lock:
            if name in self._led:
                return self._led[name][1], False
            landing: Landing = Future()
            self._led[name] = (request, landing)
            return landing, True

    def end(self, name: Name, failure: Failure | None) -> None:
        """End a flight that one leads, with its failure or None for success."""
        request, landing = self._take(name)
        landing.set_result(Ended(request, failure))

    def leave(self, name: Name) -> None:
        """Give a flight up without an end: one of those who wait takes over."""
        _, landing = self._take(name)
        landing.set_result(Role.LEFT)

    def _take(self, name: Name) -> tuple[TokenRequest, Landing]:
        with self._lock:
            return self._led.pop(name)
