"""Files that hold secrets: private from the first byte, replaced as a whole, and never another user's or a link."""

# Descriptors, flags, links not followed, and text for paths, as in the system calls below it all.
# ruff: noqa: PTH101, PTH105, PTH108, PTH113, PTH116, PTH120, PTH123

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from dataclasses import field
from typing import TYPE_CHECKING, Final

from doorcode import _clock
from doorcode._core.values import dataclass
from doorcode.cache._files.ownership import failure, make_private, refuse_foreign, refuse_others, user_id
from doorcode.cache._locks.flock import flag

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Raw", "file_stamp", "move_aside", "read", "remove", "replace", "signal_stamp", "touch"]

_READ: Final = (
    os.O_RDONLY
    | flag("O_CLOEXEC")
    | flag("O_NOFOLLOW")
    | flag("O_NONBLOCK")  # opening a planted FIFO must not wait
    | flag("O_BINARY")
)
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | flag("O_CLOEXEC") | flag("O_NOFOLLOW") | flag("O_BINARY")
_OTHERS: Final = 0o077
_READS: Final = 5

LARGEST: Final = 256 * 2**20
"""Bytes that a token cache can have; far more than 10,000 tokens take."""


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of a file and the stamp of exactly these.

    Attributes:
        data: None where the path leads to something that cannot be a cache.
        stamp: opaque; None for an empty file.
        reason: why there is no data, for people.
    """

    data: bytes | None = field(repr=False)
    stamp: str | None
    reason: str = ""


def read(path: str, at_most: int = -1) -> Raw | None:
    """Read a private file, making it private first if it is not; None when there is none.

    Args:
        path: of the file.
        at_most: bytes of its start to read; -1 reads it all.

    Raises:
        StoreError: it is a link, another user's, or cannot be read.
    """
    try:
        status = os.stat(path, follow_symlinks=False)
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            return _no_file(status)  # not opened: opening a device can have an effect
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failure("read", path, error) from error
    try:
        return _read_open(path, descriptor, at_most)
    except OSError as error:
        raise failure("read", path, error) from error
    finally:
        os.close(descriptor)


def _read_open(path: str, descriptor: int, at_most: int) -> Raw:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return _no_file(status)
    refuse_others(path, status)
    if status.st_size > LARGEST and at_most < 0:
        return Raw(None, _stamp(status), f"it is larger than {LARGEST >> 20} MiB")
    if user_id() is not None and status.st_mode & _OTHERS:
        _make_private(descriptor)
    data = b""
    for _ in range(_READS):
        before = _stamp(os.fstat(descriptor))
        data = _read_from_start(descriptor, at_most)
        if _stamp(os.fstat(descriptor)) == before:
            return Raw(data, before)
    # Still being written in place: a stamp that nothing else has makes the caller look again.
    return Raw(data, f"unsettled:{int(_clock.monotonic() * 1e9)}")


def _no_file(status: os.stat_result) -> Raw:
    return Raw(None, _stamp(status), "it is not a regular file")


def _make_private(descriptor: int) -> None:
    try:
        make_private(descriptor)
    except OSError as error:
        if error.errno != errno.EROFS:  # whoever mounted it so answers for its mode, and what it holds can be used
            raise


def _read_from_start(descriptor: int, at_most: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        return file.read(at_most if at_most >= 0 else LARGEST + 1)


def file_stamp(path: str) -> str | None:
    """Return the stamp of what is at a path, not following a link; None when nothing is, or an empty file.

    Raises:
        StoreError: the directory cannot be looked into.
    """
    try:
        return _stamp(os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failure("look at", path, error) from error


def signal_stamp(path: str) -> str | None:
    """Return the stamp of a file that may be empty; None when there is none.

    Raises:
        StoreError: the directory cannot be looked into, or there is no regular file of this user's.
    """
    try:
        status = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failure("look at", path, error) from error
    refuse_foreign(path, status)
    return _numbers(status)


def _stamp(status: os.stat_result) -> str | None:
    if stat.S_ISREG(status.st_mode) and not status.st_size:
        return None
    return _numbers(status)


def _numbers(status: os.stat_result) -> str:
    # The kernel sets the last one: it differs even where a program set the others to the same values.
    numbers = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return ":".join(map(str, numbers))


def replace(path: str, data: bytes, now: int, confirm: Callable[[], None] = lambda: None) -> str | None:
    """Put new content in place of a file's, as a whole or not at all, on the disk when this returns.

    The caller holds the lock: the temporary file has one fixed name, so that none is ever left to gather.

    Args:
        path: of the file; its directory must exist.
        data: the new content.
        now: nanoseconds since 1970, the new file's time. msal-extensions reloads only when that is later than its last
            look, so it is set after the replacement.
        confirm: called when the new content is on the disk and not yet in place; what it raises leaves the old content.

    Returns:
        The new stamp.

    Raises:
        StoreError: nothing was changed.
    """
    temporary = f"{path}.tmp"
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        descriptor = os.open(temporary, _WRITE, 0o600)
        try:
            with open(descriptor, "wb", buffering=0) as file:
                _write_all(file.fileno(), data)
                os.fsync(file.fileno())
            confirm()
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise failure("write", path, error) from error
    with contextlib.suppress(OSError):  # the content is safe already
        os.utime(path, ns=(now, now))
        _sync_directory(os.path.dirname(path))
    return file_stamp(path)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_directory(path: str) -> None:
    if user_id() is None:  # Windows has no descriptors of directories
        return
    descriptor = os.open(path, os.O_RDONLY | flag("O_DIRECTORY") | flag("O_CLOEXEC"))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def touch(path: str, now: int) -> None:
    """Set a file's time, making the file, empty and private, when there is none.

    Args:
        path: of the file; its directory must exist.
        now: nanoseconds since 1970.

    Raises:
        StoreError: it cannot be made, or there is something that is not a regular file of this user's.
    """
    try:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, _WRITE, 0o600))
        refuse_foreign(path, os.stat(path, follow_symlinks=False))
        os.utime(path, ns=(now, now), follow_symlinks=user_id() is None)
    except OSError as error:
        raise failure("write", path, error) from error


def remove(path: str) -> None:
    """Remove a file; does nothing when there is none.

    Raises:
        StoreError: it is still there.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    except OSError as error:
        raise failure("remove", path, error) from error


def move_aside(path: str, why: str, seconds: float | None) -> str:
    """Rename what is at a path so that it is out of the way and kept; the caller holds the lock.

    Args:
        path: of what is to be kept.
        why: one word for the new name.
        seconds: since 1970, for the new name; None for one fixed name, whose earlier holder is replaced.

    Returns:
        The new path.

    Raises:
        StoreError: it is still there.
    """
    target = f"{path}.{why}"
    if seconds is not None:
        base = f"{target}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(seconds))}"
        target, count = base, 1
        while os.path.lexists(target):
            count += 1
            target = f"{base}-{count}"
    try:
        os.replace(path, target)
        if os.path.isfile(target):
            os.chmod(target, 0o600)
    except OSError as error:
        raise failure("set aside", path, error) from error
    return target
