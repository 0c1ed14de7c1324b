"""The page of threats: what it says is shown by tests that exist, and no rule is without a row."""

from __future__ import annotations

import re

import pytest

from support.examples import ROOT

PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", PAGE)))
RULES = {
    "## RFC 8628, section 5": [f"5.{number}" for number in range(1, 8)],
    "## RFC 9700, section 2": ["2.1", "2.1.1", "2.1.2", "2.2.1", "2.2.2", "2.3", "2.4", "2.5", "2.6"],
    "## RFC 9700, section 4": [f"4.{number}" for number in range(1, 18)],
    "## RFC 8252, sections 6 to 8": ["6", "7.1", "7.2", "7.3", *(f"8.{number}" for number in range(1, 13))],
}


def part(heading: str) -> str:
    """Return what stands under a heading."""
    return PAGE.partition(f"\n{heading}")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_exists(name: str) -> None:
    """Each name leads to a test."""
    path, _, function = name.partition("::")
    text = (ROOT / "tests" / path).read_text(encoding="utf-8")
    # Not by way of ast: Python 3.11 mixes up its depth where a destructor or a thread formats a traceback meanwhile
    # (python/cpython#106905).
    assert re.search(rf"^def {function}\(", text, re.MULTILINE)


@pytest.mark.parametrize("heading", RULES)
def test_every_rule_has_a_row(heading: str) -> None:
    """The sections of each standard that concern a public client are all there."""
    rows = re.findall(r"^\| ((?:[\d.]+)(?:, [\d.]+)*) ", part(heading), re.MULTILINE)
    found = {number for row in rows for number in row.split(", ")}
    assert set(RULES[heading]) - found == set()


def test_every_row_names_a_test() -> None:
    """What is done can be seen to be done, in the last column."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "::" not in line]
    assert [row for row in rows if not row.startswith(("| Rule |", "| Mitigation |", "| What |"))] == []
    assert len(NAMED) > 40
