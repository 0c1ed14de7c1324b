"""Read one line from the user's terminal without showing it, as long as a terminal takes, until it is given up."""

from __future__ import annotations

import os
import re
import select
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Final

LONGEST: Final = 64 * 1024
"""Characters of a line; terminals that collect lines themselves cut them at 1024 or 4096."""
GLANCE: Final = 0.05
"""Seconds between two looks at a Windows console, which cannot be waited for."""
TTY: Final = "/dev/tty"
_ERASE: Final = re.compile(r"[^\x08\x7f]?[\x08\x7f]")
_PASTE_MARKS: Final = re.compile(r"\x1b\[20[01]~")


def is_there() -> bool:
    """Return whether a user could be asked at a terminal."""
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
        self._bell: int | None = None
        self._changed: tuple[int, list[Any]] | None = None

    def read(self, show: Callable[[], object]) -> str:
        """Return the next line, without its end.

        Args:
            show: tells the user; called when the terminal is ready for their answer.

        Raises:
            OSError: there is no terminal.
            EOFError: the user ended the input, or it was given up.
        """
        try:
            termios = import_module("termios")
        except ImportError:
            self._show(show)
            return _decoded(self._from_console(import_module("msvcrt")))
        return _decoded(self._from_tty(termios, show))

    def close(self) -> None:
        """Give up, and put the terminal back as it was."""
        self._given_up.set()
        with self._lock, suppress(OSError):
            if self._bell is not None:
                os.write(self._bell, b".")
        self._restore()

    def _from_tty(self, termios: Any, show: Callable[[], object]) -> bytes:
        terminal = os.open(TTY, os.O_RDWR | os.O_NOCTTY)
        try:
            with self._interruptible() as ear:
                self._quieten(terminal, termios)
                self._show(show)
                return self._line(terminal, ear)
        finally:
            self._restore()
            os.close(terminal)

    @contextmanager
    def _interruptible(self) -> Generator[int]:
        """Yield a descriptor that can be read from once ``close`` was called; none outlives the line that is read."""
        ear, bell = os.pipe()
        with self._lock:
            self._bell = bell
        try:
            yield ear
        finally:
            with self._lock:
                self._bell = None
            os.close(ear)
            os.close(bell)

    def _show(self, show: Callable[[], object]) -> None:
        """Tell the user, unless it was given up: what is shown then comes after the end of the sign-in."""
        with self._lock:
            if self._given_up.is_set():
                raise EOFError
            show()

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

    def _line(self, terminal: int, ear: int) -> bytes:
        line = b""
        while b"\n" not in line and b"\r" not in line and len(line) < LONGEST:
            ready, _, _ = select.select([terminal, ear], [], [])
            if ear in ready:
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
    # Backspace sends DEL on a terminal of Unix and BS on a Windows console.
    while _ERASE.search(text):
        text = _ERASE.sub("", text, count=1)
    return text
