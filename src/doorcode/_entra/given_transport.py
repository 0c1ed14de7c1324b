"""The program's own HTTP transport, which is entered and closed with the credential."""

from __future__ import annotations

import os
import threading
from typing import Any


class GivenTransport:
    """Enter and close the program's transport as the credential is entered and closed. Thread-safe.

    Args:
        transport: an azure-core transport; with None, the methods do nothing.
    """

    def __init__(self, transport: object | None) -> None:
        self._transport: Any = transport
        self._lock = threading.Lock()
        self._closed = False
        self._pid = os.getpid()

    @property
    def given(self) -> bool:
        """Tell whether the program passed a transport."""
        return self._transport is not None

    def after_fork(self) -> None:
        """Replace a lock that another thread of the parent may have held at the fork."""
        self._lock = threading.Lock()

    def enter(self) -> None:
        """Enter the transport, once for each time that the credential is entered."""
        if not self.given:
            return
        again = self._closed
        self.used()
        try:
            self._transport.__enter__()
        except ValueError:
            # azure-core's transports cannot be opened twice. A token in memory needs none; a request reports the error.
            if not again:
                raise

    def used(self) -> None:
        """Note that this process may have opened the transport."""
        self._closed, self._pid = False, os.getpid()

    def close(self, *details: object) -> None:
        """Close the transport if it was used since the last close; do nothing in a forked child.

        Args:
            *details: the arguments of the credential's ``__exit__``.
        """
        with self._lock:
            if not self.given or self._closed or self._pid != os.getpid():
                return
            self._closed = True
        self._transport.__exit__(*details)
