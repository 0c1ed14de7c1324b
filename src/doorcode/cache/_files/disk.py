"""Read and write files that hold secrets: private from the first byte, replaced whole, owned by this user, no links."""

# The functions of os take descriptors and flags, and do not follow links; pathlib's cannot do that.
# ruff: noqa: PTH101, PTH105, PTH108, PTH113, PTH116, PTH120, PTH123

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from typing import TYPE_CHECKING, Final

from doorcode import _clock
from doorcode._core.values import field, value_class
from doorcode.cache._files.in_use import when_free
from doorcode.cache._files.ownership import failure, make_private, refuse_foreign, refuse_others, user_id
from doorcode.cache._files.system import flag

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
"""The largest token cache, in bytes; 10,000 tokens take far less."""
_SMALLEST_READ: Final = 65536


@value_class(frozen=True, slots=True)
class Raw:
    """The bytes of a file, and the stamp of exactly these bytes.

    Attributes:
        data: the bytes; None if the path leads to something that cannot be a cache.
        stamp: opaque; None for an empty file.
        reason: why there is no data, as text for the user.
    """

    data: bytes | None = field(repr=False)
    stamp: str | None
    reason: str = ""


def read(path: str, at_most: int = -1) -> Raw | None:
    """Read a file, after making it private if it is not; return None if there is no file.

    Args:
        path: the path of the file.
        at_most: how many bytes to read from the start; -1 reads all.

    Raises:
        StoreError: the file is a link, belongs to another user, or cannot be read.
    """
    try:
        status = when_free(lambda: os.stat(path, follow_symlinks=False))
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            return _no_file(status)  # not opened: opening a device can have an effect
        descriptor = when_free(lambda: os.open(path, _READ))
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
        data = when_free(lambda: _read_from_start(descriptor, at_most))
        if _stamp(os.fstat(descriptor)) == before:
            return Raw(data, before)
    # Another program is still writing into the file. A unique stamp makes the caller read it again.
    return Raw(data, f"unsettled:{int(_clock.monotonic() * 1e9)}")


def _no_file(status: os.stat_result) -> Raw:
    return Raw(None, _stamp(status), "it is not a regular file")


def _make_private(descriptor: int) -> None:
    try:
        make_private(descriptor)
    except OSError as error:
        if error.errno != errno.EROFS:  # on a read-only mount the mode cannot change, and the content is usable
            raise


def _read_from_start(descriptor: int, at_most: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        # read() allocates all that it is asked for, and an HPC node may limit a process's memory. If the file grows
        # meanwhile, its stamp changes too.
        size = max(os.fstat(descriptor).st_size, _SMALLEST_READ) + 1
        return file.read(min(size, at_most if at_most >= 0 else LARGEST + 1))


def file_stamp(path: str) -> str | None:
    """Return the stamp of the file at a path, without following a link; None if there is none, or an empty one.

    Raises:
        StoreError: the directory cannot be read.
    """
    try:
        return _stamp(when_free(lambda: os.stat(path, follow_symlinks=False)))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failure("look at", path, error) from error


def signal_stamp(path: str) -> str | None:
    """Return the stamp of a file that may be empty; None if there is no file.

    Raises:
        StoreError: the directory cannot be read, or the file is not a regular file of this user.
    """
    try:
        status = when_free(lambda: os.stat(path, follow_symlinks=False))
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
    # Programs can set the other numbers, but only the kernel sets ctime: it differs after every change.
    numbers = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return ":".join(map(str, numbers))


def replace(path: str, data: bytes, now: int, confirm: Callable[[], None] = lambda: None) -> str | None:
    """Replace the content of a file atomically, and flush it to the disk.

    The caller holds the lock. The temporary file has one fixed name, so that killed processes leave one at most.

    Args:
        path: the path of the file; its directory must exist.
        data: the new content.
        now: the new file's time, in nanoseconds since 1970. It is set after the replacement, because msal-extensions
            reloads only a file whose time is later than its last read.
        confirm: called when the new content is on the disk and not yet in place; if it raises, the old content stays.

    Returns:
        The new stamp.

    Raises:
        StoreError: the write failed, and the file is as it was.
    """
    temporary = f"{path}.tmp"
    try:
        with contextlib.suppress(FileNotFoundError):
            when_free(lambda: os.unlink(temporary))
        descriptor = when_free(lambda: os.open(temporary, _WRITE, 0o600))
        try:
            with open(descriptor, "wb", buffering=0) as file:
                _write_all(file.fileno(), data)
                os.fsync(file.fileno())
            when_free(lambda: _put_in_place(temporary, path, confirm))
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


def _put_in_place(temporary: str, path: str, confirm: Callable[[], None]) -> None:
    confirm()  # before each attempt: the lock may be lost while another process has the file open
    os.replace(temporary, path)


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
    """Set a file's time; create an empty, private file if there is none.

    Args:
        path: the path of the file; its directory must exist.
        now: nanoseconds since 1970.

    Raises:
        StoreError: the file cannot be created, or the path leads to something that is not a regular file of this user.
    """
    try:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, _WRITE, 0o600))
        refuse_foreign(path, os.stat(path, follow_symlinks=False))
        os.utime(path, ns=(now, now), follow_symlinks=user_id() is None)
    except OSError as error:
        raise failure("write", path, error) from error


def remove(path: str) -> None:
    """Remove a file; do nothing if there is none.

    Raises:
        StoreError: the file is still there.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            when_free(lambda: os.unlink(path))
    except OSError as error:
        raise failure("remove", path, error) from error


def move_aside(path: str, why: str, seconds: float | None) -> str:
    """Rename a file so that it is kept under another name; the caller holds the lock.

    Args:
        path: the path of the file.
        why: one word for the new name.
        seconds: the time since 1970 for the new name; None for a fixed name, which replaces an earlier file.

    Returns:
        The new path.

    Raises:
        StoreError: the file was not renamed.
    """
    target = f"{path}.{why}"
    if seconds is not None:
        base = f"{target}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(seconds))}"
        target, count = base, 1
        while os.path.lexists(target):
            count += 1
            target = f"{base}-{count}"
    try:
        when_free(lambda: os.replace(path, target))
        if os.path.isfile(target):
            os.chmod(target, 0o600)
    except OSError as error:
        raise failure("set aside", path, error) from error
    return target
