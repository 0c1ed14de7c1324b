"""A store that a test holds while a sign-in's tokens are being stored: what happens meanwhile is up to the test."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from doorcode.cache._process_caches import MemoryCache
from support.signing import PATIENCE


class HeldStore:
    """Store in memory as usual, but not before the test releases the store.

    Attributes:
        storing: set when tokens are about to be stored.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.storing = threading.Event()
        self._released = threading.Event()
        commit = MemoryCache.commit

        def held(cache: MemoryCache, change: Any) -> None:
            self.storing.set()
            assert self._released.wait(PATIENCE)
            commit(cache, change)

        monkeypatch.setattr(MemoryCache, "commit", held)

    def release(self) -> None:
        """Let the tokens be stored."""
        self._released.set()
