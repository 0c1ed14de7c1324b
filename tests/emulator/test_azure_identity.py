"""azure-identity, which doorcode stands in for, signs in at the emulator as at the cloud."""

from __future__ import annotations

import threading
import webbrowser

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AuthenticationRequiredError, DeviceCodeCredential, InteractiveBrowserCredential

from doorcode.emulator import Emulator, Pending
from emulator.client import Client, visit
from support.signing import PATIENCE

SCOPE = "https://storage.azure.com/.default"


def test_a_user_signs_in_once(authority: Emulator) -> None:
    """One prompt serves every resource; the second token comes from the cache."""
    approver = authority.prompt_approver("grace@contoso.example")
    credential = DeviceCodeCredential(**authority.credential_options, prompt_callback=approver)
    token = credential.get_token(SCOPE)
    assert credential.get_token(SCOPE).token == token.token
    assert authority.verify(token.token)["upn"] == "grace@contoso.example"
    assert authority.verify(credential.get_token("https://vault.azure.net/.default").token)["scp"]
    assert authority.count("token:refresh_token") == 1
    (prompt,) = approver.prompts
    assert prompt.verification_uri == f"{authority.url}/devicelogin"
    assert prompt.expires_on.tzinfo is not None
    assert prompt.user_code not in repr(prompt)


def test_authenticate_names_the_account(authority: Emulator) -> None:
    """The record has the home account, the tenant and the authority."""
    user = authority.users["ada@contoso.example"]
    credential = DeviceCodeCredential(**authority.credential_options, prompt_callback=authority.prompt_approver(user))
    record = credential.authenticate(scopes=[SCOPE])
    assert record.home_account_id == user.home_account_id
    assert (record.username, record.tenant_id) == (user.username, user.tenant_id)
    assert record.authority == authority.host


def test_a_pending_code_is_polled_again(authority: Emulator) -> None:
    """The credential waits the interval that it was told."""
    authority.faults.queue("token:device_code", Pending())
    credential = DeviceCodeCredential(**authority.credential_options, prompt_callback=authority.prompt_approver())
    credential.get_token(SCOPE)
    first, second = authority.requests_to("token:device_code")
    assert second.at - first.at >= 1


def test_a_decline_is_an_error(authority: Emulator) -> None:
    """The words of the authority reach the caller."""
    credential = DeviceCodeCredential(
        **authority.credential_options, prompt_callback=lambda _uri, code, _expires_on: authority.decline(code)
    )
    with pytest.raises(ClientAuthenticationError, match="The authorization request was denied"):
        credential.get_token(SCOPE)


def test_a_revoked_user_is_asked_again(authority: Emulator) -> None:
    """A claims challenge after a revocation needs the user."""
    options = authority.credential_options
    credential = DeviceCodeCredential(**options, prompt_callback=authority.prompt_approver())
    record = credential.authenticate(scopes=[SCOPE], enable_cae=True)
    assert credential.get_token_info(SCOPE, options={"enable_cae": True}).refresh_on is not None
    authority.revoke(record.username)
    # azure-identity takes the authority from the record, and refuses one beside it.
    silent = DeviceCodeCredential(
        tenant_id=options["tenant_id"],
        disable_instance_discovery=True,
        connection_verify=options["connection_verify"],
        authentication_record=record,
        disable_automatic_authentication=True,
        _cae_cache=credential._cae_cache,
    )
    challenge = authority.claims_challenge()
    with pytest.raises(AuthenticationRequiredError) as raised:
        silent.get_token(SCOPE, claims=challenge.claims, enable_cae=True)
    assert raised.value.claims == challenge.claims
    assert raised.value.__cause__ is None or "50173" in str(raised.value.__cause__)


def test_the_browser_credential(authority: Emulator, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The redirect reaches its listener, with everything that it checks."""
    authority.approve_all()

    def browse(url: str) -> bool:
        threading.Thread(target=follow, args=(url.removeprefix(authority.url),)).start()
        return True

    def follow(path: str) -> None:
        page = visit(client, path)
        client.session.post(page.target, data=page.hidden(), timeout=PATIENCE)

    monkeypatch.setattr(webbrowser, "open", browse)
    credential = InteractiveBrowserCredential(**authority.credential_options, timeout=PATIENCE)
    token = credential.get_token(SCOPE)
    assert authority.verify(token.token)["aud"] == "https://storage.azure.com"
    assert authority.requests_to("authorize")[0].query["code_challenge_method"] == "S256"
