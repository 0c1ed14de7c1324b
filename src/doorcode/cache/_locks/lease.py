"""Leases on files: only one process at a time refreshes or asks the user, and its lease ends with it."""

# The functions of os take descriptors and flags, and do not follow links; pathlib's cannot do that.
# ruff: noqa: PTH108, PTH116, PTH120

from __future__ import annotations

import contextlib
import os
import re
import time
from typing import TYPE_CHECKING, Final

from doorcode import _clock
from doorcode._core.values import value_class
from doorcode.cache._errors import StoreError
from doorcode.cache._files.ownership import open_own
from doorcode.cache._files.system import flag
from doorcode.cache._locks.flock import LockedFile, LockResult, try_lock
from doorcode.cache._locks.lease_note import LeaseNote, read_note, write_note

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["FileLease", "FileLeases", "check_lease_name", "try_lease"]

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRIES: Final = 5
_MOST_STEPS_BACK: Final = 3
"""How often in a row the last holder lets other processes go first; they may have stopped waiting."""
_SEEN_AT_LEAST: Final = 2.0
"""Seconds that a process always waits for a holder, whose note may be old and whose clock may have been set."""


def check_lease_name(name: str) -> str:
    """Check the name of a lease, which becomes part of a file's name, and return it.

    Raises:
        ValueError: the name has other characters or is too long.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"a lease's name has 1 to 64 letters, digits, '.', '_' or '-': {name!r}")
    return name


class FileLease:
    """Hold a lease until it is released, the process dies, or another process takes it because its time is over.

    Args:
        held: the locked file.
        path: the path of the file.
    """

    __slots__ = ("_held", "_path")

    def __init__(self, held: LockedFile, path: str) -> None:
        self._held = held
        self._path = path

    def released_on_error(self) -> contextlib.AbstractContextManager[None]:
        """Give the lease up if the block ends with an error, Ctrl-C included."""
        return self._held.closed_on_error()

    def last_look(self) -> int:
        """Return when another process last failed to get this lease, in nanoseconds since 1970."""
        return os.fstat(self._held.descriptor).st_atime_ns

    def renew(self, seconds: float, until: float | None = None) -> bool:
        """Note in the file that the lease is needed for this many seconds from now.

        Args:
            seconds: how long the holder may need the lease from now on.
            until: the latest time at which the holder's work can end, in Unix seconds; None when that is unknown.

        Returns:
            whether this process still holds the lease; a process that was stopped for too long has lost it.
        """
        if not self._held.open or not self._held.same_file(self._path):
            return False
        write_note(self._held.descriptor, LeaseNote.of_this_process(seconds, until))
        return True

    def release(self) -> None:
        """Give the lease up; do nothing the second time, or in a forked child."""
        if self._held.open:
            write_note(self._held.descriptor, None)
        self._held.close()


@value_class(frozen=True, slots=True)
class _Seen:
    """The state of a lease file when this process first failed to get the lease.

    Attributes:
        file: the device and inode of the file.
        note: the holder's note.
        overdue: the time after which this process takes the lease from its holder, in monotonic seconds.
    """

    file: tuple[int, int]
    note: LeaseNote | None
    overdue: float


class FileLeases:
    """Give out the leases of one store. Thread-safe.

    A process takes a lease from a holder that exceeds its own time without renewing it. Such a holder was stopped: the
    kernel ends the lease of a process that died.

    The last holder of a lease lets other processes go first. Otherwise a process that needs many tokens would take the
    lease again before another process polls. A process that fails to get the lease sets the file's access time, which
    the last holder reads.

    Args:
        clock: monotonic seconds.
        now: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = _clock.monotonic, now: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._now = now
        self._had: dict[str, tuple[int, int]] = {}
        self._seen: dict[str, _Seen] = {}

    def take(self, path: str, seconds: float) -> FileLease | None:
        """Try once to take a lease, as :func:`try_lease`.

        Args:
            path: the path of the lease file; its directory must exist.
            seconds: how long this process needs the lease at most, unless it renews it.

        Returns:
            The lease; None while another process holds it, or may go first.

        Raises:
            StoreError: the file cannot be created, or the file of a stopped holder cannot be removed.
        """
        lease = try_lease(path)
        overdue = self._overdue(path, seconds) if lease is None else None
        if overdue is not None:
            self._take_away(path, overdue)
            lease = try_lease(path)
        if lease is None:
            self._had.pop(path, None)
            return None
        with lease.released_on_error():
            if self._lets_others_go_first(path, lease):
                lease.release()
                return None
            self._seen.pop(path, None)
            self._had[path] = lease.last_look(), 0
            lease.renew(seconds)
        return lease

    def _lets_others_go_first(self, path: str, lease: FileLease) -> bool:
        before, steps_back = self._had.pop(path, (None, 0))
        now = lease.last_look()
        if before is None or before == now or steps_back >= _MOST_STEPS_BACK:
            return False
        self._had[path] = now, steps_back + 1
        return True

    def _overdue(self, path: str, seconds: float) -> _Seen | None:
        """Return a holder that exceeds the time in its note; or, if it wrote no note, ``seconds``."""
        try:
            status = os.stat(path, follow_symlinks=False)
            os.utime(path, ns=(int(self._now() * 1e9), status.st_mtime_ns))
        except OSError:  # another process removed the file, or it belongs to another user
            return None
        file, note, at = (status.st_dev, status.st_ino), read_note(path), self._clock()
        seen = self._seen.get(path)
        if seen is None or (seen.file, seen.note) != (file, note):
            seen = self._seen[path] = _Seen(file, note, at + self._left(note, seconds))
        return seen if at > seen.overdue else None

    def _left(self, note: LeaseNote | None, seconds: float) -> float:
        """Return how long this process waits for a holder, in seconds from now."""
        if note is None:
            return seconds
        # The wall clock is read once: it may be set while this process waits.
        left = note.seconds if note.until is None else min(note.seconds, note.until - self._now())
        return max(left, _SEEN_AT_LEAST)

    def _take_away(self, path: str, seen: _Seen) -> None:
        """Remove the file of an overdue holder, so that the next process creates a new one."""
        with _alone_in(os.path.dirname(path)) as alone, contextlib.suppress(FileNotFoundError):
            status = os.stat(path, follow_symlinks=False)
            if alone and (status.st_dev, status.st_ino) == seen.file and read_note(path) == seen.note:
                try:
                    os.unlink(path)
                except OSError as error:  # Windows removes no file that is open
                    raise StoreError(f"cannot remove {path}: {error.strerror}", where=path) from error


def try_lease(path: str) -> FileLease | None:
    """Try once to lock a lease file, creating it if needed; never waits.

    Args:
        path: the path of the lease file; its directory must exist.

    Returns:
        The lease; None while another process holds it. On a file system without locks, every process gets the lease.

    Raises:
        StoreError: the file cannot be created, or is not a regular file of this user.
    """
    for _ in range(_TRIES):
        try:
            descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreError(f"cannot make {path}: {error.strerror}", where=path, errno=error.errno) from error
        held = LockedFile(descriptor, try_lock(descriptor))
        with held.closed_on_error():
            if held.result is LockResult.TAKEN:
                held.close()
                return None
            if held.same_file(path):
                return FileLease(held, path)
            held.close()  # another process removed the file between the open and the lock
    return None


@contextlib.contextmanager
def _alone_in(directory: str) -> Generator[bool]:
    """Yield whether this is the only process in such a block for the directory; True when that is unknown."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | flag("O_DIRECTORY") | flag("O_CLOEXEC"))
    except OSError:  # Windows opens no directory
        yield True
        return
    guard = LockedFile(descriptor, try_lock(descriptor))
    try:
        yield guard.result is not LockResult.TAKEN
    finally:
        guard.close()
