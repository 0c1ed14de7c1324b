"""Run a script with each library, from a fresh start each."""

from __future__ import annotations

from pathlib import Path

import azure.identity
import pytest

import doorcode
from compat.registry import Script
from compat.stage import Facts, Stage
from doorcode._sync.cancel_scope import CancelScope
from doorcode.emulator import Emulator

SHORT: float = 0.01


def run(script: Script, authority: Emulator, home: Path) -> tuple[Facts, Facts]:
    """Return what azure-identity and doorcode showed."""
    theirs = _run(script, (azure.identity, doorcode), authority, home / "theirs")
    ours = _run(script, (doorcode, azure.identity), authority, home / "ours")
    return theirs, ours


def _run(script: Script, libraries: tuple[object, object], authority: Emulator, home: Path) -> Facts:
    home.mkdir()
    authority.reset()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("HOME", str(home))
        if not script.in_real_time:
            sleep = CancelScope.sleep
            monkeypatch.setattr(CancelScope, "sleep", lambda self, seconds: sleep(self, min(seconds, SHORT)))
        stage = Stage(*libraries, authority, home, monkeypatch)  # type: ignore[arg-type]
        script.act(stage)
    return stage.facts
