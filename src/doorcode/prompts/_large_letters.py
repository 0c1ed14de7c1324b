"""Draw a user code in large letters, out of block characters."""

from __future__ import annotations

from typing import Final

GLYPHS: Final = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-",
        (
            "0e 11 1f 11 11", "1e 11 1e 11 1e", "0f 10 10 10 0f", "1e 11 11 11 1e", "1f 10 1e 10 1f", "1f 10 1e 10 10",
            "0f 10 13 11 0f", "11 11 1f 11 11", "0e 04 04 04 0e", "01 01 01 11 0e", "11 12 1c 12 11", "10 10 10 10 1f",
            "11 1b 15 11 11", "11 19 15 13 11", "0e 11 11 11 0e", "1e 11 1e 10 10", "0e 11 15 12 0d", "1e 11 1e 12 11",
            "0f 10 0e 01 1e", "1f 04 04 04 04", "11 11 11 11 0e", "11 11 11 0a 04", "11 11 15 1b 11", "11 0a 04 0a 11",
            "11 0a 04 04 04", "1f 02 04 08 1f", "0e 13 15 19 0e", "04 0c 04 04 0e", "1e 01 0e 10 1f", "1e 01 0e 01 1e",
            "12 12 1f 02 02", "1f 10 1e 01 1e", "0e 10 1e 11 0e", "1f 01 02 04 04", "0e 11 0e 11 0e", "0e 11 0f 01 0e",
            "00 00 0e 00 00",
        ),
        strict=True,
    )
)  # fmt: skip
"""Characters of user codes, five rows of five pixels each."""
_WIDTH: Final = 7
"""Columns of a character and of the space after it."""
_HALVES: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def parts(code: str, width: int) -> list[str]:
    """Return a code in parts of about the same length, of which each fits in so many columns when it is drawn."""
    fitting = max(1, (width + 2) // _WIDTH)
    rows = -(-len(code) // fitting)
    size = -(-len(code) // rows) if rows else 1
    return [code[start : start + size] for start in range(0, len(code), size)]


def drawn(code: str) -> list[str]:
    """Return a code in letters of three lines each; empty where one of its characters has no picture."""
    if not code or any(character not in GLYPHS for character in code.upper()):
        return []
    rows = ["  ".join(_pixels(character, row) for character in code.upper()) for row in range(5)] + [""]
    width = len(rows[0])
    padded = [row.ljust(width) for row in rows]
    pairs = (zip(padded[row], padded[row + 1], strict=True) for row in (0, 2, 4))
    return ["".join(_HALVES[upper == "#", lower == "#"] for upper, lower in pair) for pair in pairs]


def _pixels(character: str, row: int) -> str:
    bits = int(GLYPHS[character].split()[row], 16)
    return "".join("#" if bits >> (4 - column) & 1 else " " for column in range(5))
