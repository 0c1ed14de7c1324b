"""What a program sees of doorcode is what it sees of azure-identity, but for the table of differences."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from compat import (
    scripts_browser,
    scripts_cache,
    scripts_logs,
    scripts_options,
    scripts_person,
    scripts_seams,
    scripts_tokens,
)
from compat.compare import differences
from compat.differences import ROWS
from compat.page import PAGE, render, shown
from compat.registry import SCRIPTS
from compat.run import run
from compat.sightings import SIGHTINGS
from doorcode.emulator import Emulator

MODULES = (
    scripts_browser,
    scripts_cache,
    scripts_logs,
    scripts_options,
    scripts_person,
    scripts_seams,
    scripts_tokens,
)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_shows_the_same_but_for_the_table(name: str, authority: Emulator, tmp_path: Path) -> None:
    """A script shows the same with both libraries, but for the differences of the table, and shows each of those."""
    if SCRIPTS[name].on_linux and sys.platform != "linux":
        pytest.skip("it is about what is kept on Linux")
    intended = {
        fact: both
        for seen in SIGHTINGS.values()
        for script, facts in seen.items()
        if script == name
        for fact, both in facts.items()
    }
    theirs, ours = run(SCRIPTS[name], authority, tmp_path)
    assert differences(theirs, ours) == intended


def test_every_row_is_seen_by_a_script() -> None:
    """Each row of the table is seen somewhere, by a script that exists, and nothing is seen without a row."""
    assert list(SIGHTINGS) == [row.name for row in ROWS]
    assert all(SIGHTINGS.values())
    assert {script for seen in SIGHTINGS.values() for script in seen} <= SCRIPTS.keys()


def test_a_fact_is_one_rows_concern() -> None:
    """No fact of a script is explained by two rows."""
    facts = [(script, fact) for seen in SIGHTINGS.values() for script, facts in seen.items() for fact in facts]
    assert len(facts) == len(set(facts))


def test_every_row_has_its_words() -> None:
    """Each row says what doorcode does, why, and what demands it."""
    assert all(row.ours and row.why for row in ROWS)


def test_every_script_says_what_it_does() -> None:
    """Each script has a sentence as its docstring, and each module adds some."""
    assert [name for name, script in SCRIPTS.items() if not script.act.__doc__] == []
    assert {script.act.__module__ for script in SCRIPTS.values()} == {module.__name__ for module in MODULES}


def test_the_page_shows_the_table() -> None:
    """docs/migrating.md shows the table as it is; `python -m compat.page`, in tests/, brings it up to date."""
    assert shown(PAGE.read_text(encoding="utf-8")) == render()
