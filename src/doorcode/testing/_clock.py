"""Give tests a clock that moves only when told to."""

from __future__ import annotations

from typing import Final, final

START: Final = 1_700_000_000.0
"""Where a clock starts, in Unix seconds: late 2023, so that code that mixes it with the real one fails."""


@final
class FakeClock:
    """Return the same time until it is moved: call it as ``time.time`` or ``time.monotonic`` is called."""

    def __init__(self, now: float = START) -> None:
        self.now: float = now

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock; backwards with a negative number."""
        self.now += seconds
