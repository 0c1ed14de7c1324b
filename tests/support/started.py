"""Run a program beside a test."""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def started(command: Sequence[str], **options: Any) -> Generator[subprocess.Popen[str]]:
    """Start a program and wait for its end; kill it if the test fails, since it may then never end.

    Args:
        command: the program and its arguments.
        options: of ``subprocess.Popen``.
    """
    with subprocess.Popen(command, text=True, **options) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
