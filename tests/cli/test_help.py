from __future__ import annotations

import sys
from runpy import run_module

import pytest

from cli.conftest import Command
from doorcode._cli.app import cli
from doorcode._cli.entry import main

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


@pytest.mark.parametrize("program", ["doorcode", "python -m doorcode"])
@pytest.mark.parametrize("name", ["", *cli.commands])
def test_help_has_the_name_by_which_the_user_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str, name: str
) -> None:
    """The usage line of every command can be typed as it stands."""
    monkeypatch.setattr(sys, "argv", ["", *filter(None, [name]), "--help"])
    try:
        code: object = main(program)
    except SystemExit as end:  # the emulator's own parser
        code = end.code
    assert code == 0
    assert f"sage: {program} {name}".rstrip() + " [" in capsys.readouterr().out


def test_the_module_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its help says how it was called."""
    monkeypatch.setattr(sys, "argv", ["", "token", "--help"])
    with pytest.raises(SystemExit) as end:
        run_module("doorcode", run_name="__main__")
    assert end.value.code == 0
    assert "Usage: python -m doorcode token [" in capsys.readouterr().out
