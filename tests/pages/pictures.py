"""Draw the pictures of a sign-in for docs/; ``python -m pages.pictures``, in tests/, writes them there."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.segment import Segment

from doorcode.prompts._card import Card

IMAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "images"
CODE: Final = "VZFYJGXSW"
ADDRESS: Final = "https://microsoft.com/devicelogin"
COLUMNS: Final = 52
CELL: Final = (8, 18)
"""Pixels of a character's width and height."""
MARGIN: Final = 14
BAR: Final = 26
BLOCKS: Final = {"█": (0, 1), "▀": (0, 0.5), "▄": (0.5, 1)}
"""The part of a cell that a block character fills, from its top."""

_STYLE: Final = """<style>
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #e5e7eb }
text, tspan { white-space: pre }
.bold { font-weight: 700; fill: #ffffff } .dim { fill: #9ca3af } .magenta { fill: #f0abfc } .caption { fill: #cbd5e1 }
.window { fill: #111827; stroke: #4b5563 } .bar { fill: #1f2937 } .block { fill: #ffffff } .dot { fill: #6b7280 }
.underline { text-decoration: underline }
</style>"""

LANES: Final = {"you": (82, "You, in a browser"), "program": (250, "The program"), "entra": (418, "Entra ID")}
MESSAGES: Final = (
    ("program", "entra", "asks for a code: application, scope"),
    ("entra", "program", "code, address, 15 minutes"),
    ("program", "you", "shows the address and the code"),
    ("program", "entra", "asks: signed in? (every 5 s)"),
    ("entra", "program", "not yet"),
    ("you", "entra", "opens the address, enters the code, signs in, accepts"),
    ("program", "entra", "asks: signed in?"),
    ("entra", "program", "access, refresh and ID token"),
    ("program", "you", "says who has signed in"),
)
_SEQUENCE_STYLE: Final = """<style>
text { font: 13px system-ui, "DejaVu Sans", sans-serif; fill: #1f2937; text-anchor: middle }
.lane { font-weight: 600 } .paper { fill: #f9fafb; stroke: #d1d5db } .behind { fill: #f9fafb }
.life { stroke: #9ca3af; stroke-dasharray: 4 4 } .box { fill: #e0e7ff; stroke: #4f46e5 }
.arrow { stroke: #4338ca; stroke-width: 1.6; fill: none } .head { fill: #4338ca }
</style>"""


def terminal() -> str:
    """Return the picture of a terminal: while the program waits, and after the user has signed in."""
    waiting = [[Segment("$ python report.py")], *_card()]
    done = [
        [Segment("$ python report.py")],
        [Segment("Signed in as ada@contoso.com.")],
        [Segment("invoices, letters, photos")],
    ]
    upper, middle = _window("The program waits for you", waiting, 0)
    lower, height = _window("You have signed in", done, middle + MARGIN)
    label = f"A terminal. The program shows the address {ADDRESS} and the code {CODE}, and then who signed in."
    return _svg(_width(), height, label, _STYLE, [*upper, *lower])


def sequence() -> str:
    """Return the picture of a device code sign-in: who sends what to whom."""
    top, step = 62, 46
    bottom = top + step * len(MESSAGES)
    drawn = [f'<rect class="paper" x="0.5" y="0.5" width="499" height="{bottom + 11}" rx="8"/>']
    for x, name in LANES.values():
        drawn.append(f'<path class="life" d="M{x} 46V{bottom}"/>')
        drawn.append(f'<rect class="box" x="{x - 72}" y="14" width="144" height="32" rx="6"/>')
        drawn.append(f'<text class="lane" x="{x}" y="35">{name}</text>')
    for number, (sender, receiver, words) in enumerate(MESSAGES):
        drawn.extend(_message(LANES[sender][0], LANES[receiver][0], top + 30 + step * number, f"{number + 1}. {words}"))
    label = "A device code sign-in, message by message; the list below has the same steps."
    return _svg(500, bottom + 12, label, _SEQUENCE_STYLE, drawn)


def _message(start: int, end: int, y: int, words: str) -> Iterator[str]:
    middle = min(max((start + end) / 2, 3.4 * len(words) + 8), 492 - 3.4 * len(words))
    back = -8 if end > start else 8
    half = 3.3 * len(words)
    yield f'<rect class="behind" x="{middle - half:.0f}" y="{y - 20}" width="{2 * half:.0f}" height="17"/>'
    yield f'<text x="{middle:.0f}" y="{y - 7}">{escape(words)}</text>'
    yield f'<path class="arrow" d="M{start} {y}H{end}"/>'
    yield f'<path class="head" d="M{end} {y}l{back} -4.5v9z"/>'


def _card() -> list[list[Segment]]:
    """Return the lines of the real prompt."""
    console = Console(file=io.StringIO(), width=COLUMNS, force_terminal=True, color_system="truecolor")
    return console.render_lines(Card(ADDRESS, CODE, {}, [], "14:52 left. Ctrl-C gives up."), pad=False)


def _window(caption: str, lines: Iterable[list[Segment]], top: int) -> tuple[list[str], int]:
    """Return the elements of a window, and where it ends."""
    lines = list(lines)
    end = top + BAR + 2 * MARGIN + CELL[1] * len(lines)
    drawn = [
        f'<rect class="window" x="0.5" y="{top + 0.5}" width="{_width() - 1}" height="{end - top - 1}" rx="8"/>',
        f'<path class="bar" d="M1 {top + BAR}v-17a8 8 0 0 1 8 -8h{_width() - 18}a8 8 0 0 1 8 8v17z"/>',
        *(f'<circle class="dot" cx="{16 + 14 * each}" cy="{top + BAR / 2}" r="4"/>' for each in range(3)),
        f'<text class="caption" x="62" y="{top + 18}">{escape(caption)}</text>',
    ]
    for number, line in enumerate(lines):
        drawn.extend(_line(line, top + BAR + MARGIN + CELL[1] * number))
    return drawn, end


def _line(segments: Iterable[Segment], top: int) -> Iterator[str]:
    """Draw a line: letters as text, block characters as rectangles, which need no font."""
    column = 0
    for segment in segments:
        for offset, character in enumerate(segment.text):
            if character in BLOCKS:
                begin, end = BLOCKS[character]
                x, y, height = MARGIN + CELL[0] * (column + offset), top + CELL[1] * begin, CELL[1] * (end - begin)
                yield f'<rect class="block" x="{x}" y="{y:g}" width="{CELL[0]}" height="{height:g}"/>'
        letters = segment.text.rstrip()
        if letters.strip() and not set(letters) & set(BLOCKS):
            left = len(letters) - len(letters.lstrip())
            x, length = MARGIN + CELL[0] * (column + left), CELL[0] * (len(letters) - left)
            attributes = f'class="{_classes(segment)}" x="{x}" y="{top + 13}" textLength="{length}"'
            yield f"<text {attributes}>{escape(letters.strip())}</text>"
        column += len(segment.text)


def _classes(segment: Segment) -> str:
    style = segment.style
    if style is None:
        return "plain"
    names = [name for name in ("bold", "dim", "underline") if getattr(style, name)]
    return " ".join([*names, *([style.color.name] if style.color else [])]) or "plain"


def _width() -> int:
    return 2 * MARGIN + CELL[0] * COLUMNS


def _svg(width: int, height: int, label: str, style: str, drawn: Iterable[str]) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(label)}">'
    return "\n".join([head, style, *drawn, "</svg>", ""])


PICTURES: Final = {"terminal.svg": terminal, "sequence.svg": sequence}


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (IMAGES / name).write_text(draw(), encoding="utf-8")
