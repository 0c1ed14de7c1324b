"""Read one line from the person's terminal without showing it, as long as a terminal takes, until it is given up."""

from __future__ import annotations

import os
import re
import select
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

LONGEST: Final = 64 * 1024
"""Characters of a line; terminals that collect lines themselves cut them at 1024 or 4096."""
GLANCE: Final = 0.05
"""Seconds between two looks at a Windows console, which cannot be waited for."""
TTY: Final = "/dev/tty"
_PASTE_MARKS: Final = re.compile(r"\x1b\[20[01]~")


def is_there() -> bool:
    """Return whether a person could be asked at a terminal."""
    try:
        os.close(os.open(TTY, os.O_RDWR | os.O_NOCTTY))
    except (OSError, AttributeError):  # Windows has no such file, and no such flag
        return sys.stdin is not None and sys.stdin.isatty() and not hasattr(os, "O_NOCTTY")
    return True


class Terminal:
    """Read from the terminal that controls this process, whatever standard input is.

    ``close`` ends a ``read`` that is under way in another thread and puts the terminal back as it was.
    """

    def __init__(self) -> None:
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._ear, self._bell = os.pipe()
        self._changed: tuple[int, list[Any]] | None = None

    def read(self, show: Callable[[], object]) -> str:
        """Return the next line, without its end.

        Args:
            show: tells the person; called when the terminal is ready for their answer.

        Raises:
            OSError: there is no terminal.
            EOFError: the person ended the input, or it was given up.
        """
        try:
            termios = import_module("termios")
        except ImportError:
            show()
            return _decoded(self._from_console(import_module("msvcrt")))
        return _decoded(self._from_tty(termios, show))

    def close(self) -> None:
        """Give up, and put the terminal back as it was."""
        self._given_up.set()
        with suppress(OSError):
            os.write(self._bell, b".")
        self._restore()

    def __del__(self) -> None:
        os.close(self._ear)
        os.close(self._bell)

    def _from_tty(self, termios: Any, show: Callable[[], object]) -> bytes:
        terminal = os.open(TTY, os.O_RDWR | os.O_NOCTTY)
        try:
            self._quieten(terminal, termios)
            show()
            return self._line(terminal)
        finally:
            self._restore()
            os.close(terminal)

    def _quieten(self, terminal: int, termios: Any) -> None:
        """Let every byte through at once and show none: what is pasted is secret, and longer than terminals' lines."""
        before = termios.tcgetattr(terminal)
        quiet = list(before)
        quiet[3] &= ~(termios.ICANON | termios.ECHO)
        with self._lock:
            if not self._given_up.is_set():
                self._changed = (terminal, before)
                termios.tcsetattr(terminal, termios.TCSADRAIN, quiet)

    def _restore(self) -> None:
        with self._lock:
            if self._changed is not None:
                termios = import_module("termios")
                terminal, before = self._changed
                self._changed = None
                # What was pasted beyond the line is not for the shell that comes next.
                termios.tcsetattr(terminal, termios.TCSAFLUSH, before)

    def _line(self, terminal: int) -> bytes:
        line = b""
        while b"\n" not in line and b"\r" not in line and len(line) < LONGEST:
            ready, _, _ = select.select([terminal, self._ear], [], [])
            if self._ear in ready:
                raise EOFError
            got = os.read(terminal, 4096)
            if got in {b"", b"\x04"}:
                raise EOFError
            line += got
        return re.split(rb"[\r\n]", line)[0]

    def _from_console(self, msvcrt: Any) -> bytes:
        line = ""
        while len(line) < LONGEST and not line.endswith(("\r", "\n")):
            if msvcrt.kbhit():
                line += msvcrt.getwch()
            elif self._given_up.wait(GLANCE):
                raise EOFError
        return line.rstrip("\r\n").encode("utf-8", "replace")


def _decoded(line: bytes) -> str:
    text = _PASTE_MARKS.sub("", line.decode("utf-8", "replace"))
    while "\x7f" in text:
        text = re.sub(r".?\x7f", "", text, count=1)
    return text
