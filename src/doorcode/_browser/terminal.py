"""Read one line from the user's terminal without showing it; another thread can cancel the read."""

from __future__ import annotations

import os
import re
import select
import sys
import threading
from _thread import interrupt_main
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Final

LONGEST: Final = 64 * 1024
"""The most characters of a line; a terminal's own line mode would cut a line at 1024 or 4096."""
POLL_SECONDS: Final = 0.05
"""Seconds between polls of a Windows console, which has no blocking wait that can be cancelled."""
TTY: Final = "/dev/tty"
_CTRL_C: Final = "\x03"
_CTRL_Z: Final = "\x1a"
_ERASE: Final = re.compile(r"[^\x08\x7f]?[\x08\x7f]")
_PASTE_MARKS: Final = re.compile(r"\x1b\[20[01]~")


def is_there() -> bool:
    """Return whether this process has a terminal at which it can ask the user."""
    try:
        os.close(os.open(TTY, os.O_RDWR | os.O_NOCTTY))
    except (OSError, AttributeError):  # Windows has no such file, and no such flag
        return sys.stdin is not None and sys.stdin.isatty() and not hasattr(os, "O_NOCTTY")
    return True


class Terminal:
    """Read from the terminal that controls this process, even if standard input is redirected.

    ``close`` ends a ``read`` in another thread and restores the terminal.
    """

    def __init__(self) -> None:
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._wake_sender: int | None = None
        self._changed: tuple[int, list[Any]] | None = None

    def read(self, show: Callable[[], object]) -> str:
        """Return the next line, without its end.

        Args:
            show: shows the prompt; called when the terminal is ready for the answer.

        Raises:
            OSError: there is no terminal.
            EOFError: the user ended the input, or ``close`` was called.
        """
        try:
            termios = import_module("termios")
        except ImportError:
            self._show(show)
            return _decoded(self._from_console(import_module("msvcrt")))
        return _decoded(self._from_tty(termios, show))

    def close(self) -> None:
        """End a read, and restore the terminal."""
        self._given_up.set()
        with self._lock, suppress(OSError):
            if self._wake_sender is not None:
                os.write(self._wake_sender, b".")
        self._restore()

    def _from_tty(self, termios: Any, show: Callable[[], object]) -> bytes:
        terminal = os.open(TTY, os.O_RDWR | os.O_NOCTTY)
        try:
            with self._interruptible() as wake_receiver:
                self._hide_input(terminal, termios)
                self._show(show)
                return self._read_line(terminal, wake_receiver)
        finally:
            self._restore()
            os.close(terminal)

    @contextmanager
    def _interruptible(self) -> Generator[int]:
        """Yield a descriptor that becomes readable when ``close`` is called; the block closes it."""
        wake_receiver, wake_sender = os.pipe()
        with self._lock:
            self._wake_sender = wake_sender
        try:
            yield wake_receiver
        finally:
            with self._lock:
                self._wake_sender = None
            os.close(wake_receiver)
            os.close(wake_sender)

    def _show(self, show: Callable[[], object]) -> None:
        """Show the prompt, unless the read was cancelled: the prompt would come after the end of the sign-in."""
        with self._lock:
            if self._given_up.is_set():
                raise EOFError
            show()

    def _hide_input(self, terminal: int, termios: Any) -> None:
        """Turn echo and line mode off: the pasted text is secret, and longer than a terminal's line mode allows."""
        before = termios.tcgetattr(terminal)
        hidden = list(before)
        hidden[3] &= ~(termios.ICANON | termios.ECHO)
        with self._lock:
            if not self._given_up.is_set():
                self._changed = (terminal, before)
                termios.tcsetattr(terminal, termios.TCSADRAIN, hidden)

    def _restore(self) -> None:
        with self._lock:
            if self._changed is not None:
                termios = import_module("termios")
                terminal, before = self._changed
                self._changed = None
                with suppress(termios.error):  # the terminal is gone, as with its connection
                    # Text that was pasted after the line is dropped, so that the shell does not run it.
                    termios.tcsetattr(terminal, termios.TCSAFLUSH, before)

    def _read_line(self, terminal: int, wake_receiver: int) -> bytes:
        line = b""
        while b"\n" not in line and b"\r" not in line and len(line) < LONGEST:
            ready, _, _ = select.select([terminal, wake_receiver], [], [])
            if wake_receiver in ready:
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
                line += _key(msvcrt.getwch())
            elif self._given_up.wait(POLL_SECONDS):
                raise EOFError
        return line.rstrip("\r\n").encode("utf-8", "replace")


def _key(key: str) -> str:
    """Return a key of a Windows console, which may give Ctrl-C and Ctrl-Z as characters."""
    if key == _CTRL_C:
        interrupt_main()
    if key in {_CTRL_C, _CTRL_Z}:
        raise EOFError
    return key


def _decoded(line: bytes) -> str:
    text = _PASTE_MARKS.sub("", line.decode("utf-8", "replace"))
    # Backspace sends DEL on a terminal of Unix and BS on a Windows console.
    while _ERASE.search(text):
        text = _ERASE.sub("", text, count=1)
    return text
