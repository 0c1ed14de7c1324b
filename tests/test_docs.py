"""Every example in docs/ runs, as it stands."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import click
import pytest

from doorcode import errors
from doorcode._cli.app import cli
from doorcode.emulator import Emulator
from support.examples import ROOT, doorcode_commands, examples, shell_blocks, take_the_clouds_place

PAGES = [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
ELSEWHERE = {"clients.md"}  # whose examples tests/clients/ runs, with the clients
WITH_EXAMPLES = [page for page in PAGES if page.parent != ROOT and page.name not in ELSEWHERE and examples(page)]


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


def test_the_first_page_names_every_extra() -> None:
    """What can be installed is what a reader can choose from."""
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`doorcode\[(\w[\w-]*)\]`", text)) == set(
        metadata("doorcode").get_all("Provides-Extra") or []
    )


@pytest.mark.parametrize("page", [page for page in PAGES if shell_blocks(page)], ids=lambda page: page.name)
def test_a_shell_understands_the_commands(page: Path) -> None:
    """A block is what a shell can read, and each command of doorcode's has the options that it is given."""
    bash = shutil.which("bash")
    for block in shell_blocks(page):
        if bash is not None:
            checked = subprocess.run([bash, "-n"], input=block, text=True, capture_output=True, check=False)
            assert checked.stderr == "", block
        for name, *arguments in doorcode_commands(block):
            command = cli.get_command(click.Context(cli), name)
            assert command is not None, name
            command.make_context(name, arguments)


def test_the_reference_shows_no_base_that_is_internal() -> None:
    """Bases are shown of exceptions alone, which a program catches by them; all of those can be imported."""
    assert "show_bases: false" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    sections = re.split(r"^::: ", (ROOT / "docs" / "reference.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [each.split()[0] for each in sections if "show_bases: true" in each] == ["doorcode.errors"]
    exceptions = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    internal = [base for each in exceptions for base in each.__bases__ if base.__name__.startswith(("_", "Base"))]
    assert exceptions
    assert internal == []
