"""What tests on event loops share: a pulse that shows what keeps a loop busy, and calls in loops of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from typing_extensions import Self

from support.signing import PATIENCE

T = TypeVar("T")

BEAT: Final = 0.005
"""Seconds between two beats."""


class Pulse:
    """Beat on the running loop, and know for how long the loop's thread has worked at most between two beats.

    Its processor time is counted: how late a beat comes depends on what else the machine does.

    Attributes:
        count: how many beats there have been.
        longest: the most seconds of the thread's processor time between two beats.
    """

    def __init__(self) -> None:
        self.count = 0
        self.longest = 0.0
        self._loop = asyncio.get_running_loop()
        self._awaited: list[tuple[int, threading.Event]] = []

    async def __aenter__(self) -> Self:
        self._last = time.thread_time()
        self._next = self._loop.call_later(BEAT, self._beat)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._next.cancel()

    def after(self, beats: int) -> threading.Event:
        """Return what is set after so many further beats."""
        event = threading.Event()
        self._awaited.append((self.count + beats, event))
        return event

    def _beat(self) -> None:
        now = time.thread_time()
        self.count += 1
        self.longest = max(self.longest, now - self._last)
        for count, event in self._awaited:
            if count == self.count:
                event.set()
        self._last = now
        self._next = self._loop.call_later(BEAT, self._beat)


def in_a_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Do something in a loop of its own, in this thread; fail rather than wait for ever."""

    async def main() -> T:
        return await asyncio.wait_for(work(), PATIENCE)

    return asyncio.run(main())


async def until(event: threading.Event) -> None:
    """Wait for what another thread sets, without holding up the loop."""
    assert await asyncio.to_thread(event.wait, PATIENCE), "it has not happened"


async def reached(work: Callable[..., Any], *args: Any) -> Any:
    """Wait in a thread: for a request to arrive, say."""
    return await asyncio.to_thread(work, *args)
