"""Make our own processes and threads take turns in the order in which they came.

The lock that is shared with other libraries can only be tried for, again and again, and then luck decides: one of many
writers would wait for a long time. So ours queue up first, and one at a time tries.

A turn is a lock on the one byte of the line's file whose offset is the time of arrival; it comes when no byte before
that is locked. Whoever gives up or dies has no byte any more, and nobody needs a thread to wait in.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from doorcode import _clock
from doorcode.cache._files.ownership import open_own
from doorcode.cache._locks.byte_lock import is_locked, lock_byte, unlock_bytes
from doorcode.cache._locks.flock import LockedFile, LockResult

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FairQueue"]

NEXT_PAUSE: Final = 0.001
PAUSE: Final = 0.005
"""Seconds between looks: of the one whose turn is next, and of everybody behind it."""


class FairQueue:
    """Wait in line for one's turn.

    Args:
        path: of a file whose bytes the kernel locks; made when needed, and never removed. Its directory must exist.
        clock: seconds, monotonic.
        now: nanoseconds since 1970: processes on several machines may share a line.
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
        """Wait for one's turn, which ends when the file is closed or the process dies.

        Args:
            seconds: how long to wait while the line does not move.

        Returns:
            The file to close; None on systems and file systems without such locks: processes then race for the lock.

        Raises:
            StoreError: something that is not a regular file of this user's is in the file's place.
            TimeoutError: the line did not move for that many seconds.
        """
        try:
            descriptor = open_own(self._path, os.O_RDWR | os.O_CREAT)
        except OSError:  # what is wrong with the directory, the lock itself will tell
            return None
        turn = LockedFile(descriptor, LockResult.HELD, unlock_bytes)
        try:
            if self._come_to(descriptor, seconds):
                return turn
        except BaseException:  # an interrupted program must not hold up everybody behind it
            turn.close()
            raise
        turn.close()
        return None

    def _come_to(self, descriptor: int, seconds: float) -> bool:
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
        while (grip := lock_byte(descriptor, ticket)) is LockResult.TAKEN:  # by one who came in the same nanosecond
            ticket += 1
        return ticket if grip is LockResult.HELD else None

    def _wait(self, descriptor: int, ticket: int, seconds: float) -> None:
        seen, since = None, self._clock()
        while (ahead := is_locked(descriptor, 0, ticket)) is not None:
            if ahead != seen:
                seen, since = ahead, self._clock()
            if self._clock() - since >= seconds:
                raise TimeoutError
            self._sleep(NEXT_PAUSE if self._is_next(descriptor, ahead, ticket) else PAUSE)

    def _is_next(self, descriptor: int, ahead: int, ticket: int) -> bool:
        """Tell whether only the one is ahead."""
        others = ((0, ahead), (ahead + 1, ticket))
        return all(start >= end or is_locked(descriptor, start, end) is None for start, end in others)
