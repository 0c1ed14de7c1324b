"""What the tests of stores share: programs in other processes, and skips with reasons."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

PROGRAMS = Path(__file__).parent / "programs"

Start: TypeAlias = "Callable[..., Program]"


def require(condition: object, reason: str) -> None:
    """Skip the test where the machine lacks something; the root conftest fails it where everything has to run."""
    if not condition:
        pytest.skip(reason)


def names(directory: Path) -> list[str]:
    """Return the names in a directory, in order, but for the writers' queue, which stays once it is there."""
    return sorted(entry.name for entry in directory.iterdir() if not entry.name.endswith(".write.lock"))


class Program:
    """Talk to a program in another process by lines, so that nobody has to sleep."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def hear(self) -> str:
        """Return the program's next line, or fail with what it said instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the program ended with {self.process.wait()}"
        return line.strip()

    def say(self, line: str = "go") -> None:
        """Send the program a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """End the program as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def finish(self) -> None:
        """Wait for the program to end without an error."""
        assert self.process.wait() == 0
