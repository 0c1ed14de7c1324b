"""What this system has for files: its flags, and whose rules apply to locking and removing them."""

from __future__ import annotations

import os
import sys

__all__ = ["flag", "on_linux", "on_windows"]


def flag(name: str) -> int:
    """Return a flag for opening files, or 0 on a system without it."""
    found: int = getattr(os, name, 0)
    return found


def on_windows() -> bool:
    """Tell whether Windows' rules apply to locking and removing files."""
    return os.name == "nt"


def on_linux() -> bool:
    """Tell whether Linux's open file description locks may exist."""
    return sys.platform.startswith("linux")
