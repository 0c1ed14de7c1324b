"""docs/aadsts.md has a heading for each code that the library gives advice about."""

from __future__ import annotations

import re

from doorcode._core.messages.advice import BY_CODE, WRONG_SCOPES
from support.examples import ROOT

PAGE = (ROOT / "docs" / "aadsts.md").read_text(encoding="utf-8")
HEADINGS = [
    int(code) for line in PAGE.splitlines() if line.startswith("#") for code in re.findall(r"AADSTS(\d+)", line)
]


def test_each_code_has_one_heading() -> None:
    """A reader who searches for a number finds one answer."""
    assert sorted(HEADINGS) == sorted({*BY_CODE, *WRONG_SCOPES})


def test_each_number_can_be_searched_for() -> None:
    """A number stands by itself too, as in Entra's sign-in logs: a search does not find the end of a word."""
    assert [
        code for code in HEADINGS if not re.search(rf"^Sign-in error codes? .*\b{code}\b", PAGE, re.MULTILINE)
    ] == []
