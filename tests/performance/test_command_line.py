"""What `doorcode token` loads for a stored token: a command that a script runs again and again."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from doorcode import DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode._cli.account_file import SignedIn, path, update
from doorcode.emulator import Emulator

HEAVY = {
    "asyncio",
    "azure.core",
    "click",
    "dataclasses",
    "http.client",
    "inspect",
    "msal",
    "msal_extensions",
    "requests",
    "rich",
    "ssl",
    "urllib3",
}
PROGRAM = """
import sys
sys.argv = ["doorcode", "token"]
from doorcode._cli.entry import main
assert main() == 0
print(*sys.modules)
"""


@pytest.fixture
def signed_in(doorcode_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign a user in, as `doorcode login` does."""
    monkeypatch.setenv("DOORCODE_CACHE_KEY", b64encode(bytes(32)).decode())
    with DeviceCodeCredential(
        prompt_callback=doorcode_emulator.prompt_approver(),
        cache_persistence_options=TokenCachePersistenceOptions(),
        **doorcode_emulator.credential_options,
    ) as credential:
        record = credential.authenticate()
    update(lambda _: (SignedIn(record, disable_instance_discovery=True),))
    assert Path(path()).exists()


def test_a_stored_token_loads_neither_the_commands_nor_what_speaks_to_an_authority(
    signed_in: None, doorcode_emulator: Emulator
) -> None:
    """Not even azure-core: a token is text here. The authority is gone meanwhile."""
    with doorcode_emulator.offline():
        # -S: no .pth file of this environment loads anything by itself
        code = f"import sys\nsys.path[:] = {sys.path!r}\n{PROGRAM}"
        command = [sys.executable, "-I", "-S", "-c", code]
        done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True, timeout=60)
    token, modules = done.stdout.splitlines()
    assert token.count(".") == 2
    loaded = set(modules.split())
    assert sorted(loaded & HEAVY) == []
    assert not {name for name in loaded if name.startswith("azure")}
