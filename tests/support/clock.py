"""Time that passes as a test says: both clocks of this process, which are advanced and set."""

from __future__ import annotations

import time

import pytest

from doorcode import _clock


class Clock:
    """Both clocks of this process, which advance together; the wall clock can be set, too.

    Args:
        monkeypatch: puts it in their place.
        stands_still: whether no time passes but what the test says. A wait lasts as long as it does all the same.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, stands_still: bool = True) -> None:
        self._passed = self._set = 0.0
        wall, monotonic = time.time, _clock.monotonic
        if stands_still:
            now, since = wall(), monotonic()
            wall, monotonic = lambda: now, lambda: since
        monkeypatch.setattr(time, "time", lambda: wall() + self._passed + self._set)
        monkeypatch.setattr(_clock, "monotonic", lambda: monotonic() + self._passed)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._passed += seconds

    def set(self, seconds: float) -> None:
        """Set the wall clock by so many seconds."""
        self._set += seconds
