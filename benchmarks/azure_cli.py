"""Time commands that many programs start whenever they need a token: az's, and doorcode's."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from uuid import uuid4

from benchmarks.names import OURS, SCOPE
from benchmarks.pairs import Row, in_turn
from benchmarks.stage import Stage, run, seconds_of, timed
from doorcode import AuthenticationRecord, DeviceCodeCredential, TokenCachePersistenceOptions

ELSEWHERE = "A new process, elsewhere"
SETTINGS = """
[core]
collect_telemetry = false
encrypt_token_cache = false
instance_discovery = false
survey_message = false
[cloud]
name = emulator
"""
CLOUD = """
[emulator]
endpoint_active_directory = {url}
endpoint_active_directory_resource_id = https://r0.example
endpoint_management = {url}
endpoint_resource_manager = {url}
"""


def rows(stage: Stage, count: int, az: str) -> Iterator[Row]:
    """Yield what a stored token takes with the Azure CLI, which reads it from a cache of the same format.

    Args:
        stage: the authority, and the caches of doorcode.
        count: of pairs.
        az: the path of the command.
    """
    command = [az, "account", "get-access-token", "--scope", SCOPE]
    environment = _signed_in(stage)

    program = stage.program(OURS, 1)

    def theirs() -> dict[str, float]:
        return {"seconds": seconds_of(timed(command, environment), " ".join(command))}

    def ours() -> dict[str, float]:
        return {"seconds": seconds_of(run(stage, program), program)}

    def shell() -> dict[str, float]:
        return {"seconds": token_command(stage)}

    theirs()  # its first start prepares the later ones
    az_took, ours_took, shell_took = in_turn(count, theirs, ours, shell)
    name = "`az account get-access-token`; a stored token"
    yield Row(ELSEWHERE, name, az_took["seconds"], ours_took["seconds"])
    yield Row(ELSEWHERE, "`az account get-access-token`; `doorcode token`", az_took["seconds"], shell_took["seconds"])


def token_command(stage: Stage) -> float:
    """Return the seconds that `doorcode token` takes for a stored token."""
    folder = stage.home / ".config" / "doorcode"
    if not folder.exists():
        folder.mkdir(parents=True)
        account = {
            "record": json.loads(stage.record),
            "cache": "cache1",
            "allow_unencrypted_storage": True,
            "disable_instance_discovery": True,
        }
        (folder / "accounts.json").write_text(json.dumps({"version": 1, "accounts": [account]}))
    command = [sys.executable, "-I", "-m", "doorcode", "token", "--scope", SCOPE]
    return seconds_of(timed(command, stage.environment), " ".join(command))


def _signed_in(stage: Stage) -> dict[str, str]:
    """Sign in as the Azure CLI's own application; return the environment in which it knows of that."""
    folder = stage.home / "azure"
    folder.mkdir(mode=0o700)
    cache = folder / "msal_token_cache.json"
    cache.with_name(f"{cache.name}.nocae").write_text("{}")  # a plain file that is there is used
    with DeviceCodeCredential(
        prompt_callback=stage.authority.prompt_approver(),
        cache_persistence_options=TokenCachePersistenceOptions(path=cache, allow_unencrypted_storage=True),
        **stage.authority.credential_options,
    ) as credential:
        record = credential.authenticate(scopes=[SCOPE])
    cache.with_name(f"{cache.name}.nocae").rename(cache)
    (folder / "config").write_text(SETTINGS)
    (folder / "clouds.config").write_text(CLOUD.format(url=stage.authority.url))
    (folder / "azureProfile.json").write_text(json.dumps(_profile(record)))
    return {**stage.environment, "AZURE_CONFIG_DIR": str(folder), "REQUESTS_CA_BUNDLE": str(stage.authority.ca_file)}


def _profile(record: AuthenticationRecord) -> dict[str, object]:
    """Return what the Azure CLI remembers of an account with one subscription."""
    subscription = {
        "id": str(uuid4()),
        "name": "emulated",
        "state": "Enabled",
        "isDefault": True,
        "user": {"name": record.username, "type": "user"},
        "tenantId": record.tenant_id,
        "homeTenantId": record.tenant_id,
        "environmentName": "emulator",
        "managedByTenants": [],
    }
    return {"installationId": str(uuid4()), "subscriptions": [subscription]}
