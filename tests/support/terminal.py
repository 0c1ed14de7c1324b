"""A real terminal, of tmux: what a user sees of a program."""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from support.signing import PATIENCE

Condition = Callable[[str], object]


class Terminal:
    """A terminal of tmux that runs one command.

    Args:
        socket: of a server of its own.
    """

    def __init__(self, socket: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]

    def start(self, *arguments: str, width: int, height: int = 40, before: str = "") -> None:
        """Run Python with these arguments; the terminal stays when it has ended."""
        line = shlex.join([sys.executable, *arguments])
        shell = f"unset COLUMNS LINES; {before}{line}; echo ended $?; read nothing"
        self._run("new-session", "-d", "-x", str(width), "-y", str(height), shell)

    def press(self, key: str) -> None:
        """Press a key."""
        self._run("send-keys", key)

    def type(self, text: str) -> None:
        """Type text, without Enter."""
        self._run("send-keys", "-l", text)

    def resize(self, width: int, height: int) -> None:
        """Make it larger or smaller, as a user does with a window."""
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def scrolled_out(self) -> str:
        """Return what has left the screen at its top."""
        history = int(self._run("display-message", "-p", "#{history_size}"))
        return self._run("capture-pane", "-p", "-S", "-", "-E", "-1") if history else ""

    def has_cursor(self) -> bool:
        """Return whether the cursor is visible."""
        return self._run("display-message", "-p", "#{cursor_flag}").strip() == "1"

    def shows(self, condition: Condition) -> str:
        """Return what it shows as soon as that is what is waited for; or what it shows in the end."""
        pause, end = threading.Event(), time.monotonic() + PATIENCE
        while True:
            screen = self._run("capture-pane", "-p")
            if condition(screen) or time.monotonic() > end:
                break
            pause.wait(0.02)
        return "\n".join(line.rstrip() for line in screen.rstrip().splitlines())

    def end(self) -> None:
        """End the server."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, check=True).stdout
