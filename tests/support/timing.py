"""What tests that measure share. A busy machine may cost more now and then; code that costs more does so each time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from support.signing import PATIENCE

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


def until_so(is_so: Callable[[], object]) -> None:
    """Wait until something is so of which nothing tells; fail when it does not come to be so."""
    pause, end = threading.Event(), time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it does not come to be so"
        pause.wait(0.005)
