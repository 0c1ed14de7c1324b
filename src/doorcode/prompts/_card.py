"""What a terminal shows while it waits for the user: address, large code, details, a warning and the time left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from doorcode import _clock
from doorcode.prompts._large_letters import drawn, parts
from doorcode.prompts._words import WARNING

_INDENT: Final = 2
_BESIDE: Final = 34
"""Columns that the words need beside a QR code."""


class _Form(NamedTuple):
    """What of a card is shown."""

    picture: bool = False
    large: bool = False
    """Whether the code is there in large letters too."""
    spaced: bool = False
    """Whether blank lines stand between the parts."""
    details: bool = True
    warning: bool = True


_WITH_PICTURE: Final = (
    _Form(picture=True, spaced=True),
    _Form(picture=True),
    _Form(picture=True, details=False),
)
_WITHOUT_PICTURE: Final = (
    _Form(large=True, spaced=True),
    _Form(spaced=True),
    _Form(),
    _Form(details=False),
)
_SHOWN_BEFORE: Final = _Form(details=False, warning=False)
"""What is left once the user has seen the rest, and has made the terminal smaller since."""


class Card:
    """What is shown for one code; drawn anew as time passes.

    Args:
        address: where to enter the code.
        code: what to enter.
        details: what the user should compare with the page: labels and texts.
        picture: the lines of the address's QR code; empty for none.
        last_line: what stands below while the time left is not known.

    Attributes:
        ends: when the user's time is over, in monotonic seconds; None if that is not known.
    """

    def __init__(self, address: str, code: str, details: Mapping[str, str], picture: list[str], last_line: str) -> None:
        self.ends: float | None = None
        self._address = address
        self._code = code
        self._details = details
        self._picture = picture
        self._last_line = last_line
        self._was_shown = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        first = (_WITH_PICTURE if self._picture else _WITHOUT_PICTURE)[0]
        yield from self._parts(console, options.max_width, first)

    def fitting(self, console: Console) -> list[list[Segment]] | None:
        """Return the lines of the fullest form that fits on the terminal; None where none does.

        Args:
            console: the terminal.
        """
        width, height = console.size
        if width < len(self._code) + 2 * _INDENT:
            return None
        options = console.options.update(width=width)
        shows_picture = self._picture and width >= len(self._picture[0])
        last = (_SHOWN_BEFORE,) if self._was_shown else ()
        for form in (*(_WITH_PICTURE if shows_picture else ()), *_WITHOUT_PICTURE, *last):
            group = Group(*self._parts(console, width, form))
            lines = console.render_lines(group, options, pad=False)
            if len(lines) <= height:
                self._was_shown = True
                return lines
        return None

    def _parts(self, console: Console, width: int, form: _Form) -> Iterator[RenderableType]:
        if form.spaced:
            yield Text("")
        if not form.picture:
            yield from self._words(console, width - 2 * _INDENT, form)
            return
        picture = [Text(line, style="color(16) on color(231)", no_wrap=True) for line in self._picture]
        left = width - len(self._picture[0]) - 3 * _INDENT
        if left < _BESIDE:
            yield from picture
            yield from self._words(console, width - 2 * _INDENT, form)
            return
        beside = Table.grid(padding=(0, 0, 0, _INDENT))
        beside.add_row(Group(*picture), Group(*self._words(console, left - _INDENT, form)))
        yield beside

    def _words(self, console: Console, width: int, form: _Form) -> Iterator[Text]:
        between = [Text("")] if form.spaced else []
        yield from _indented(console, Text("To sign in, open this address on any device:"), width)
        for start in range(0, len(self._address), width):
            yield Text(" " * _INDENT).append(self._address[start : start + width], style="bold underline")
        yield from between
        yield from _indented(console, Text("and enter this code:"), width)
        yield from between
        if form.large and (console.encoding or "").lower().startswith("utf"):
            for part in parts(self._code, width):
                yield from (Text(" " * _INDENT + line, style="bold", no_wrap=True) for line in drawn(part))
                yield Text("")
        yield Text(" " * _INDENT + self._code, style="bold", no_wrap=True)
        yield from between
        details: Mapping[str, str] = self._details if form.details else {}
        for label, value in details.items():
            yield from _indented(console, Text.assemble((f"{label:<13}", "dim"), value), width)
        yield from between if details else []
        if form.warning:
            yield from _indented(console, Text(WARNING, style="magenta"), width)
        if form.warning and self._picture and not form.picture:
            yield from _indented(console, Text("A larger terminal shows the QR code.", style="dim"), width)
        yield from between
        yield from _indented(console, Text(self._time(), style="dim"), width)

    def _time(self) -> str:
        if self.ends is None:
            return self._last_line
        seconds = max(0, int(self.ends - _clock.monotonic()))
        return f"{seconds // 60}:{seconds % 60:02} left. Ctrl-C gives up."


def _indented(console: Console, text: Text, width: int) -> Iterator[Text]:
    for line in text.wrap(console, width):
        line.rstrip()
        yield Text(" " * _INDENT).append_text(line)
