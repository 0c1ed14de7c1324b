"""Make our own processes and threads take turns in the order in which they came; the kernel keeps that order.

The lock that is shared with other libraries can only be tried for, again and again, and then luck decides: one of many
writers would wait for a long time. So ours queue up first, and one at a time tries.
"""

from __future__ import annotations

import importlib
import os
import threading

from doorcode.cache._flock import Grip, HeldFile, on_windows, try_lock
from doorcode.cache._owner import open_own

__all__ = ["Line"]


class Line:
    """Wait in line for one's turn.

    Args:
        path: of a file that the kernel locks; made when needed, and never removed. Its directory must exist.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def enter(self, seconds: float) -> HeldFile | None:
        """Wait for one's turn, which ends when the file is closed or the process dies.

        Returns:
            The file to close; None where there is no such line, and luck has to do.

        Raises:
            StoreError: something that is not a regular file of this user's is in the file's place.
            TimeoutError: it was not one's turn for that many seconds.
        """
        try:
            descriptor = open_own(self._path, os.O_RDWR | os.O_CREAT)
        except OSError:  # what is wrong with the directory, the lock itself will tell
            return None
        held = HeldFile(descriptor, try_lock(descriptor))
        if held.grip is Grip.HELD:
            return held
        if held.grip is Grip.UNSUPPORTED or on_windows():
            held.close()
            return None
        waiter = _Waiter(held)
        try:
            late = not waiter.done.wait(seconds) and waiter.give_up()
        except BaseException:  # an interrupted program must not hold up everybody behind it
            if not waiter.give_up():
                held.close()
            raise
        if late:
            raise TimeoutError
        return held


class _Waiter:
    """Wait in a thread of its own: nothing else can wait for the kernel and stop after some seconds."""

    def __init__(self, held: HeldFile) -> None:
        self.done = threading.Event()
        self._held = held
        self._given_up = False
        self._deciding = threading.Lock()
        threading.Thread(target=self._wait, name="doorcode-line", daemon=True).start()

    def give_up(self) -> bool:
        """Let the turn pass when it comes; tell whether that was in time."""
        with self._deciding:
            self._given_up = not self.done.is_set()
            return self._given_up

    def _wait(self) -> None:
        fcntl = importlib.import_module("fcntl")
        fcntl.flock(self._held.descriptor, fcntl.LOCK_EX)
        with self._deciding:
            if self._given_up:
                self._held.close()
            else:
                self.done.set()
