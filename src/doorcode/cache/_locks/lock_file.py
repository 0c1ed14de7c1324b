"""Make a lock file that is locked and says whose it is from the moment that anybody can see it."""

# Descriptors, flags, links not followed, and text for paths, as in the system calls below it all.
# ruff: noqa: PTH120

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import Final

from doorcode._core.values import dataclass
from doorcode.cache._files.host import Host, here
from doorcode.cache._files.ownership import open_own
from doorcode.cache._locks.flock import LockedFile, LockResult, flag, try_lock

__all__ = ["LockFileMaker", "Owner", "content_of", "owner_in", "sign"]

MARK: Final = b"\nflock"
"""What ours ends with: whoever wrote it held the kernel's lock, so without that lock it is gone."""

_LONGEST_PID: Final = 10
_LONGEST_PROGRAM: Final = 1024
_PLACE: Final = re.compile(rb"\non (\S*) (\S*) (\S*)(?:\nflock)?\Z")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who made a lock file, as it says.

    Attributes:
        process: its number; None when the file names none.
        host: the name of its machine; empty in the files of other libraries, and of doorcode 0.1.0.
        marked: whether it held the kernel's lock.
        same_kernel: whether it ran under this very kernel, whose locks both see; None when the file does not say.
        same_processes: whether its number means the same here; None likewise.
    """

    process: int | None
    host: str = ""
    marked: bool = False
    same_kernel: bool | None = None
    same_processes: bool | None = None


class LockFileMaker:
    """Make the lock file of one wait for the lock; close it when the wait is over.

    Where the system can give a name to a file that had none, one is made ready, and a process killed at any point
    leaves no lock file, or one that tells that its owner is gone. Elsewhere there is a moment in which it leaves one
    that tells nothing.

    Args:
        path: of the lock file; its directory must exist.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._ready: LockedFile | None = None
        self._names_files = hasattr(os, "O_TMPFILE")

    def create(self) -> LockedFile | None:
        """Create the lock file, 0600, if there is none; never waits.

        Returns:
            The file, locked where the file system can; None when there is one already.

        Raises:
            OSError: it cannot be made.
        """
        if os.path.lexists(self._path):  # the usual case of a wait, and cheap
            return None
        if self._names_files:
            try:
                return self._create_by_name()
            except FileExistsError:
                return None
            except OSError:  # no /proc, or a file system without such files
                self._names_files = False
        return _create(self._path)

    def close(self) -> None:
        """Drop a file that got no name."""
        if self._ready is not None:
            self._ready.close()

    def _create_by_name(self) -> LockedFile:
        directory = os.open(os.path.dirname(self._path), os.O_RDONLY | flag("O_DIRECTORY") | flag("O_CLOEXEC"))
        try:
            if self._ready is None:
                descriptor = os.open(".", os.O_RDWR | flag("O_CLOEXEC") | flag("O_TMPFILE"), 0o600, dir_fd=directory)
                self._ready = LockedFile(descriptor, try_lock(descriptor))
                sign(self._ready)
            # The directory's descriptor makes Python follow the link that /proc has for the file.
            source = f"/proc/self/fd/{self._ready.descriptor}"
            os.link(source, self._path, src_dir_fd=directory, follow_symlinks=True)
        finally:
            os.close(directory)
        made, self._ready = self._ready, None
        return made


def _create(path: str) -> LockedFile | None:
    try:
        descriptor = open_own(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return None
    held = LockedFile(descriptor, try_lock(descriptor))
    # msal-extensions, once it has waited too long to create the file, locks whatever is there.
    if held.grip is LockResult.TAKEN or not held.same_file(path):
        held.close()
        return None
    sign(held)
    return held


def sign(held: LockedFile) -> None:
    """Write down whose the lock is: as msal-extensions does, and then on which machine.

    The lock holds without that where the disk is full.
    """
    program = os.fsencode(sys.argv[0]) if getattr(sys, "argv", None) else b""
    mark = MARK if held.grip is LockResult.HELD else b""
    content = b"%d %b\non %b%b" % (os.getpid(), program[:_LONGEST_PROGRAM], _place(here()), mark)
    with contextlib.suppress(OSError):
        os.lseek(held.descriptor, 0, os.SEEK_SET)
        # Cut afterwards: a process killed in between must not leave a file that tells nothing.
        os.ftruncate(held.descriptor, os.write(held.descriptor, content))
        if held.grip is not LockResult.HELD:  # a network's file system, which shows it to other machines only now
            os.fsync(held.descriptor)


def _place(host: Host) -> bytes:
    return os.fsencode(f"{host.name} {host.boot} {host.processes}")


def content_of(descriptor: int) -> bytes:
    """Return what a lock file says."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, 4096)


def owner_in(content: bytes) -> Owner:
    """Return who made a lock file with this content."""
    first = content.split(maxsplit=1)[:1]
    digits = first[0].strip(b"{}") if first else b""  # in braces where Go wrote it
    process = int(digits) if digits.isdigit() and len(digits) <= _LONGEST_PID else None
    marked = content.endswith(MARK)
    place = _PLACE.search(content)
    if place is None:
        return Owner(process, marked=marked)
    name, boot, processes = map(os.fsdecode, place.groups())
    own = here()
    same_kernel = boot == own.boot and (boot != "" or name == own.name)
    same_processes = (name, boot, processes) == (own.name, own.boot, own.processes)
    return Owner(process, name, marked, same_kernel, same_processes)
