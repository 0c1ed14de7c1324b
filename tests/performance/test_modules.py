"""What starting costs, as modules: what is loaded, and when. Milliseconds are the benchmarks' business."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from doorcode import AuthenticationRecord, DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode.emulator import Emulator

SCOPE = "https://vault.azure.net/.default"
STANDARD = "import importlib.util, json, logging, typing"
"""Parts of the standard library that the class needs."""
AZURE_CORE = "import azure.core.credentials"
"""What handing a token out loads."""
OWN = {
    "__future__", "_contextvars", "_heapq", "_queue", "_struct", "base64", "binascii", "contextvars", "copy",
    "errno", "heapq", "ipaddress", "math", "queue", "struct", "urllib", "urllib.parse",
}  # fmt: skip
"""What the class, and then a stored token, need beyond that: values, addresses, and waiting for each other."""
KEY = bytes(32)


def modules_after(code: str) -> set[str]:
    """Return the names of the modules that a new process has after running some code."""
    # -S: no .pth file of this environment loads anything by itself
    needed = {name: os.environ[name] for name in ("SYSTEMROOT", "LOCALAPPDATA") if name in os.environ}
    paths = f"import sys\nsys.path[:] = {sys.path!r}\n"
    command = [sys.executable, "-I", "-S", "-c", f"{paths}{code}\nprint(*sys.modules, sep='\\n')"]
    done = subprocess.run(command, env=needed, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_the_package_costs_a_table_of_names() -> None:
    """``import doorcode`` loads itself and importlib, not even typing or re."""
    loaded = modules_after("import doorcode") - modules_after("import importlib, __future__")
    assert loaded == {"doorcode", "doorcode._lazy"}


def test_the_class_costs_little() -> None:
    """Beside modules of ours it loads what values need: neither azure-core, nor typing_extensions, nor asyncio."""
    loaded = modules_after("from doorcode import DeviceCodeCredential") - modules_after(STANDARD)
    assert {name for name in loaded if name.partition(".")[0] != "doorcode"} <= OWN


@pytest.fixture(name="stored", params=["plain", "sealed"])
def _stored(request: pytest.FixtureRequest, doorcode_emulator: Emulator, tmp_path: Path) -> tuple[str, str]:
    """Store a token; return a program that gets it, and how it is kept."""
    path = tmp_path / "tokens"
    if request.param == "plain":
        (tmp_path / "tokens.nocae").write_text("{}")  # a plain file that is there is used
    keys = {"plain": "allow_unencrypted_storage=True", "sealed": "encryption_key=bytes(32)"}
    options = TokenCachePersistenceOptions(
        path=path,
        allow_unencrypted_storage=request.param == "plain",
        encryption_key=KEY if request.param == "sealed" else None,
    )
    with DeviceCodeCredential(
        prompt_callback=doorcode_emulator.prompt_approver(),
        cache_persistence_options=options,
        **doorcode_emulator.credential_options,
    ) as credential:
        record: AuthenticationRecord = credential.authenticate(scopes=[SCOPE])
    program = f"""
from doorcode import AuthenticationRecord, DeviceCodeCredential, TokenCachePersistenceOptions
assert DeviceCodeCredential(
    authentication_record=AuthenticationRecord.deserialize({record.serialize()!r}),
    disable_automatic_authentication=True,
    cache_persistence_options=TokenCachePersistenceOptions(path={str(path)!r}, {keys[request.param]}),
).get_token({SCOPE!r}).token
"""
    return program, request.param


def test_a_stored_token_needs_neither_network_nor_another_library(
    stored: tuple[str, str], doorcode_emulator: Emulator
) -> None:
    """A new process reads the cache and is done, with the authority gone; encryption costs its one cipher."""
    program, kept = stored
    with doorcode_emulator.offline():
        loaded = modules_after(program) - modules_after(AZURE_CORE)
    others = {name.partition(".")[0] for name in loaded} - {"doorcode"}
    assert not others & {"ctypes", "msal", "msal_extensions", "requests", "urllib3"}
    assert ("cryptography" in others) == (kept == "sealed")
    costly = {"cryptography.x509", "cryptography.hazmat.primitives.serialization"}
    assert not loaded & costly
    unused = {"doorcode._core.messages.failures", "doorcode._core.flows.refresh", "doorcode.errors"}
    assert not loaded & (unused | {"doorcode.cache._locks.lock", "doorcode.cache._locks.lease"})
    if kept == "plain":
        assert {name for name in loaded if name.partition(".")[0] != "doorcode"} <= OWN
