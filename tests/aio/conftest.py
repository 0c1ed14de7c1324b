"""Asyncio credentials for the emulator, where a user approves every prompt, and no waiting between polls."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import doorcode._entra.msal_client  # its import takes a moment, which no test's timeout is to contain
import doorcode.aio
from aio.programs import PROGRAMS, RunProgram
from doorcode._core.flows.device_code import Pace
from doorcode.emulator import Emulator, PromptApprover
from support.signing import PATIENCE

Make = Callable[..., Any]


@pytest.fixture
def authority(doorcode_emulator: Emulator) -> Emulator:
    """Give the authority, as new."""
    return doorcode_emulator


@pytest.fixture
def person(authority: Emulator) -> PromptApprover:
    """Give a prompt callback that approves at once, and knows what it was shown."""
    return authority.prompt_approver()


@pytest.fixture
def make(authority: Emulator, person: PromptApprover) -> Make:
    """Give what makes credentials; ``credential_class`` is another class than doorcode.aio's."""

    def made(**options: Any) -> Any:
        given = {
            "credential_class": doorcode.aio.DeviceCodeCredential,
            "prompt_callback": person,
            "use_cached_account": True,  # the prompt stands for one at this machine
            "retry_backoff_factor": 0,
            **authority.credential_options,
            **options,
        }
        return given.pop("credential_class")(**given)

    return made


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let polls follow each other at once: how long to wait is tested in tests/core, without any clock."""
    monkeypatch.setattr(Pace, "pause", property(lambda pace: 0.02))


@pytest.fixture
def run_program(authority: Emulator) -> RunProgram:
    """Give what runs a program of ``programs/`` to its end, for the emulator; every warning is an error to it."""

    def run(name: str, *arguments: str, python: tuple[str, ...] = ("-X", "dev")) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *python, "-W", "error", str(PROGRAMS / f"{name}.py"), *arguments]
        return subprocess.run(
            command,
            env={**os.environ, **authority.environment, "TENANT": authority.tenant_id},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run
