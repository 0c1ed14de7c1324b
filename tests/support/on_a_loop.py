"""Asyncio credentials for tests that are written once, for threads."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Coroutine
from typing import Any

from support.signing import PATIENCE


class LoopThread:
    """A loop that runs in a thread until it is closed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the loop and close it."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()


class OnALoop:
    """An asyncio credential with the sync one's methods: each call is a task on a loop in a thread."""

    def __init__(self, credential: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.credential = credential
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.credential, name)
        if not inspect.iscoroutinefunction(attribute):
            return attribute
        return lambda *args, **options: self._done(attribute(*args, **options))

    def _done(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)
