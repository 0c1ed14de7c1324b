"""Every example in docs/ runs, as it stands."""

from __future__ import annotations

import re
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest

from doorcode.emulator import Emulator
from support.examples import ROOT, examples, take_the_clouds_place

PAGES = [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
WITH_EXAMPLES = [page for page in PAGES if page.parent != ROOT and examples(page)]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.name)
def test_the_examples_run(
    page: Path, doorcode_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The examples of a page run from the first to the last; what they define as a test passes."""
    take_the_clouds_place(doorcode_emulator, tmp_path, monkeypatch)
    namespace: dict[str, Any] = {}
    for example in examples(page):
        example.document.namespace = example.namespace = namespace
        example.evaluate()
    for name, test in namespace.items():
        if name.startswith("test_"):
            test(doorcode_emulator)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    """Links to files lead to files, and extras exist."""
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    extras = set(re.findall(r"doorcode\[(\w[\w-]*)\]", text))
    assert extras <= set(metadata("doorcode").get_all("Provides-Extra") or [])
