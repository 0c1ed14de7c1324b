"""What importing doorcode loads: programs that only might need to sign in pay for nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from doorcode import DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode.emulator import Emulator

HEAVY = {
    "asyncio",
    "azure.core",
    "azure.identity",
    "cryptography",
    "http.server",
    "msal",
    "msal_extensions",
    "redis",
    "requests",
}

OF_REQUESTS = {
    "doorcode._core.flows.limits",
    "doorcode._core.flows.refusals",
    "doorcode._core.replies.parse",
    "doorcode._entra.msal_client",
    "doorcode._entra.worker",
    "doorcode.errors",
}

STATEMENTS = (
    "import doorcode",
    "from doorcode import AuthenticationRecord",
    "from doorcode import AzureAuthorityHosts, KnownAuthorities",
    "from doorcode import TokenCachePersistenceOptions",
    "from doorcode import get_bearer_token_provider",
    "from doorcode import DeviceCodeCredential",
    "from doorcode import DeviceCodeCredential; DeviceCodeCredential()",
    "from doorcode.cache import RedisStore; RedisStore('redis://localhost', encryption_key=bytes(32))",
    "from doorcode import InteractiveBrowserCredential; InteractiveBrowserCredential()",
    "from doorcode import UserCredential; UserCredential()",
    "from doorcode._session.stored_token import StoredTokens",
)


def modules_after(code: str) -> set[str]:
    """Return the names of the modules that a new process has after running some code."""
    # -I: neither this folder nor the user's site; no environment: nothing measures coverage there
    needed = {name: os.environ[name] for name in ("SYSTEMROOT", "LOCALAPPDATA") if name in os.environ}
    command = [sys.executable, "-I", "-c", f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"]
    done = subprocess.run(command, env=needed, capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize("code", STATEMENTS)
def test_an_import_loads_no_more_than_it_needs(code: str) -> None:
    """A statement loads nothing of what is expensive, neither azure-core nor MSAL."""
    assert modules_after(code) & HEAVY == set()


def test_the_errors_load_azure_core_and_no_more() -> None:
    """They derive from azure-core's ClientAuthenticationError."""
    assert modules_after("import doorcode.errors") & HEAVY == modules_after("import azure.core.exceptions") & HEAVY


SILENT = """
from doorcode import DeviceCodeCredential, TokenCachePersistenceOptions

credential = DeviceCodeCredential(
    authority={authority!r},
    tenant_id={tenant_id!r},
    disable_instance_discovery=True,
    disable_automatic_authentication=True,
    cache_persistence_options=TokenCachePersistenceOptions(path={path!r}, allow_unencrypted_storage=True),
)
assert credential.get_token({scope!r}).token
"""


def test_a_stored_token_costs_neither_a_request_nor_its_libraries(doorcode_emulator: Emulator, tmp_path: Path) -> None:
    """A new process that finds a valid token in the store loads azure-core to hand it out, and nothing else."""
    scope, path = "https://vault.azure.net/.default", str(tmp_path / "tokens")
    (tmp_path / "tokens.nocae").write_text("{}")  # a plain file that is there is used: sealed ones need cryptography
    options = TokenCachePersistenceOptions(path=path, allow_unencrypted_storage=True)
    approver = doorcode_emulator.prompt_approver()
    with DeviceCodeCredential(
        prompt_callback=approver, cache_persistence_options=options, **doorcode_emulator.credential_options
    ) as credential:
        credential.get_token(scope)
    before = doorcode_emulator.count()

    authority, tenant_id = doorcode_emulator.url, doorcode_emulator.tenant_id
    loaded = modules_after(SILENT.format(authority=authority, tenant_id=tenant_id, path=path, scope=scope))

    assert loaded & HEAVY == modules_after("import azure.core.credentials") & HEAVY
    assert loaded & OF_REQUESTS == set()
    assert doorcode_emulator.count() == before


def test_the_budget_can_be_exceeded() -> None:
    """Whatever is named in the budget can be loaded here, under that very name."""
    code = (
        "import asyncio, azure.core, azure.identity, cryptography, http.server, msal, msal_extensions, redis, requests"
    )
    assert modules_after(code) & HEAVY == HEAVY
