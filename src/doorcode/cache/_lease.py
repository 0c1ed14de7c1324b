"""Leases on files: a refresh or a sign-in in progress, seen by every process and over when its holder is."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Final

from doorcode.cache._errors import StoreError
from doorcode.cache._flock import Grip, HeldFile, try_lock
from doorcode.cache._owner import open_own

__all__ = ["FileLease", "FileLeases", "check_lease_name", "try_lease"]

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRIES: Final = 5


def check_lease_name(name: str) -> str:
    """Return the name of a lease if every store can use it.

    Raises:
        ValueError: it cannot be part of a file's name.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"a lease's name has 1 to 64 letters, digits, '.', '_' or '-': {name!r}")
    return name


class FileLease:
    """Hold a lease until released or until the process dies."""

    __slots__ = ("_held",)

    def __init__(self, held: HeldFile) -> None:
        self._held = held

    def time_of_file(self) -> int:
        """Return when somebody was last turned away, in nanoseconds since 1970."""
        return os.fstat(self._held.descriptor).st_mtime_ns

    def release(self) -> None:
        """Let the next one have it; does nothing the second time, or in a forked child."""
        self._held.close()


class FileLeases:
    """Give out the leases of one store, and let others go first who were turned away while it was held here.

    Otherwise a process that gets many tokens in a row would take its lease again before anybody else has looked. Who is
    turned away sets the file's time.
    """

    def __init__(self) -> None:
        self._had: dict[str, int] = {}

    def take(self, path: str) -> FileLease | None:
        """Try once to lock a lease file, as :func:`try_lease`; None, once, where somebody else's turn it is too."""
        lease = try_lease(path)
        if lease is None:
            with contextlib.suppress(OSError):
                os.utime(path)
            return None
        now, before = lease.time_of_file(), self._had.pop(path, None)
        if before is not None and before != now:
            lease.release()
            return None
        self._had[path] = now
        return lease


def try_lease(path: str) -> FileLease | None:
    """Try once to lock a lease file, making it when needed; never waits, and never removes the file.

    Args:
        path: of the lease file; its directory must exist.

    Returns:
        The lease, or None while somebody else holds it. Where the file system cannot lock, everybody gets it.

    Raises:
        StoreError: the file cannot be made, or is not a regular file of this user's.
    """
    for _ in range(_TRIES):
        try:
            descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreError(f"cannot make {path}: {error.strerror}", where=path, errno=error.errno) from error
        held = HeldFile(descriptor, try_lock(descriptor))
        if held.grip is Grip.TAKEN:
            held.close()
            return None
        if held.same_file(path):
            return FileLease(held)
        held.close()  # somebody removed it between the two steps
    return None
