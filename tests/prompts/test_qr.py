"""The QR prompt: its picture scans on any background, and gives way to text where it cannot be shown."""

from __future__ import annotations

import io
import re
import sys
from datetime import datetime, timezone
from typing import Any

import pytest

from doorcode import prompts

URI, CODE = "https://microsoft.com/devicelogin", "ABCD-EFGH"
UNTIL = datetime(2026, 11, 25, 12, 30, tzinfo=timezone.utc)
SGR = re.compile(r"\x1b\[([\d;]*)m")
GREY = {"16": 0, "231": 255}
"""The two colours that are used, of the 256 of a terminal."""
BLOCKS = {" ": (False, False), "▀": (True, False), "▄": (False, True), "█": (True, True)}
MODULE = 6
"""Pixels of a module's side."""


def rendered(text: str, foreground: int, background: int, columns: int = 100) -> tuple[bytes, int, int]:
    """Return what a terminal shows of a text, in grey: its pixels, width and height.

    Args:
        text: what was written, escape sequences included.
        foreground: the terminal's own colour of characters, from 0 (black) to 255.
        background: the same of what is behind them.
        columns: of the terminal.
    """
    rows: list[bytes] = []
    fore, back = foreground, background
    for line in text.splitlines():
        upper, lower = bytearray(), bytearray()
        for part in re.split(r"(\x1b\[[\d;]*m)", line):
            sequence = SGR.fullmatch(part)
            if sequence is None:
                for character in part:
                    for half, is_set in zip((upper, lower), BLOCKS.get(character, (False, True)), strict=True):
                        half.extend([fore if is_set else back] * MODULE)
            elif sequence[1] in {"", "0"}:
                fore, back = foreground, background
            else:
                found = re.fullmatch(r"38;5;(\d+);48;5;(\d+)", sequence[1])
                assert found, sequence[1]
                fore, back = GREY[found[1]], GREY[found[2]]
        for half in (upper, lower):
            rows.extend([bytes(half[: columns * MODULE]).ljust(columns * MODULE, bytes([background]))] * MODULE)
    return b"".join(rows), columns * MODULE, len(rows)


def decoded(picture: tuple[bytes, int, int]) -> list[str]:
    """Return what zbar reads in a picture."""
    pyzbar: Any = pytest.importorskip("pyzbar.pyzbar", reason="libzbar is not here", exc_type=ImportError)
    return [found.data.decode() for found in pyzbar.decode(picture, symbols=[pyzbar.ZBarSymbol.QRCODE])]


@pytest.mark.parametrize(
    ("foreground", "background"),
    [(0, 255), (255, 0), (60, 245), (204, 30), (128, 128)],
    ids=["light", "dark", "notebook", "dark notebook", "grey on grey"],
)
@pytest.mark.parametrize("uri", [URI, "https://login.partner.microsoftonline.cn/common/oauth2/deviceauth?mkt=zh-CN"])
def test_it_scans(capsys: pytest.CaptureFixture[str], foreground: int, background: int, uri: str) -> None:
    """Whatever the terminal's own colours are: both of the picture's are set, and light is all around it."""
    prompts.qr(uri, CODE, UNTIL)
    assert decoded(rendered(capsys.readouterr().err, foreground, background)) == [uri]


def test_the_quiet_zone_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    """Four modules on each side (ISO/IEC 18004 5.3.8), so nothing beside the picture disturbs it."""
    prompts.qr(URI, CODE, UNTIL)
    lines = [SGR.sub("", line) for line in capsys.readouterr().err.splitlines() if line.startswith("\x1b")]
    assert {line.strip() for line in lines[:2]} == {""}
    assert all(line.startswith(" " * 4) and line.endswith(" " * 4) for line in lines)
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_an_encoding_without_blocks(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """The text stands alone: lines of escapes or question marks help nobody."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(written, encoding=encoding, errors="backslashreplace"))
    prompts.qr(URI, CODE, UNTIL)
    (line,) = written.getvalue().decode(encoding).splitlines()
    assert line.startswith(f"To sign in, open {URI} and enter the code {CODE} before ")


@pytest.mark.parametrize("encoding", ["utf-8", "cp437"])
def test_an_encoding_with_blocks(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """The console of Windows has them in its old code page too."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(written, encoding=encoding))
    prompts.qr(URI, CODE, UNTIL)
    assert decoded(rendered(written.getvalue().decode(encoding), 255, 0)) == [URI]


def test_without_colours_there_is_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``NO_COLOR``: a picture in the terminal's own colours would scan on half of the terminals."""
    monkeypatch.setenv("NO_COLOR", "1")
    prompts.qr(URI, CODE, UNTIL)
    assert len(capsys.readouterr().err.splitlines()) == 1
