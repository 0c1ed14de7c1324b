"""Hold a lock, as doorcode or as msal-extensions in one of its modes, until told to go on; say when it has to wait.

Arguments: ours | portalocker | existence, path of the lock file.
"""

# Lines on stdout are how these programs talk to the test.
# ruff: noqa: T201

from __future__ import annotations

import contextlib
import logging
import sys
from importlib import import_module

from doorcode.cache._locks.lock import CacheLock


def lock(kind: str, path: str) -> contextlib.AbstractContextManager[object]:
    """Return a lock that is not yet taken."""
    if kind == "ours":
        return CacheLock(path).hold()
    module = {"portalocker": "msal_extensions.cache_lock", "existence": "msal_extensions.filelock"}[kind]
    made: contextlib.AbstractContextManager[object] = import_module(module).CrossPlatLock(path)
    return made


class Waiting(logging.Handler):
    """Tell, once, that msal-extensions found the lock taken."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say so and listen no more."""
        logging.getLogger("msal_extensions").removeHandler(self)
        print("waiting", flush=True)


if __name__ == "__main__":
    logging.getLogger("msal_extensions").setLevel(logging.DEBUG)
    logging.getLogger("msal_extensions").addHandler(Waiting())
    with lock(*sys.argv[1:]):
        print("held", flush=True)
        sys.stdin.readline()
    print("released", flush=True)
    sys.stdin.readline()
