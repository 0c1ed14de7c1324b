"""Draw an address as a QR code that scans on any background: both colours are drawn, and the quiet zone."""

from __future__ import annotations

import os
from itertools import zip_longest
from typing import Any, Final

from doorcode._lazy import needs_extra
from doorcode.prompts import _standard_error

QUIET_ZONE: Final = 4
"""Modules of light around the code (ISO/IEC 18004 5.3.8)."""
_HALVES: Final = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
_BLACK_ON_WHITE: Final = "\x1b[38;5;16;48;5;231m"
"""Two colours of the 256 that no theme of a terminal changes."""
_AS_BEFORE: Final = "\x1b[0m"


def rows(text: str) -> list[str]:
    """Return a QR code as lines, two modules of it in each character; to be shown black on white.

    Raises:
        ModuleNotFoundError: segno is not installed.
    """
    modules = [list(row) for row in _made(text).matrix_iter(border=QUIET_ZONE)]
    pairs = zip_longest(modules[::2], modules[1::2], fillvalue=[0] * len(modules[0]))
    return ["".join(_HALVES[bool(upper), bool(lower)] for upper, lower in zip(*pair, strict=True)) for pair in pairs]


def svg(text: str) -> str:
    """Return a QR code as SVG for a page, black on white.

    Raises:
        ModuleNotFoundError: segno is not installed.
    """
    image: str = _made(text).svg_inline(scale=4, border=QUIET_ZONE, dark="#000", light="#fff", omitsize=False)
    return image


def fits(picture: list[str]) -> bool:
    """Return whether standard error can show a picture: its characters, its colours and its width."""
    if os.environ.get("NO_COLOR") or not _standard_error.can_encode("".join(_HALVES.values())):
        return False
    if _standard_error.is_notebook():
        return False  # it shows lines with gaps between them
    columns = _standard_error.columns()
    return columns is None or (_standard_error.is_terminal() and len(picture[0]) <= columns)


def coloured(picture: list[str]) -> str:
    """Return a picture as text in which both colours are set, whatever the terminal's own are."""
    return "\n".join(f"{_BLACK_ON_WHITE}{row}{_AS_BEFORE}" for row in picture)


def _made(text: str) -> Any:
    try:
        import segno
    except ModuleNotFoundError as missing:
        raise needs_extra("doorcode.prompts.qr", "qr", missing) from missing

    return segno.make_qr(text)
