"""A reply of the authority that a test holds back: what happens meanwhile is up to the test, and not to a clock."""

from __future__ import annotations

import threading

from doorcode.emulator import Edit
from support.signing import PATIENCE


class HeldReply:
    """Answer as usual, but not before the test releases the reply; the authority answers nothing else meanwhile.

    Attributes:
        fault: what to queue at the authority.
    """

    def __init__(self) -> None:
        self._released = threading.Event()
        self.fault = Edit(self._hold)

    def release(self) -> None:
        """Let the reply go."""
        self._released.set()

    def _hold(self, _content: dict[str, object]) -> None:
        self._released.wait(PATIENCE)
