"""Run another of these programs on a file system that cannot lock, whose disk is slow, among foreign processes.

Arguments: the program, then its own.
"""

from __future__ import annotations

import errno
import fcntl
import os
import runpy
import sys
import threading
from pathlib import Path

DISK_TAKES = 0.3
"""Seconds; more than an unlocked lock file of a dead process is watched for."""

real_fsync = os.fsync


def refuse(*_: object) -> int:
    """Say what the kernel says of such a file system."""
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def find_no_process(*_: object) -> None:
    """Say what the kernel says of a number that means something on another machine only."""
    raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))


def slow_fsync(descriptor: int) -> None:
    """Take some time."""
    threading.Event().wait(DISK_TAKES)
    real_fsync(descriptor)


if __name__ == "__main__":
    fcntl.flock = refuse  # type: ignore[assignment]
    fcntl.fcntl = refuse  # type: ignore[assignment]
    os.kill = find_no_process
    os.fsync = slow_fsync  # type: ignore[assignment]
    del sys.argv[0]
    runpy.run_path(str(Path(__file__).with_name(f"{sys.argv[0]}.py")), run_name="__main__")
