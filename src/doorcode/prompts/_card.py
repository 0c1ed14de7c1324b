"""What a terminal shows while it waits for the user: address, large code, details, a warning and the time left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from doorcode import _clock
from doorcode.prompts._large_letters import drawn, parts
from doorcode.prompts._words import WARNING

_INDENT: Final = 2
_BESIDE: Final = 34
"""Columns that the words need beside a QR code."""


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

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text("")
        if not self._picture:
            yield from self._words(console, options.max_width - 2 * _INDENT, large=True)
            return
        picture = [Text(line, style="color(16) on color(231)", no_wrap=True) for line in self._picture]
        left = options.max_width - len(self._picture[0]) - 3 * _INDENT
        if left < _BESIDE:
            yield from picture
            yield from self._words(console, options.max_width - 2 * _INDENT, large=False)
            return
        beside = Table.grid(padding=(0, 0, 0, _INDENT))
        beside.add_row(Group(*picture), Group(*self._words(console, left - _INDENT, large=False)))
        yield beside

    def _words(self, console: Console, width: int, *, large: bool) -> Iterator[Text]:
        yield from _indented(console, Text("To sign in, open this address on any device:"), width)
        for start in range(0, len(self._address), width):
            yield Text(" " * _INDENT).append(self._address[start : start + width], style="bold underline")
        yield Text("")
        yield from _indented(console, Text("and enter this code:"), width)
        yield Text("")
        if large and (console.encoding or "").lower().startswith("utf"):
            for part in parts(self._code, width):
                yield from (Text(" " * _INDENT + line, style="bold", no_wrap=True) for line in drawn(part))
                yield Text("")
        yield Text(" " * _INDENT + self._code, style="bold", no_wrap=True)
        yield Text("")
        for label, value in self._details.items():
            yield from _indented(console, Text.assemble((f"{label:<13}", "dim"), value), width)
        yield from [Text("")] if self._details else []
        yield from _indented(console, Text(WARNING, style="magenta"), width)
        yield Text("")
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
