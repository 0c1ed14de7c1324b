"""A file that the kernel locks for this process: had at once or not at all, and let go when the process ends."""

# Descriptors, flags, links not followed, and text for paths, as in the system calls below it all.
# ruff: noqa: PTH116

from __future__ import annotations

import contextlib
import enum
import errno
import importlib
import os
import sys
import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BUSY", "LockResult", "LockedFile", "flag", "on_linux", "on_windows", "try_lock"]


def flag(name: str) -> int:
    """Return a flag for opening files, or 0 on a system without it."""
    found: int = getattr(os, name, 0)
    return found


BUSY: Final = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK}
"""What the kernel says when another open file has the lock."""


class LockResult(enum.Enum):
    """What came of an attempt to lock a file."""

    HELD = enum.auto()
    TAKEN = enum.auto()
    UNSUPPORTED = enum.auto()


def on_windows() -> bool:
    """Tell whether files are locked and removed by Windows' rules."""
    return os.name == "nt"


def on_linux() -> bool:
    """Tell whether files can be locked by Linux's own rules."""
    return sys.platform.startswith("linux")


def try_lock(descriptor: int) -> LockResult:
    """Try once to lock an open file for its open file description; never waits.

    Returns:
        UNSUPPORTED where the file system has no such locks, as some network mounts.
    """
    try:
        if on_windows():
            msvcrt = importlib.import_module("msvcrt")
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            # By name, so that type checkers for Windows, which lacks the module, read this file too.
            fcntl = importlib.import_module("fcntl")
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return LockResult.TAKEN if error.errno in BUSY else LockResult.UNSUPPORTED
    return LockResult.HELD


def _give_back(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        if on_windows():
            msvcrt = importlib.import_module("msvcrt")
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        else:
            fcntl = importlib.import_module("fcntl")
            # Closing is not enough: a child forked meanwhile has a copy, which would keep the lock.
            fcntl.flock(descriptor, fcntl.LOCK_UN)


class LockedFile:
    """Own the descriptor of a locked file; in a forked child it is closed, and the parent's lock stays.

    Args:
        descriptor: the open file; -1 once closed.
        grip: what the kernel promised.
        unlock: gives back what the file has locked; by default what :func:`try_lock` took.
    """

    __slots__ = ("__weakref__", "_unlock", "descriptor", "grip")

    def __init__(self, descriptor: int, grip: LockResult, unlock: Callable[[int], None] = _give_back) -> None:
        self.descriptor = descriptor
        self.grip = grip
        self._unlock = unlock
        _HELD.add(self)

    @property
    def open(self) -> bool:
        """Tell whether this process still holds it."""
        return self.descriptor >= 0

    def close(self) -> None:
        """Unlock and close; does nothing the second time."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            self._unlock(descriptor)
            os.close(descriptor)

    def same_file(self, path: str) -> bool:
        """Tell whether a path still leads to this very file."""
        try:
            named = os.stat(path, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(named, os.fstat(self.descriptor))

    def forget(self) -> None:
        """Close without unlocking: what a forked child does with its parent's locks."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


# A fork copies descriptors, and a lock lives as long as any copy. Handlers of a fork cannot be taken back,
# so there is one for the process, and it needs to know what is held.
_HELD: Final[weakref.WeakSet[LockedFile]] = weakref.WeakSet()


def _forget_all() -> None:
    for held in list(_HELD):
        held.forget()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_forget_all)
