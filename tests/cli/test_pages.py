"""The commands that the documentation tells a user to type do what it says, against a local authority."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Command
from support.examples import ROOT, doorcode_commands, shell_blocks

PAGES = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("cli", "recipes", "troubleshooting"))]
RUN = {"accounts", "doctor", "login", "status", "token"}
"""What a test of its own runs with other programs is left out: `exec`."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_succeeds(page: Path, signed_in: Command) -> None:
    """After a sign-in, each of them ends with 0; one for another cloud would leave this machine."""
    typed = [each for block in shell_blocks(page) for each in doorcode_commands(block)]
    here = [each for each in typed if each[0] in RUN and "--cloud" not in each]
    assert here != []
    assert [each for each in here if signed_in(*each, *extra(each[0])).code != 0] == []


def extra(name: str) -> list[str]:
    """Return what a local authority needs besides, which Microsoft's list does not have."""
    return ["--no-instance-discovery"] if name == "login" else []
