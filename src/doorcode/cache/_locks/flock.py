"""Lock whole files through the kernel, which unlocks them when the process ends."""

# The functions of os take descriptors and flags, and do not follow links; pathlib's cannot do that.
# ruff: noqa: PTH116

from __future__ import annotations

import contextlib
import enum
import errno
import importlib
import os
import weakref
from typing import TYPE_CHECKING, Final

from doorcode.cache._files.system import on_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["BUSY", "LockResult", "LockedFile", "try_lock"]


BUSY: Final = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK}
"""The kernel's error numbers for a lock that another open file holds."""


class LockResult(enum.Enum):
    """The result of an attempt to lock a file."""

    HELD = enum.auto()
    TAKEN = enum.auto()
    UNSUPPORTED = enum.auto()


def try_lock(descriptor: int) -> LockResult:
    """Try once to lock an open file; never waits.

    Returns:
        UNSUPPORTED if the file system has no locks, as some network mounts.
    """
    try:
        if on_windows():
            msvcrt = importlib.import_module("msvcrt")
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            # The import by name lets type checkers read this file for Windows too, which lacks the module.
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
            # Closing is not enough: a child forked meanwhile has a copy of the descriptor, which keeps the lock.
            fcntl.flock(descriptor, fcntl.LOCK_UN)


class LockedFile:
    """Own the descriptor of a locked file; in a forked child it is closed, and the parent keeps the lock.

    Args:
        descriptor: the open file; -1 once closed.
        result: the result of the attempt to lock it.
        unlock: unlocks the file; by default undoes :func:`try_lock`.
    """

    __slots__ = ("__weakref__", "_unlock", "descriptor", "result")

    def __init__(self, descriptor: int, result: LockResult, unlock: Callable[[int], None] = _give_back) -> None:
        self.descriptor = descriptor
        self.result = result
        self._unlock = unlock
        _HELD.add(self)

    @property
    def open(self) -> bool:
        """Tell whether this process still has the file open."""
        return self.descriptor >= 0

    def close(self) -> None:
        """Unlock and close the file; do nothing the second time."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            self._unlock(descriptor)
            os.close(descriptor)

    @contextlib.contextmanager
    def closed_on_error(self) -> Generator[None]:
        """Close the file if the block ends with an error, Ctrl-C included: else the process would keep the lock."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def same_file(self, path: str) -> bool:
        """Tell whether a path still leads to this file."""
        try:
            named = os.stat(path, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(named, os.fstat(self.descriptor))

    def forget(self) -> None:
        """Close without unlocking, as a forked child must do with its parent's locks."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


# A fork copies descriptors, and a lock lives as long as any copy. Python cannot unregister a fork handler, so the
# process registers one, which closes every file in this set.
_HELD: Final[weakref.WeakSet[LockedFile]] = weakref.WeakSet()


def _forget_all() -> None:
    for held in list(_HELD):
        held.forget()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_forget_all)
