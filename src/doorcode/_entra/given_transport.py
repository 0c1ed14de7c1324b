"""The HTTP transport that a program gave: entered and closed with the credential, and never replaced."""

from __future__ import annotations

import os
import threading
from typing import Any


class GivenTransport:
    """Enter and close the program's transport as the credential is entered and closed. Thread-safe.

    Args:
        transport: an azure-core transport; None where the program gave none, and then nothing happens.
    """

    def __init__(self, transport: object | None) -> None:
        self._transport: Any = transport
        self._lock = threading.Lock()
        self._closed = False
        self._pid = os.getpid()

    @property
    def given(self) -> bool:
        """Tell whether the program gave one."""
        return self._transport is not None

    def enter(self) -> None:
        """Enter it, once for each time that the credential is entered."""
        if not self.given:
            return
        again = self._closed
        self.used()
        try:
            self._transport.__enter__()
        except ValueError:
            # azure-core's own cannot be opened again: what is in memory needs none, and a request says so.
            if not again:
                raise

    def used(self) -> None:
        """Note that this process may have opened it."""
        self._closed, self._pid = False, os.getpid()

    def close(self, *details: object) -> None:
        """Close it, once for each time that it was in use; a forked child leaves its parent's alone.

        Args:
            *details: what ``__exit__`` of the credential was given.
        """
        with self._lock:
            if not self.given or self._closed or self._pid != os.getpid():
                return
            self._closed = True
        self._transport.__exit__(*details)
