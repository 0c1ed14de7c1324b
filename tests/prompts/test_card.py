"""The card of the terminal prompt: what it leaves out on a small terminal, and where its rows are after a resize."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.segment import Segment

from doorcode.prompts import _qr_code
from doorcode.prompts._card import Card
from doorcode.prompts._card_rows import CardRows
from doorcode.prompts._words import WARNING

URI, CODE = "https://login.microsoftonline.us/organizations/deviceauth", "ABCDEFGHI"
PICTURE = _qr_code.rows(URI)
DETAILS = {"Application": "Reports", "Access to": "Azure Resource Manager", "Account": "any account of yours"}


def terminal(width: int, height: int) -> Console:
    """Return a terminal of this size."""
    return Console(file=io.StringIO(), width=width, height=height, force_terminal=True)


def shown(width: int, height: int, *, qr: bool = False) -> list[str] | None:
    """Return the lines that a terminal of this size shows; None where they do not fit."""
    card = Card(URI, CODE, DETAILS, PICTURE if qr else [], "14:52 left. Ctrl-C gives up.")
    lines = card.fitting(terminal(width, height))
    return None if lines is None else ["".join(segment.text for segment in line) for line in lines]


@pytest.mark.parametrize("qr", [False, True], ids=["words", "qr"])
@pytest.mark.parametrize("width", [12, 13, 40, 80])
def test_a_card_is_never_taller_than_the_terminal(width: int, *, qr: bool) -> None:
    """Address, code, warning and time are there as long as there is a card; more of it in more rows."""
    rows = 0
    for height in (*range(1, 25), 40, 60):
        lines = shown(width, height, qr=qr)
        if lines is None:
            assert rows == 0, "a card that fits in fewer rows fits in more"
            continue
        assert (0 if qr else rows) <= len(lines) <= height
        rows = len(lines)
        assert max(map(len, lines)) <= width
        text = "".join("".join(lines).split())
        for part in (URI, CODE, "" if qr else WARNING, "" if qr else "14:52 left. Ctrl-C gives up."):
            assert "".join(part.split()) in text or (qr and width > 70), (height, part)
    assert (rows > 0) is (width >= len(CODE) + 4)


@pytest.mark.parametrize(
    ("height", "rows", "large", "blank", "details"),
    [(24, 20, True, 7, True), (19, 16, False, 6, True), (15, 10, False, 0, True), (9, 7, False, 0, False)],
)
def test_what_is_left_out_first(height: int, rows: int, *, large: bool, blank: int, details: bool) -> None:
    """Large letters, then blank lines, then what the code is for."""
    lines = shown(80, height)
    assert lines
    assert len(lines) == rows, lines
    assert any("█" in line for line in lines) is large
    assert lines.count("") == blank
    assert any("Azure Resource Manager" in line for line in lines) is details
    assert [line.strip() for line in lines].count(CODE) == 1


@pytest.mark.parametrize(("width", "height"), [(80, 15), (40, 24), (40, 60)])
def test_a_qr_code_that_does_not_fit(width: int, height: int) -> None:
    """The card is there without it, and says how to see it."""
    lines = shown(width, height, qr=True)
    assert lines
    assert "A larger terminal shows the QR code." in " ".join(" ".join(lines).split())
    assert not any(line.startswith("▀") or "▄▄" in line for line in lines)


def test_a_terminal_that_becomes_very_small() -> None:
    """A user who has read the warning still sees address, code and time; in fewer rows, a card is of no use."""
    card = Card(URI, CODE, DETAILS, [], "14:52 left. Ctrl-C gives up.")
    assert card.fitting(terminal(80, 6)) is None
    assert card.fitting(terminal(80, 24))
    lines = card.fitting(terminal(80, 6))
    assert lines
    assert ["".join(segment.text for segment in line).strip() for line in lines] == [
        "To sign in, open this address on any device:", URI, "and enter this code:", CODE,
        "14:52 left. Ctrl-C gives up.",
    ]  # fmt: skip
    assert card.fitting(terminal(80, 4)) is None


def lines_of(*columns: int) -> list[list[Segment]]:
    """Return lines of so many columns."""
    return [[Segment("x" * each)] for each in columns]


def test_rows_of_a_resized_terminal() -> None:
    """Lines that a narrower terminal breaks have more rows; rows that leave a lower one come back with its height."""

    def erased(width: int, height: int) -> int:
        return str(rows.erase(width, height)).count("\x1b[2K")

    rows = CardRows()
    assert erased(80, 24) == 0
    for width, height, expected, lines in [
        (80, 24, 0, lines_of(70, 0, 80, 10)),
        (40, 24, 6, lines_of(40, 41)),
        (80, 24, 2, lines_of(1, 2, 3, 4, 5)),
        (80, 3, 3, lines_of(1)),
        (80, 3, 1, lines_of(1)),
        (80, 4, 2, lines_of(1, 2)),
        (80, 24, 3, lines_of(1)),
        (80, 24, 1, lines_of(79)),
        (40, 1, 1, lines_of(1)),
        (40, 9, 2, []),
    ]:
        assert erased(width, height) == expected, (width, height)
        rows.written(lines, is_below_other=False)
    rows.written(lines_of(1, 2, 3), is_below_other=False)
    assert erased(80, 2) == 2
    rows.written(lines_of(1, 2), is_below_other=True)
    assert erased(80, 24) == 2
