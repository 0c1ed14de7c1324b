"""Records and caches are shared with azure-identity for JavaScript: each reads what the other wrote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compat.stage import Rerouted
from doorcode import AuthenticationRecord, DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode.emulator import CONTOSO_TENANT_ID, Emulator
from support.signing import OTHER, SCOPE

PROGRAM = Path(__file__).parent / "programs" / "device_code.cjs"
CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
CACHE = "msal.cache.nocae"
SECONDS = 60


@pytest.fixture
def home() -> Path:
    """Return the home directory of the test, which both libraries keep their caches in."""
    return Path.home()


@pytest.fixture
def javascript(doorcode_emulator: Emulator) -> Callable[..., Any]:
    """Return what runs the program with @azure/identity: it prints the record and a token."""
    packages = os.environ.get("DOORCODE_PEER_NODE_MODULES")
    if packages is None or shutil.which("node") is None:
        pytest.skip("npm is not here to install @azure/identity, or node to run it")
    environment = {**os.environ, "PACKAGES": packages, "NODE_EXTRA_CA_CERTS": doorcode_emulator.ca_file}
    environment["PORT"] = str(doorcode_emulator.port)

    def run(**options: str) -> Any:
        given = {"clientId": CLIENT_ID, "tenantId": CONTOSO_TENANT_ID, "scope": SCOPE, **options}
        command = ["node", str(PROGRAM), json.dumps(given)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    doorcode_emulator.approve_all()
    return run


def credential(authority: Emulator, **options: Any) -> DeviceCodeCredential:
    """Return a credential for the public cloud, which the emulator answers for, with the same cache."""
    return DeviceCodeCredential(
        tenant_id=CONTOSO_TENANT_ID,
        transport=Rerouted(authority),
        disable_instance_discovery=True,
        cache_persistence_options=TokenCachePersistenceOptions(allow_unencrypted_storage=True),
        prompt_callback=lambda *_: None,
        **options,
    )


def test_ours_uses_what_javascript_stored(
    javascript: Callable[..., Any], doorcode_emulator: Emulator, home: Path
) -> None:
    """A record and a plain cache of @azure/identity give a token without a request, and a refresh token for another."""
    theirs = javascript()
    assert (home / ".IdentityService" / CACHE).exists()
    record = AuthenticationRecord.deserialize(theirs["record"])
    doorcode_emulator.reset_counters()
    with credential(doorcode_emulator, authentication_record=record, disable_automatic_authentication=True) as ours:
        assert ours.get_token(SCOPE).token == theirs["token"]
        assert doorcode_emulator.count() == 0
        assert ours.get_token(OTHER).token
    assert doorcode_emulator.count("devicecode") == 0


def test_javascript_uses_what_ours_stored(
    javascript: Callable[..., Any], doorcode_emulator: Emulator, home: Path
) -> None:
    """A record and a plain cache of ours let @azure/identity redeem the refresh token, without a prompt."""
    # A program that allowed plain storage made this file: ours goes on with it, instead of sealing one of its own.
    (home / ".IdentityService").mkdir(mode=0o700)
    (home / ".IdentityService" / CACHE).write_text('{"Account": {}}', encoding="utf-8")
    with credential(doorcode_emulator) as ours:
        record = ours.authenticate(scopes=[SCOPE])
    doorcode_emulator.reset_counters()
    theirs = javascript(record=record.serialize())
    assert theirs["record"] == record.serialize()
    assert doorcode_emulator.verify(theirs["token"])["aud"] == SCOPE.removesuffix("/.default")
    assert doorcode_emulator.count("devicecode") == 0
