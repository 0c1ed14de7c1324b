"""Standard error: where the ready-made prompts of terminals write, and what can be drawn there."""

from __future__ import annotations

import os
import sys
import threading
from typing import IO, Final

from doorcode._session.prompt import print_as_is, print_whole

_CANNOT_DRAW: Final = frozenset({"", "dumb", "unknown"})
"""Values of ``TERM`` for terminals that only show lines."""
writing = threading.RLock()
"""Held while a prompt writes: a card that comes or goes moves the cursor, and takes away what lies below it.

A lock of C: Ctrl-C between its acquisition and the ``with`` block would leave a Condition locked.
"""


def _renew() -> None:
    global writing  # noqa: PLW0603 - the thread that wrote is not in the child
    writing = threading.RLock()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_renew)


def write(text: str, *, is_picture: bool = False) -> None:
    """Write lines at once; characters that the encoding lacks are replaced.

    Args:
        text: the lines.
        is_picture: whether each line has its width already; else no word is broken at a line's end.

    Raises:
        RuntimeError: standard error is missing, or cannot be written.
    """
    with writing:
        is_written = (print_as_is if is_picture else print_whole)(text, sys.stderr)
    if not is_written:
        message = "there is no standard error to show the code on"
        raise RuntimeError(message)


def is_terminal() -> bool:
    """Return whether standard error is a terminal that can draw, and in colour."""
    try:
        if not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
            return False
    except (OSError, ValueError, AttributeError):  # it is closed, or a stream of the program's that has only write
        return False
    return os.environ.get("TERM", "") not in _CANNOT_DRAW


def columns() -> int | None:
    """Return how wide the terminal is; None where standard error is no terminal."""
    found = size(sys.stderr)
    return None if found is None else found[0]


def size(stream: IO[str] | None) -> tuple[int, int] | None:
    """Return the columns and rows of the terminal that a stream writes to; None where they are not known."""
    try:
        found = os.get_terminal_size(stream.fileno()) if stream is not None and stream.isatty() else None
    except (OSError, ValueError, AttributeError):
        return None
    return None if found is None or 0 in found else (found.columns, found.lines)


def is_same_terminal(one: IO[str] | None, other: IO[str]) -> bool:
    """Return whether two streams write to one terminal."""
    try:
        return one is not None and one.isatty() and os.ttyname(one.fileno()) == os.ttyname(other.fileno())
    except (OSError, ValueError, AttributeError):  # a stream of the program's own, or Windows, which has no such names
        return False


def can_encode(characters: str) -> bool:
    """Return whether standard error can show some characters."""
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    try:
        characters.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def is_notebook() -> bool:
    """Return whether this process is a notebook's kernel, whose standard error is shown below the cell."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
