"""docs/architecture.md shows the modules that there are, and calls that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pages.architecture_page import PACKAGE, PAGE, ROOT, render, shown

MOST_HOPS = 15
PAGES = (PAGE, ROOT / "CONTRIBUTING.md")


def names_in(module: Path) -> set[str]:
    """Return the classes and functions of a module, and the methods after the name of their class."""
    found = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found.add(node.name)
            found |= {f"{node.name}.{each.name}" for each in ast.walk(node) if hasattr(each, "name")}
    return found


def test_the_page_shows_every_module() -> None:
    """``python -m pages.architecture_page``, in tests/, writes it anew."""
    assert shown(PAGE.read_text(encoding="utf-8")) == render()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_modules_and_functions_that_exist(page: Path) -> None:
    """Each path below the package exists, and so does the function that a page names after it."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`(?:src/doorcode/)?((?:_?[a-z]+/)*_?[a-z_]+\.py)`(?: `([\w.]+)`)?", text)
    assert named
    paths = {path for path, _ in named}
    folders = (PACKAGE, ROOT, PACKAGE / "prompts", PACKAGE / "_core", PACKAGE / "_core" / "flows")
    assert [path for path in sorted(paths) if not any((folder / path).exists() for folder in folders)] == []
    calls = [(path, name) for path, name in named if name and (PACKAGE / path).exists()]
    assert [(path, name) for path, name in calls if name not in names_in(PACKAGE / path)] == []


def test_no_call_has_too_many_hops() -> None:
    """Each list of hops is one list, short enough to follow."""
    section = PAGE.read_text(encoding="utf-8").partition("## Three calls")[2].partition("\n## ")[0]
    hops = [int(number) for number in re.findall(r"^(\d+)\. ", section, re.MULTILINE)]
    assert hops.count(1) == 3
    assert max(hops) <= MOST_HOPS
