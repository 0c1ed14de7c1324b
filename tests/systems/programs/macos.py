"""Make this process look like one on macOS to doorcode, as far as Python on another system can.

What it shows: which functions, flags and modules doorcode uses, and what it keeps in the Keychain. What it cannot show:
the Keychain's own dialogs, its access lists by program, and the file systems of macOS.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from systems.programs.standins import USED_BY_OTHERS, ItemOfKeychain

GONE_FLAGS = ("O_TMPFILE",)
GONE_LOCKS = ("F_OFD_GETLK", "F_OFD_SETLK", "F_OFD_SETLKW")


def pretend(home: Path) -> None:
    """Make this process look like one on macOS.

    Args:
        home: the user's folder, which also has the items of the Keychain.
    """
    for name in USED_BY_OTHERS:
        importlib.import_module(name)
    fcntl = importlib.import_module("fcntl")
    for module, names in ((os, GONE_FLAGS), (fcntl, GONE_LOCKS)):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    sys.platform = "darwin"
    extensions: Any = importlib.import_module("msal_extensions")
    extensions.KeychainPersistence = lambda signal, service, account: ItemOfKeychain(home / f"{service}.{account}")
