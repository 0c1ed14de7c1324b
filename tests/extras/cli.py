"""Use the command line: its version, and what it says of the caches."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

for argument in ("--version", "--help", "status"):
    said = subprocess.run([sys.executable, "-m", "doorcode", argument], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert argument != "--version" or version("doorcode") in said.stdout, said.stdout
