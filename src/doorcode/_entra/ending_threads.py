"""Let the threads of requests end before a fork.

OpenSSL cleans up at the end of each thread that used it, under a lock of its own. In a child that is forked at that
moment the lock stays locked, and the child's first TLS connection would wait for ever.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from pathlib import Path
from typing import Final

from doorcode import _clock

_PAUSE: Final = 0.0005
_LONGEST_WAIT: Final = 5.0
"""Seconds that a fork is held up at most."""
_RECENTLY: Final = 60.0
"""Seconds after which a thread has surely ended: the system may have given its number to another one."""
_ENDING: Final[deque[tuple[int, float]]] = deque(maxlen=64)
"""The system's numbers of threads that were about to end, and when, in monotonic seconds."""


def note_end() -> None:
    """Note that this thread is about to end; call it before the thread's caller learns that its work is done."""
    _ENDING.append((threading.get_native_id(), _clock.monotonic()))


def _let_end() -> None:
    start, own = _clock.monotonic(), threading.get_native_id()
    for thread, at in _ENDING.copy():
        if thread == own or at < start - _RECENTLY:
            continue
        # Python's own join returns earlier: when the thread has left Python.
        place = Path(f"/proc/self/task/{thread}")
        while place.exists() and _clock.monotonic() - start < _LONGEST_WAIT:
            threading.Event().wait(_PAUSE)


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(before=_let_end)
