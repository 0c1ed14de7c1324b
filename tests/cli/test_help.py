from __future__ import annotations

import pytest

from cli.conftest import Command
from doorcode._cli.app import cli

COMMANDS = [name for name in cli.commands if name != "emulator"]
AS_TYPED = ("  doorcode exec ", "  bash  ", "  zsh   ", "  fish  ")
"""Lines to copy, which are not broken."""


@pytest.mark.parametrize("name", ["", *COMMANDS])
@pytest.mark.parametrize("width", [80, 40])
def test_help_fits_the_terminal(command: Command, monkeypatch: pytest.MonkeyPatch, name: str, width: int) -> None:
    """An option's words have room on a narrow one, too; no word is cut."""
    monkeypatch.setenv("COLUMNS", str(width))
    done = command(*filter(None, [name]), "--help")
    assert done.code == 0
    lines = [line for line in done.out.splitlines() if not line.startswith(AS_TYPED)]
    assert max(map(len, lines)) < width
    assert "..." not in done.out.split("\n\n", 1)[1]
