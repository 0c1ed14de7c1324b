"""Make this process look like one on Windows to doorcode, as far as Python on another system can.

What it shows: which functions, flags and modules doorcode uses, Windows' rule that an open file is neither replaced nor
removed, its locks of byte ranges between processes, and where doorcode puts its files. What it cannot show: real access
control lists, real drives and network shares, antivirus programs, and the timing of any of them.
"""

# pathlib would take the classes for Windows here, which other systems do not have.
# ruff: noqa: PTH112, PTH116, PTH208

from __future__ import annotations

import errno
import importlib
import os
import stat
import struct
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from systems.programs.standins import USED_BY_OTHERS, Agent

GONE_FUNCTIONS = ("geteuid", "getuid", "fchmod", "uname", "register_at_fork", "fork")
GONE_FLAGS = ("O_CLOEXEC", "O_NONBLOCK", "O_DIRECTORY", "O_NOCTTY", "O_TMPFILE", "O_NOFOLLOW", "O_SYNC")
GONE_MODULES = ("fcntl", "termios", "pwd", "grp", "resource")

_fcntl = importlib.import_module("fcntl")
_open, _replace, _unlink = os.open, os.replace, os.unlink


class Msvcrt(ModuleType):
    """Windows' locks of byte ranges, by open file description locks of Linux."""

    LK_UNLCK, LK_NBLCK = 0, 2

    def locking(self, descriptor: int, mode: int, length: int) -> None:
        """Lock or unlock bytes from the descriptor's offset."""
        kind = _fcntl.F_UNLCK if mode == self.LK_UNLCK else _fcntl.F_WRLCK
        offset = os.lseek(descriptor, 0, os.SEEK_CUR)
        request = struct.pack("hhqqi0q", kind, os.SEEK_SET, offset, length, 0)
        try:
            _fcntl.fcntl(descriptor, _fcntl.F_OFD_SETLK, request)
        except OSError:
            raise PermissionError(errno.EACCES, "Permission denied") from None


def open_somewhere(path: Any) -> bool:
    """Return whether this process has the file open; Python opens files on Windows so that they stay where they are."""
    try:
        wanted = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    for number in os.listdir("/proc/self/fd"):
        try:
            found = os.fstat(int(number))
        except OSError:
            continue
        if stat.S_ISREG(found.st_mode) and os.path.samestat(found, wanted):
            return True
    return False


def refused(path: Any) -> PermissionError:
    """Return the error of a file that is in use."""
    return PermissionError(errno.EACCES, "The process cannot access the file because it is in use", str(path))


def replace(source: Any, target: Any, **options: Any) -> None:
    """Rename a file, unless it or the file in its place is open."""
    if open_somewhere(source) or open_somewhere(target):
        raise refused(target)
    _replace(source, target, **options)


def unlink(path: Any, **options: Any) -> None:
    """Remove a file, unless it is open."""
    if open_somewhere(path):
        raise refused(path)
    _unlink(path, **options)


def opened(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
    """Open a file, but no directory."""
    if os.path.isdir(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return _open(path, flags, mode, **options)


def pretend(home: Path) -> None:
    """Make this process look like one on Windows.

    Args:
        home: the user's folder.
    """
    for name in USED_BY_OTHERS:
        importlib.import_module(name)
    for name in {*GONE_FUNCTIONS, *GONE_FLAGS}:
        if hasattr(os, name):
            delattr(os, name)
    for name in GONE_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    sys.modules["msvcrt"] = Msvcrt("msvcrt")
    agent = ModuleType("msal_extensions.windows")
    agent.WindowsDataProtectionAgent = Agent  # type: ignore[attr-defined]
    sys.modules[agent.__name__] = agent
    os.name, sys.platform = "nt", "win32"
    os.open, os.replace, os.unlink, os.remove = opened, replace, unlink, unlink  # type: ignore[assignment]
    os.environ["LOCALAPPDATA"] = os.environ["APPDATA"] = str(home)
