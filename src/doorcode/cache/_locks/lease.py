"""Leases on files: a refresh or a sign-in in progress, seen by every process and over when its holder is."""

# Descriptors, flags, links not followed, and text for paths, as in the system calls below it all.
# ruff: noqa: PTH108, PTH116, PTH120

from __future__ import annotations

import contextlib
import os
import re
import time
from typing import TYPE_CHECKING, Final

from doorcode import _clock
from doorcode._core.values import dataclass
from doorcode.cache._errors import StoreError
from doorcode.cache._files.ownership import open_own
from doorcode.cache._locks.flock import LockedFile, LockResult, flag, try_lock
from doorcode.cache._locks.lease_note import LeaseNote, read_note, write_note

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["FileLease", "FileLeases", "check_lease_name", "try_lease"]

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRIES: Final = 5
_MOST_STEPS_BACK: Final = 3
"""How often a process that had the lease last lets others go first: there may be no other any more."""
_SEEN_AT_LEAST: Final = 2.0
"""Seconds for which a holder is waited for in any case: it may have gone on, and a clock may have been set."""


def check_lease_name(name: str) -> str:
    """Return the name of a lease if every store can use it.

    Raises:
        ValueError: it cannot be part of a file's name.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"a lease's name has 1 to 64 letters, digits, '.', '_' or '-': {name!r}")
    return name


class FileLease:
    """Hold a lease until it is released, the process dies, or its time is over and another process takes it.

    Args:
        held: the locked file.
        path: where it was found.
    """

    __slots__ = ("_held", "_path")

    def __init__(self, held: LockedFile, path: str) -> None:
        self._held = held
        self._path = path

    def last_look(self) -> int:
        """Return when another process was last turned away, in nanoseconds since 1970."""
        return os.fstat(self._held.descriptor).st_atime_ns

    def renew(self, seconds: float, until: float | None = None) -> bool:
        """Note that the lease is held for so many seconds from now.

        Args:
            seconds: how long its holder may need from now on.
            until: the wall clock's time at which what the holder does is over in any case, in Unix seconds.

        Returns:
            whether this process still holds it: one that was stopped for too long has lost it.
        """
        if not self._held.open or not self._held.same_file(self._path):
            return False
        write_note(self._held.descriptor, LeaseNote.of_this_process(seconds, until))
        return True

    def release(self) -> None:
        """Let the next process have it; does nothing the second time, or in a forked child."""
        if self._held.open:
            write_note(self._held.descriptor, None)
        self._held.close()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a lease file was when this process was first turned away by it.

    Attributes:
        file: which file.
        note: what it said.
        overdue: the time after which its holder is passed by, in seconds of the monotonic clock.
    """

    file: tuple[int, int]
    note: LeaseNote | None
    overdue: float


class FileLeases:
    """Give out the leases of one store.

    A lease whose holder says nothing for longer than the holder itself said it would need is taken from it: the holder
    is stopped, since the kernel ends the lease of one that died.

    A process that gets many tokens in a row lets others go first: it would take its lease again before any other
    process has looked. A process that is turned away sets the file's access time, and the last holder sees that.

    Args:
        clock: seconds, monotonic.
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
            path: of the lease file; its directory must exist.
            seconds: how long this process needs it at most, unless it renews it.

        Returns:
            The lease; None while another process has it, or where others are to go first.

        Raises:
            StoreError: the file cannot be made, or a stopped holder's cannot be removed.
        """
        lease = try_lease(path)
        if lease is None and self._is_overdue(path, seconds):
            self._take_away(path)
            lease = try_lease(path)
        if lease is None:
            self._had.pop(path, None)
            return None
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

    def _is_overdue(self, path: str, seconds: float) -> bool:
        """Tell whether the holder of a lease has had it for longer than it said; without a word, than ``seconds``."""
        try:
            status = os.stat(path, follow_symlinks=False)
            os.utime(path, ns=(int(self._now() * 1e9), status.st_mtime_ns))
        except OSError:  # another process took it away, or it is another user's
            return False
        file, note, at = (status.st_dev, status.st_ino), read_note(path), self._clock()
        seen = self._seen.get(path)
        if seen is None or (seen.file, seen.note) != (file, note):
            seen = self._seen[path] = _Seen(file, note, at + self._left(note, seconds))
        return at > seen.overdue

    def _left(self, note: LeaseNote | None, seconds: float) -> float:
        """Return how long a holder is waited for, in seconds from now."""
        if note is None:
            return seconds
        # The wall clock is looked at once: it may be set while this process waits.
        left = note.seconds if note.until is None else min(note.seconds, note.until - self._now())
        return max(left, _SEEN_AT_LEAST)

    def _take_away(self, path: str) -> None:
        """Remove the file of a holder that is overdue, so that the next process to look makes a new one."""
        seen = self._seen[path]
        with _alone_in(os.path.dirname(path)) as alone, contextlib.suppress(FileNotFoundError):
            status = os.stat(path, follow_symlinks=False)
            if alone and (status.st_dev, status.st_ino) == seen.file and read_note(path) == seen.note:
                try:
                    os.unlink(path)
                except OSError as error:  # Windows removes no file that is open
                    raise StoreError(f"cannot remove {path}: {error.strerror}", where=path) from error


def try_lease(path: str) -> FileLease | None:
    """Try once to lock a lease file, making it when needed; never waits.

    Args:
        path: of the lease file; its directory must exist.

    Returns:
        The lease, or None while another process holds it. Where the file system cannot lock, every process gets it.

    Raises:
        StoreError: the file cannot be made, or is not a regular file of this user's.
    """
    for _ in range(_TRIES):
        try:
            descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreError(f"cannot make {path}: {error.strerror}", where=path, errno=error.errno) from error
        held = LockedFile(descriptor, try_lock(descriptor))
        if held.grip is LockResult.TAKEN:
            held.close()
            return None
        if held.same_file(path):
            return FileLease(held, path)
        held.close()  # another process removed it between the two steps
    return None


@contextlib.contextmanager
def _alone_in(directory: str) -> Generator[bool]:
    """Tell whether no other process is in such a block for the directory; true where that cannot be known."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | flag("O_DIRECTORY") | flag("O_CLOEXEC"))
    except OSError:  # Windows opens no directory
        yield True
        return
    guard = LockedFile(descriptor, try_lock(descriptor))
    try:
        yield guard.grip is not LockResult.TAKEN
    finally:
        guard.close()
