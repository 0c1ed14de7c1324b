"""A whole sign-in on Windows and on macOS, as far as a stand-in for each can show it from Linux."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from doorcode.emulator import Emulator
from support.started import started

PROGRAMS = Path(__file__).parent / "programs"
PATIENCE = 60

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stand-ins are made from Linux")


def found_on(system: str, authority: Emulator, home: Path) -> dict[str, Any]:
    """Return what the program has found on a system, with a user who approves."""
    options = {**authority.credential_options, "retry_backoff_factor": 0}
    facts = json.dumps({"home": str(home), "options": options})
    command = [sys.executable, "-W", "error", str(PROGRAMS / "sign_in.py"), system, facts]
    with started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said, _, what = line.strip().partition(" ")
            if said == "code":
                authority.approve(what)
            elif said == "found":
                found: dict[str, Any] = json.loads(what)
                return found
    raise AssertionError(process.returncode)


@pytest.mark.parametrize(
    ("system", "files"),
    [
        ("windows", [".IdentityService/msal.cache.nocae", "doorcode/accounts.json"]),
        (
            "macos",
            [
                ".IdentityService/msal.cache.nocae",
                ".IdentityService/msal.cache.nocae.keyring",
                "Library/Application Support/doorcode/accounts.json",
                "Microsoft.Developer.IdentityService.MSALCache",
            ],
        ),
    ],
)
def test_a_user_signs_in_stays_signed_in_and_signs_out(
    system: str, files: list[str], doorcode_emulator: Emulator, tmp_path: Path
) -> None:
    """The default cache of the system is written, read by both kinds of credential, refreshed and emptied."""
    found = found_on(system, doorcode_emulator, tmp_path / "home")
    assert [name for name in found.pop("files") if not name.endswith(".lock")] == files
    assert found == dict.fromkeys(("same", "aio", "refreshed", "account", "signed_out"), True)
    assert doorcode_emulator.count("devicecode") == 1
