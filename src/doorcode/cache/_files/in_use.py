"""Repeat file operations that Windows refuses while another process has the file open.

Windows neither replaces nor removes a file that any process has open, and a program can keep others from opening its
file. Programs that read a token cache, indexers and antivirus programs have it open for milliseconds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

from doorcode import _clock
from doorcode.cache._files.system import on_windows

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["IN_USE_TIMEOUT", "when_free"]

IN_USE_TIMEOUT: Final = 2.0
"""Seconds for which an operation is repeated; less than the time after which a cache's lock counts as abandoned."""

PAUSE: Final = 0.01
"""Seconds between attempts."""

T = TypeVar("T")


def when_free(operation: Callable[[], T]) -> T:
    """Carry out a file operation, and repeat it while Windows reports that the file is in use; blocks meanwhile.

    Windows reports a file in use and a file without permission by the same error number.

    Args:
        operation: has no effect when it fails.

    Returns:
        Its result.

    Raises:
        OSError: the operation failed, on Windows for ``IN_USE_TIMEOUT`` seconds if permission was denied.
    """
    give_up: float | None = None
    while True:
        try:
            return operation()
        except PermissionError:
            if not on_windows():
                raise
            now = _clock.monotonic()
            give_up = now + IN_USE_TIMEOUT if give_up is None else give_up
            if now >= give_up:
                raise
        time.sleep(PAUSE)
