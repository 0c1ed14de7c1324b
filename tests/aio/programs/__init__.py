"""Programs that sign somebody in at the authority that their environment names, each for one test."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Protocol

PROGRAMS = Path(__file__).parent


class RunProgram(Protocol):
    """Run a program to its end."""

    def __call__(
        self, name: str, *arguments: str, python: tuple[str, ...] = ("-X", "dev")
    ) -> subprocess.CompletedProcess[str]:
        """Return what it wrote and how it ended."""
        ...
