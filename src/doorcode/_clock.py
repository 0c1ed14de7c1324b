"""The monotonic clock that waits go by: the real one, whatever a program's tests put in place of ``time.monotonic``.

A test that freezes time (freezegun, for one) replaces ``time.monotonic``, and whatever attribute of a module is that
function. A wait that went by it would never end.
"""

from __future__ import annotations

import threading
import time

TYPE_CHECKING = False  # typing itself is left to those who need it
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

# Time may be frozen already when this is imported, but not for threading, which has to wait too.
_REAL: Final[tuple[Callable[[], float]]] = (getattr(threading, "_time", time.monotonic),)


def monotonic() -> float:
    """Return the seconds of the real monotonic clock."""
    return _REAL[0]()


def is_replaced() -> bool:
    """Return whether ``time.monotonic``, by which event loops go, is not the real one now."""
    return time.monotonic is not _REAL[0]
