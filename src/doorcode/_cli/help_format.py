"""Lay out ``--help`` and other text for the width of the terminal."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable
from typing import Final

import click
from typing_extensions import override

WIDEST: Final = 80
COMMAND: Final = re.compile(r"`[^`]*`")
NO_BREAK: Final = "\u00a0"
"""A space at which textwrap breaks no line."""
NARROW: Final = 60
"""Columns below which an option's words go under it: click would leave them a column of ten characters."""


def help_width() -> int:
    """Return the columns that help may fill; click alone takes 50 where a terminal has fewer."""
    return max(min(shutil.get_terminal_size().columns, WIDEST) - 2, 20)


class HelpFormatter(click.HelpFormatter):
    """Write a list of options beneath each other where there is no room for two columns."""

    @override
    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write a list of names and what they mean."""
        rows = list(rows)
        longest = max((len(name) for name, _ in rows), default=0)
        narrow = self.width < NARROW and longest > self.width // 3
        super().write_dl(rows, 4 if narrow else col_max, col_spacing)


class HelpContext(click.Context):
    """A click context that lays help out as above."""

    formatter_class: type[click.HelpFormatter] = HelpFormatter


class Commands(click.Group):
    """The commands, in the order in which a user meets them."""

    context_class: type[click.Context] = HelpContext

    @override
    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, whose help is laid out likewise."""
        cmd.context_class = HelpContext
        super().add_command(cmd, name)

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which the commands were added."""
        return list(self.commands)


def echo_wrapped(text: str, indent: str = "  ") -> None:
    """Print lines, each broken between words where a terminal is narrower; a pipe gets them whole.

    Args:
        text: the lines.
        indent: what begins the lines after the first, and leaves as much room on the first.
    """
    if sys.stdout.isatty():
        width = max(shutil.get_terminal_size().columns - len(indent), 20)
        text = "\n".join(_filled(line, width) for line in text.split("\n")).replace("\n", f"\n{indent}")
    click.echo(text)


def complain(message: object) -> None:
    """Write what went wrong to standard error, each line broken between words where a terminal is narrower.

    Args:
        message: the lines.
    """
    text = f"doorcode: {message}"
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns if sys.stderr.isatty() else 0
    except (OSError, ValueError, AttributeError):  # there is none, or it is a program's stream without a number
        columns = 0
    if columns > 0:
        text = "\n".join(_filled(line, columns) for line in text.split("\n"))
    click.echo(text, err=True)


def _filled(line: str, width: int) -> str:
    """Return a line in lines that fit; an item of a list keeps its indent, and what follows is under its text.

    A command in backticks is not broken, so that it can be copied.
    """
    lead = line[: len(line) - len(line.lstrip(" -"))]
    whole = COMMAND.sub(lambda found: found[0].replace(" ", NO_BREAK), line)
    filled = textwrap.fill(
        whole, width, subsequent_indent=" " * len(lead), break_long_words=False, break_on_hyphens=False
    )
    return filled.replace(NO_BREAK, " ")
