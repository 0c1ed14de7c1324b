"""Lock single bytes of a file with Linux's open file description locks, which end with the process."""

from __future__ import annotations

import contextlib
import importlib
import os
import struct
from typing import Any, Final

from doorcode.cache._files.system import on_linux
from doorcode.cache._locks.flock import BUSY, LockResult

__all__ = ["is_locked", "lock_byte", "unlock_bytes"]

_FLOCK: Final = "hhqqi0q"
"""struct flock: type, whence, start, length, process (always 0 here)."""

_TO_THE_END: Final = 0


def lock_byte(descriptor: int, offset: int) -> LockResult:
    """Try once to lock one byte of an open file; never waits.

    Returns:
        UNSUPPORTED if the system or the file system has no such locks.
    """
    if not on_linux():
        return LockResult.UNSUPPORTED
    try:
        _control("F_OFD_SETLK", descriptor, "F_WRLCK", offset, 1)
    except (OSError, AttributeError) as error:
        return LockResult.TAKEN if isinstance(error, OSError) and error.errno in BUSY else LockResult.UNSUPPORTED
    return LockResult.HELD


def is_locked(descriptor: int, start: int, end: int) -> int | None:
    """Return the offset of a byte that another open file has locked; None if there is none.

    Args:
        descriptor: the descriptor of an open file.
        start: the first byte to check.
        end: the byte after the last one to check; more than ``start``.

    Raises:
        OSError: the file system has no such locks.
    """
    kind, _, found, _, _ = _control("F_OFD_GETLK", descriptor, "F_WRLCK", start, end - start)
    return None if kind == _fcntl().F_UNLCK else max(found, start)


def unlock_bytes(descriptor: int) -> None:
    """Unlock every byte that an open file has locked; do nothing on a system without such locks."""
    with contextlib.suppress(OSError, AttributeError, ImportError):
        _control("F_OFD_SETLK", descriptor, "F_UNLCK", 0, _TO_THE_END)


def _control(command: str, descriptor: int, kind: str, start: int, length: int) -> tuple[int, int, int, int, int]:
    fcntl = _fcntl()
    request = struct.pack(_FLOCK, getattr(fcntl, kind), os.SEEK_SET, start, length, 0)
    answer: tuple[int, int, int, int, int] = struct.unpack(
        _FLOCK, fcntl.fcntl(descriptor, getattr(fcntl, command), request)
    )
    return answer


def _fcntl() -> Any:
    # The import by name lets type checkers read this file for Windows too, which lacks the module.
    return importlib.import_module("fcntl")
