"""A folder for private keys that is deleted with its process, or by the next process if that one was killed."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, final

PREFIX: Final = "doorcode-emulator-"
LOCK: Final = "in-use"
"""A file in each folder that its process locks; the system unlocks it when the process ends."""


@final
class KeyFolder:
    """Create a folder for this user alone, in the system's temporary directory.

    Folders that ended processes of the same user left behind are deleted first.

    Attributes:
        path: the path of the folder.
    """

    def __init__(self) -> None:
        delete_abandoned(Path(tempfile.gettempdir()))
        self.path: str = tempfile.mkdtemp(prefix=PREFIX)
        self._lock = _locked(Path(self.path) / LOCK)

    def close(self) -> None:
        """Delete the folder."""
        os.close(self._lock)
        shutil.rmtree(self.path, ignore_errors=True)


def delete_abandoned(parent: Path) -> None:
    """Delete this user's folders in a directory whose process has ended."""
    with suppress(OSError):
        for folder in parent.glob(f"{PREFIX}*"):
            if _is_own(folder) and _is_abandoned(folder / LOCK):
                shutil.rmtree(folder, ignore_errors=True)


def _is_own(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


def _is_abandoned(lock: Path) -> bool:
    """Return whether the lock file can be locked; False if it is missing, as while its folder is being created."""
    fcntl = _fcntl()
    if fcntl is None:
        # On Windows, a file that a process has open cannot be renamed.
        return _can_be_renamed(lock)
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _can_be_renamed(lock: Path) -> bool:
    try:
        lock.rename(lock.with_suffix(".old"))
    except OSError:
        return False
    return True


def _locked(path: Path) -> int:
    """Create a file that is locked by this process before it gets its name."""
    fcntl = _fcntl()
    unnamed = path if fcntl is None else path.with_suffix(".new")
    descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        unnamed.rename(path)
    return descriptor


def _fcntl() -> Any:
    """Return the module with ``flock``; None on Windows."""
    try:
        return import_module("fcntl")
    except ImportError:
        return None
