"""A clock for tests that moves only when a test advances it."""

from __future__ import annotations

from typing import Final, final

START: Final = 1_700_000_000.0
"""The first time of a clock in Unix seconds: late 2023, so that code that mixes it with the real clock fails."""


@final
class FakeClock:
    """A clock that stands still until it is advanced; pass it in place of ``time.time`` or ``time.monotonic``."""

    def __init__(self, now: float = START) -> None:
        self.now: float = now

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock; backwards with a negative number."""
        self.now += seconds
