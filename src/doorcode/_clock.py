"""The monotonic clock of all waits, which keeps running when a program's tests freeze time.

A test that freezes time, for example with freezegun, replaces ``time.monotonic`` and every module attribute that refers
to it. A wait on a frozen clock would never end.
"""

from __future__ import annotations

import threading
import time

TYPE_CHECKING = False  # importing typing here would slow every program down
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

# Time may be frozen before this import. The clock of threading stays real, because threading waits on it.
_REAL: Final[tuple[Callable[[], float]]] = (getattr(threading, "_time", time.monotonic),)


def monotonic() -> float:
    """Return the seconds of the real monotonic clock."""
    return _REAL[0]()


def is_replaced() -> bool:
    """Return whether ``time.monotonic``, the clock of event loops, is replaced now."""
    return time.monotonic is not _REAL[0]
