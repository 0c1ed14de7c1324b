"""Where a card is on a terminal that may be resized: the rows that have to be erased before it is drawn again."""

from __future__ import annotations

from typing import Final

from rich.control import Control
from rich.segment import ControlType, Segment

_ERASE: Final = (ControlType.ERASE_IN_LINE, 2)
_UP: Final = (ControlType.CURSOR_UP, 1)


class CardRows:
    """The rows of a card, the cursor being on the last one.

    Terminals break lines anew when they become narrower. When they become lower, the upper rows leave the screen; they
    come back when the terminal becomes higher again.
    """

    def __init__(self) -> None:
        self._off_screen: list[int] = []
        """Columns of lines that a lower terminal has moved above the screen."""
        self._lines: list[int] = []
        """Columns of the card's lines."""
        self._height = 0

    def erase(self, width: int, height: int) -> Control:
        """Return the control codes that erase the card and move the cursor to its first row.

        Args:
            width: columns that the terminal has now.
            height: rows that it has now.
        """
        came_back = self._take_back(height - self._height, width)
        lines = [*came_back, *self._lines]
        rows = sum(_rows(columns, width) for columns in lines)
        self._off_screen += _first_rows(lines, rows - height, width)
        self._lines, self._height = [], height
        above = min(rows, height) - 1
        return Control(ControlType.CARRIAGE_RETURN, _ERASE, *(_UP, _ERASE) * above) if rows else Control()

    def written(self, lines: list[list[Segment]], *, is_below_other: bool) -> None:
        """Take down which lines were written after what was there before had been erased.

        Args:
            lines: the lines of the card.
            is_below_other: whether other output stands above them now.
        """
        self._lines = [Segment.get_line_length(line) for line in lines]
        if is_below_other:
            self._off_screen = []

    def _take_back(self, rows: int, width: int) -> list[int]:
        """Return the lines that a terminal has moved back to the screen."""
        lines: list[int] = []
        while self._off_screen and rows > 0:
            columns = self._off_screen.pop()
            lines.insert(0, columns)
            rows -= _rows(columns, width)
        return lines


def _rows(columns: int, width: int) -> int:
    return max(1, -(-columns // width))


def _first_rows(lines: list[int], rows: int, width: int) -> list[int]:
    """Return the lines of which the first rows consist."""
    first: list[int] = []
    for columns in lines:
        if rows <= 0:
            break
        first.append(min(columns, rows * width))
        rows -= _rows(columns, width)
    return first
