"""A sign-in is good for azure-keyvault-secrets, whose policy learns tenant and claims from challenges."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.keyvault.secrets import SecretClient

from doorcode import DeviceCodeCredential
from doorcode.emulator import Emulator
from support.vault import Vault

SCOPE = "https://vault.azure.net/.default"
Clients = Callable[[DeviceCodeCredential], SecretClient]


@pytest.fixture
def client(doorcode_emulator: Emulator, vault: Vault) -> Clients:
    """Give what makes a client of the vault; the challenge names no vault on 127.0.0.1, so that is not checked."""

    def make(credential: DeviceCodeCredential) -> SecretClient:
        return SecretClient(
            vault.url, credential, connection_verify=doorcode_emulator.ca_file, verify_challenge_resource=False
        )

    return make


def test_the_challenge_says_which_tenant(doorcode_emulator: Emulator, vault: Vault, client: Clients) -> None:
    """A credential for any organisation signs in to the one that the vault belongs to, once."""
    person = doorcode_emulator.prompt_approver()
    options: Any = {**doorcode_emulator.credential_options, "tenant_id": "organizations"}
    with DeviceCodeCredential(prompt_callback=person, **options) as credential, client(credential) as secrets:
        secrets.set_secret("door", "code")
        assert secrets.get_secret("door").value == "code"

    assert len(person.prompts) == 1
    assert [request.tenant for request in doorcode_emulator.requests_to("devicecode")] == [vault.tenant_id]
    first, *later = vault.seen
    assert first is None
    assert {doorcode_emulator.verify(token or "")["tid"] for token in later} == {vault.tenant_id}


def test_a_guest_goes_to_the_other_tenant_silently(doorcode_emulator: Emulator, vault: Vault, client: Clients) -> None:
    """Signed in at home, a guest's token for the vault's tenant comes from the refresh token, without a prompt."""
    other = doorcode_emulator.add_tenant("fabrikam.example")
    vault.tenant_id = other.tenant_id
    doorcode_emulator.add_user("eve@contoso.example", name="Eve", guest_of=(other.tenant_id,))
    person = doorcode_emulator.prompt_approver("eve@contoso.example")
    with (
        DeviceCodeCredential(
            prompt_callback=person, additionally_allowed_tenants=["*"], **doorcode_emulator.credential_options
        ) as credential,
        client(credential) as secrets,
    ):
        credential.get_token(SCOPE, enable_cae=True)
        secrets.set_secret("door", "code")

    assert len(person.prompts) == 1
    assert [request.tenant for request in doorcode_emulator.requests_to("token:refresh_token")] == [other.tenant_id]


def test_a_tenant_that_is_not_allowed_is_not_asked(doorcode_emulator: Emulator, vault: Vault, client: Clients) -> None:
    """A challenge cannot send a credential to a tenant that the program did not allow."""
    vault.tenant_id = doorcode_emulator.add_tenant("evil.example").tenant_id
    with (
        DeviceCodeCredential(**doorcode_emulator.credential_options) as credential,
        client(credential) as secrets,
        pytest.raises(ClientAuthenticationError, match="additionally_allowed_tenants"),
    ):
        secrets.get_secret("door")

    assert doorcode_emulator.requests == []


def test_claims_are_met_by_a_refresh(doorcode_emulator: Emulator, vault: Vault, client: Clients) -> None:
    """When the vault no longer takes the token (CAE), the next one comes with its claims and without a prompt."""
    person = doorcode_emulator.prompt_approver()
    with (
        DeviceCodeCredential(prompt_callback=person, **doorcode_emulator.credential_options) as credential,
        client(credential) as secrets,
    ):
        secrets.set_secret("door", "code")
        challenge = doorcode_emulator.claims_challenge()
        vault.challenges.append(challenge.header)
        assert secrets.get_secret("door").value == "code"

    assert len(person.prompts) == 1
    assert [json.loads(request.form["claims"]) for request in doorcode_emulator.requests_to("token:refresh_token")] == [
        {"access_token": {**json.loads(challenge.claims)["access_token"], "xms_cc": {"values": ["CP1"]}}}
    ]
    assert vault.seen[-1] != vault.seen[-2]
