"""What tests that measure share. A busy machine may cost more now and then; code that costs more does so each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

TRIES: Final = 12
"""How often to measure at most."""


def least(measure: Callable[[], float], below: float) -> float:
    """Return the least of several measurements, or the first below a limit."""
    best = float("inf")
    for _ in range(TRIES):
        best = min(best, measure())
        if best < below:
            break
    return best
