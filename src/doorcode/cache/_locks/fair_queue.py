"""A queue in which doorcode's processes and threads wait for a lock in the order of their arrival.

The lock that doorcode shares with other libraries can only be polled, and so chance decides who gets it: one of many
writers could wait for a long time. Therefore doorcode's own writers queue first, and only the first in the queue polls.

A writer joins the queue by locking one byte of the queue's file: the byte whose offset is the time of arrival. Its turn
comes when no byte before that one is locked. The kernel unlocks the byte of a writer that gives up or dies.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from doorcode import _clock
from doorcode.cache._files.ownership import open_own
from doorcode.cache._files.system import on_linux
from doorcode.cache._locks.byte_lock import is_locked, lock_byte, unlock_bytes
from doorcode.cache._locks.flock import LockedFile, LockResult

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FairQueue"]

NEXT_PAUSE: Final = 0.001
PAUSE: Final = 0.005
"""Seconds between checks: ``NEXT_PAUSE`` for the next in the queue, ``PAUSE`` for those behind it."""


class FairQueue:
    """A queue of the processes and threads that wait for one lock.

    Args:
        path: the file whose bytes the kernel locks; created if needed, and never removed. Its directory must exist.
        clock: monotonic seconds.
        now: nanoseconds since 1970, which processes on several machines share as their order of arrival.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        path: str,
        *,
        clock: Callable[[], float] = _clock.monotonic,
        now: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._clock = clock
        self._now = now
        self._sleep = sleep

    def enter(self, seconds: float) -> LockedFile | None:
        """Wait for this caller's turn, which ends when the returned file is closed or the process dies.

        Args:
            seconds: how long to wait while the queue does not move.

        Returns:
            The file to close; None on systems and file systems without such locks: processes then race for the lock.

        Raises:
            StoreError: the queue's path leads to something that is not a regular file of this user.
            TimeoutError: the queue did not move for that many seconds.
        """
        if not on_linux():
            return None
        try:
            descriptor = open_own(self._path, os.O_RDWR | os.O_CREAT)
        except OSError:  # taking the lock itself reports what is wrong with the directory
            return None
        turn = LockedFile(descriptor, LockResult.HELD, unlock_bytes)
        try:
            if self._reach(descriptor, seconds):
                return turn
        except BaseException:  # an interrupted program must not block those behind it
            turn.close()
            raise
        turn.close()
        return None

    def _reach(self, descriptor: int, seconds: float) -> bool:
        try:
            ticket = self._ticket(descriptor)
            if ticket is not None:
                self._wait(descriptor, ticket, seconds)
        except TimeoutError:
            raise
        except OSError:
            return False
        return ticket is not None

    def _ticket(self, descriptor: int) -> int | None:
        ticket = self._now()
        while (result := lock_byte(descriptor, ticket)) is LockResult.TAKEN:  # by an arrival in the same nanosecond
            ticket += 1
        return ticket if result is LockResult.HELD else None

    def _wait(self, descriptor: int, ticket: int, seconds: float) -> None:
        seen, since = None, self._clock()
        while (ahead := is_locked(descriptor, 0, ticket)) is not None:
            if ahead != seen:
                seen, since = ahead, self._clock()
            if self._clock() - since >= seconds:
                raise TimeoutError
            self._sleep(NEXT_PAUSE if self._is_next(descriptor, ahead, ticket) else PAUSE)

    def _is_next(self, descriptor: int, ahead: int, ticket: int) -> bool:
        """Tell whether ``ahead`` is the only ticket before this one."""
        others = ((0, ahead), (ahead + 1, ticket))
        return all(start >= end or is_locked(descriptor, start, end) is None for start, end in others)
