"""Cancel a credential's call that waits in a task, from any thread."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class CancelScope:
    """One call of a credential, which :meth:`cancel` ends from any thread by interrupting its task.

    Args:
        is_too_late: returns whether the call can no longer be cancelled; called on the loop.
    """

    def __init__(self, is_too_late: Callable[[], bool]) -> None:
        self._is_too_late = is_too_late
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        with suppress(RuntimeError):  # without a loop, the first step that waits raises the error
            self._loop = asyncio.get_running_loop()
            self._task = asyncio.current_task()
        self._over = False
        self._cancelled = False

    def cancel(self) -> None:
        """End the call."""
        if self._loop is None:
            return
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._interrupt)

    def close(self) -> None:
        """Stop watching the task."""
        self._over = True

    def is_cause(self) -> bool:
        """Return whether only this scope has cancelled the task, and undo that cancellation if so."""
        if not self._cancelled or self._task is None:
            return False
        if sys.version_info >= (3, 11):
            others = self._task.uncancel()
        else:
            others = 0  # Python 3.10 does not count other cancellations
        return not others

    def _interrupt(self) -> None:
        if self._task is not None and not (self._over or self._cancelled or self._is_too_late()):
            self._cancelled = True
            self._task.cancel()
