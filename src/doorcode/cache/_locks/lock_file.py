"""Create a lock file that is locked and names its owner from the moment that other processes can see it."""

# The functions of os take descriptors and flags, and do not follow links; pathlib's cannot do that.
# ruff: noqa: PTH120

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import Final

from doorcode._core.values import value_class
from doorcode.cache._files.host import Host, here
from doorcode.cache._files.ownership import open_own
from doorcode.cache._files.system import flag
from doorcode.cache._locks.flock import LockedFile, LockResult, try_lock

__all__ = ["LockFileMaker", "Owner", "content_of", "owner_in", "sign"]

MARK: Final = b"\nflock"
"""The last bytes of doorcode's lock files: their owner held the kernel's lock, so without that lock it has died."""

_LONGEST_PID: Final = 10
_LONGEST_PROGRAM: Final = 1024
_PLACE: Final = re.compile(rb"\non (\S*) (\S*) (\S*)(?:\nflock)?\Z")


@value_class(frozen=True, slots=True)
class Owner:
    """The process that created a lock file, according to the file.

    Attributes:
        process: its process ID; None if the file names none.
        host: the name of its machine; empty in the files of other libraries, and of doorcode 0.1.0.
        marked: whether it held the kernel's lock.
        same_kernel: whether it ran on this kernel, so that both see each other's locks; None if the file does not say.
        same_processes: whether this process can check its process ID; None if the file does not say.
    """

    process: int | None
    host: str = ""
    marked: bool = False
    same_kernel: bool | None = None
    same_processes: bool | None = None


class LockFileMaker:
    """Create the lock file during one wait for the lock; close this object when the wait is over.

    On systems that can name a nameless file, the file is locked and written before it gets its name. A process that is
    killed then leaves no lock file, or one that shows that its owner has died. Elsewhere, a process that is killed
    right after the creation leaves an empty lock file.

    Args:
        path: the path of the lock file; its directory must exist.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._ready: LockedFile | None = None
        self._names_files = hasattr(os, "O_TMPFILE")

    def create(self) -> LockedFile | None:
        """Create the lock file with mode 0600 if there is none; never waits.

        Returns:
            The file, locked if the file system has locks; None if there is a lock file already.

        Raises:
            OSError: the file cannot be created.
        """
        if os.path.lexists(self._path):  # the usual case during a wait, and cheap
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
        """Close the file that got no name, if there is one."""
        if self._ready is not None:
            self._ready.close()

    def _create_by_name(self) -> LockedFile:
        directory = os.open(os.path.dirname(self._path), os.O_RDONLY | flag("O_DIRECTORY") | flag("O_CLOEXEC"))
        try:
            if self._ready is None:
                descriptor = os.open(".", os.O_RDWR | flag("O_CLOEXEC") | flag("O_TMPFILE"), 0o600, dir_fd=directory)
                self._ready = LockedFile(descriptor, try_lock(descriptor))
                sign(self._ready)
            # Python follows the link in /proc to the file only if a directory's descriptor is passed.
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
    with held.closed_on_error():
        # After a long wait, msal-extensions locks the existing file in place of creating one.
        if held.result is LockResult.TAKEN or not held.same_file(path):
            held.close()
            return None
        sign(held)
    return held


def sign(held: LockedFile) -> None:
    """Write the owner into the lock file: process and program as msal-extensions does, then the machine.

    A failed write is ignored, because the lock holds without it.
    """
    program = os.fsencode(sys.argv[0]) if getattr(sys, "argv", None) else b""
    mark = MARK if held.result is LockResult.HELD else b""
    content = b"%d %b\non %b%b" % (os.getpid(), program[:_LONGEST_PROGRAM], _place(here()), mark)
    with contextlib.suppress(OSError):
        os.lseek(held.descriptor, 0, os.SEEK_SET)
        # The file is truncated after the write: a process killed in between must not leave an empty file.
        os.ftruncate(held.descriptor, os.write(held.descriptor, content))
        if held.result is not LockResult.HELD:  # a network file system shows it to other machines after a sync
            os.fsync(held.descriptor)


def _place(host: Host) -> bytes:
    return os.fsencode(f"{host.name} {host.boot} {host.processes}")


def content_of(descriptor: int) -> bytes:
    """Return the content of a lock file."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, 4096)


def owner_in(content: bytes) -> Owner:
    """Return the owner of a lock file with this content."""
    first = content.split(maxsplit=1)[:1]
    digits = first[0].strip(b"{}") if first else b""  # Go writes it in braces
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
