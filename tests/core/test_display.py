"""Text of others on its way to a screen, a log or a page."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorcode._core import display


@pytest.mark.parametrize(
    ("value", "longest", "expected"),
    [
        ("  To sign in,\r\n\topen it ", 40, "To sign in, open it"),
        ("a\x1b[31mb\x00c\x7f\u202ed\ud800", 40, "a[31mbcd"),
        ("abcdef", 5, "abcd…"),
        ("\x00" * 100 + "abc", 10, ""),
        (None, 5, ""),
        (["a"], 5, ""),
        ("a\x1b]8;;http://x\x07link\x1b]8;;\x1b\\", 40, "a]8;;http://xlink]8;;\\"),
        ("a\u200b\u2066b\u2069\ufeff\u00adc\u3164\u2800d", 40, "abcd"),
        ("a\u2028b\u2029c\x85d\x9b31me", 40, "a b c d31me"),
    ],
)
def test_one_line(value: object, longest: int, expected: str) -> None:
    """Text of others becomes one line that no terminal acts on."""
    assert display.one_line(value, longest) == expected


@settings(deadline=None)
@given(st.text(), st.integers(1, 50))
def test_one_line_is_bounded_and_printable(text: str, longest: int) -> None:
    """Whatever comes, what is shown is short and printable."""
    shown = display.one_line(text, longest)
    assert shown.isprintable()
    assert len(shown) <= longest


def test_masked() -> None:
    """Words that are long enough to be a token are not shown."""
    assert display.masked("see eyJhbGciOi.J9 and short", 8) == "see … and short"


@pytest.mark.parametrize(
    ("text", "shown", "logged"),
    [
        ("one", "one", "one"),
        ("The code ran out\nCall again.", "The code ran out\nCall again.", "The code ran out. Call again."),
        ("Refused.\r\nCall again.", "Refused.\nCall again.", "Refused. Call again."),
        ("a\n\n b:\nc", "a\n\n b:\nc", "a. b: c"),
        ("a\x1b[2Jb\rc\u2028d\u202ee", "a[2Jb c de", "a[2Jb c de"),
        ("", "", ""),
    ],
)
def test_messages(text: str, shown: str, logged: str) -> None:
    """A message keeps its lines where it is shown, and is one line in a log."""
    assert display.lines(text) == shown
    assert display.log_line(text) == logged


@settings(deadline=None)
@given(st.text())
def test_messages_are_printable(text: str) -> None:
    """Whatever comes, a terminal acts on nothing of it, and a log has one line."""
    assert display.lines(text).replace("\n", "").isprintable()
    assert display.log_line(text).isprintable()


@pytest.mark.parametrize(
    ("username", "expected"), [("Ada\x1b[1m", "Ada[1m"), ("", "u.h"), ("\u200b\n", "u.h"), ("x" * 400, "x" * 319 + "…")]
)
def test_account_names(username: str, expected: str) -> None:
    """An account is called by its name, where that has something to read, and by its identifier otherwise."""
    assert display.account_name(username, "u.h\x00") == expected
