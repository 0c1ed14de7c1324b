"""Give tests of stores a home of their own and programs in other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cache.harness import PROGRAMS, Program, Start


@pytest.fixture
def start() -> Iterator[Start]:
    """Give what starts one of the programs beside the tests; what still runs at the end is ended."""
    running: list[Program] = []

    def run(name: str, *arguments: object, traced: bool = True, under: tuple[str, ...] = ()) -> Program:
        command = [*under, sys.executable, "-W", "error", str(PROGRAMS / f"{name}.py"), *map(str, arguments)]
        # What is timed is not slowed down by coverage, which finds its settings in the environment.
        env = {key: value for key, value in os.environ.items() if traced or not key.startswith("COVERAGE_PROCESS")}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        program = Program(process)
        running.append(program)
        return program

    yield run
    for program in running:
        program.process.kill()
        program.process.communicate()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty home directory, and no desktop session."""
    place = tmp_path / "home"
    place.mkdir(mode=0o700, exist_ok=True)
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return place
