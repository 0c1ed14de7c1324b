"""Check that files and directories belong to this user alone, and refuse or repair those that do not."""

# The functions of os take descriptors and flags, and do not follow links; pathlib's cannot do that.
# ruff: noqa: PTH101, PTH102, PTH112, PTH116, PTH120

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Final

from doorcode.cache._errors import StoreError
from doorcode.cache._files.system import flag

__all__ = [
    "check_directory",
    "ensure_directory",
    "failure",
    "make_private",
    "open_own",
    "refuse_foreign",
    "refuse_others",
    "user_id",
]

_OTHERS: Final = 0o077
_SAFELY: Final = (
    flag("O_CLOEXEC")
    | flag("O_NOINHERIT")
    | flag("O_NOFOLLOW")
    | flag("O_NONBLOCK")  # opening a planted FIFO must not wait
    | flag("O_NOCTTY")
    | flag("O_BINARY")
)

_KINDS: Final = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISLNK, "a symbolic link"),
)


def open_own(path: str, flags: int) -> int:
    """Open a regular file of this user, and refuse anything else at the path.

    Args:
        path: the path of the file.
        flags: the flags of ``os.open``; with ``O_CREAT`` a new file gets the mode 0600.

    Raises:
        OSError: the system refuses.
        StoreError: the path leads to something that is not a regular file or belongs to another user; or the file is
            opened for writing and has a second name.
    """
    # The check before the open keeps devices closed: opening one can have an effect.
    with contextlib.suppress(FileNotFoundError):
        refuse_foreign(path, os.stat(path, follow_symlinks=False))
    descriptor = os.open(path, flags | _SAFELY, 0o600)
    try:
        status = os.fstat(descriptor)
        refuse_foreign(path, status)
        if flags & (os.O_RDWR | os.O_WRONLY):
            _refuse_links(path, status)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_links(path: str, status: os.stat_result) -> None:
    if status.st_nlink > 1:
        words = "a file that has another name too (a hard link), so writing here would change it there"
        raise StoreError(f"{path} is {words}; remove it, or use another path", where=path, errno=errno.EMLINK)


def refuse_foreign(path: str, status: os.stat_result) -> None:
    """Refuse anything but a regular file of this user.

    Raises:
        StoreError: the file is of another kind, or belongs to another user.
    """
    if not stat.S_ISREG(status.st_mode):
        kind = next((words for test, words in _KINDS if test(status.st_mode)), "a device")
        number = errno.ELOOP if stat.S_ISLNK(status.st_mode) else errno.EINVAL
        words = "which is not followed" if number == errno.ELOOP else "and not a regular file"
        raise StoreError(f"{path} is {kind}, {words}; remove it, or use another path", where=path, errno=number)
    refuse_others(path, status)


def ensure_directory(path: str, *, private: bool) -> None:
    """Create a directory with mode 0700 if there is none; refuse a directory whose content others could replace.

    Args:
        path: the path of the directory.
        private: whether the directory is doorcode's alone, and may be changed to mode 0700.

    Raises:
        StoreError: the directory cannot be created, belongs to another user, or is writable for others.
    """
    try:
        _make_directories(path)
        if _must_be_made_private(path, private=private):
            os.chmod(path, 0o700)
    except OSError as error:
        raise failure("use", path, error) from error


def check_directory(path: str, *, private: bool) -> None:
    """Check, without a change, that a directory can be used or created, and that this process may write to it.

    Args:
        path: the path of the directory.
        private: as for :func:`ensure_directory`.

    Raises:
        StoreError: as :func:`ensure_directory`, or this process may not write there.
    """
    try:
        nearest = _nearest_existing(path)
        if nearest == path:
            _must_be_made_private(path, private=private)
        else:
            _refuse_non_directory(os.stat(nearest))
        if not os.access(nearest, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise StoreError(f"this process may not write to {nearest}", where=path, errno=errno.EACCES)
    except OSError as error:
        raise failure("use", path, error) from error


def _refuse_non_directory(status: os.stat_result) -> None:
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def _nearest_existing(path: str) -> str:
    while not os.path.lexists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def _must_be_made_private(path: str, *, private: bool) -> bool:
    """Tell whether an existing directory needs the mode 0700; refuse one whose content others could replace."""
    status = os.stat(path)
    _refuse_non_directory(status)
    user = user_id()
    if user is None:
        return False
    if status.st_uid not in {user, 0}:
        refuse_others(path, status)
    if private and status.st_uid == user and status.st_mode & _OTHERS:
        return True
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX:
        raise StoreError(
            f"others may write to the directory {path}, so they could replace the token cache; "
            "use one of your own, with mode 0700",
            where=path,
            errno=errno.EACCES,
        )
    return False


def _make_directories(path: str) -> None:
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent != path:
        _make_directories(parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)


def failure(what: str, path: str, error: OSError) -> StoreError:
    """Return the error for an OSError, with a message for the user."""
    words = error.strerror or type(error).__name__
    if error.errno == errno.ELOOP:
        words = "it is a symbolic link, which is not followed; remove it or give the path it leads to"
    return StoreError(f"cannot {what} {path}: {words}", where=path, errno=error.errno)


def user_id() -> int | None:
    """Return the user ID of this process; None on systems whose files have no such owner."""
    geteuid = getattr(os, "geteuid", None)
    return None if geteuid is None else int(geteuid())


def make_private(descriptor: int) -> None:
    """Set the mode of an open file to 0600; do nothing on systems without modes.

    Raises:
        OSError: the system refuses.
    """
    change = getattr(os, "fchmod", None)
    if change is not None:
        change(descriptor, 0o600)


def refuse_others(path: str, status: os.stat_result) -> None:
    """Refuse a file of another user.

    Raises:
        StoreError: the file belongs to another user.
    """
    user = user_id()
    if user is not None and status.st_uid != user:
        raise StoreError(
            f"{path} belongs to user {status.st_uid} and this program runs as user {user}; "
            "give it back with chown, or check HOME if sudo is in play",
            where=path,
            errno=errno.EACCES,
        )
