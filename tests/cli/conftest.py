"""The command line, run in this process against an authority of the test's own."""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from doorcode._cli.entry import main
from doorcode.emulator import Emulator


class Done(NamedTuple):
    """What a command left: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def authority(doorcode_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Give an authority that this process's environment names, and at which every sign-in is approved at once."""
    for name, value in doorcode_emulator.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DOORCODE_CACHE_KEY", b64encode(bytes(32)).decode())
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    doorcode_emulator.approve_all()
    return doorcode_emulator


@pytest.fixture
def command(authority: Emulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Give a function that runs a command."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["doorcode", *arguments])
        capsys.readouterr()
        code = main()
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the command into a folder that is first in ``PATH``, and give that folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "doorcode").write_text(f'#!/bin/sh\nexec {sys.executable} -m doorcode "$@"\n')
    (folder / "doorcode").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def signed_in(command: Command) -> Command:
    """Give the same after a sign-in of the first user."""
    assert command("login", "--no-instance-discovery").code == 0
    return command
