"""Authorities: however they are written, the right URLs are asked, and only those."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import RequestsTransport

from doorcode import TokenCachePersistenceOptions, errors
from doorcode.emulator import Emulator, PromptApprover, Refuse, ServerError
from support.signing import OTHER, SCOPE, changed

WRITTEN = {
    "a host and port": "{host}",
    "a URL": "https://{host}",
    "a slash behind": "https://{host}/",
    "spaces around": "  {host}/ ",
    "capitals in the scheme": "HTTPS://{host}",
    "with the tenant": "https://{host}/contoso.example",
    "with the tenant, without a scheme": "{host}/contoso.example/",
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_however_it_is_written(make: Any, authority: Emulator, written: str) -> None:
    """One authority, one set of URLs: discovery of the tenant, the code, the token."""
    make(authority=written.format(host=authority.host), tenant_id="contoso.example").get_token(SCOPE)
    first, *rest = authority.requests
    assert first.path == "/contoso.example/v2.0/.well-known/openid-configuration"
    assert [request.path for request in rest] == [
        f"/{authority.tenant_id}/oauth2/v2.0/{name}" for name in ("devicecode", "token")
    ]


def test_a_tenant_in_the_path_is_the_credentials(make: Any, authority: Emulator) -> None:
    """Without tenant_id the tenant in the authority is the one to sign in to."""
    record = make(authority=f"{authority.url}/contoso.example", tenant_id=None).authenticate(scopes=[SCOPE])
    assert authority.requests[0].tenant == "contoso.example"
    assert (record.authority, record.tenant_id) == (authority.host, authority.tenant_id)


def test_without_a_tenant_it_is_organizations(make: Any, authority: Emulator) -> None:
    """The default tenant signs in work and school accounts, whichever tenant they belong to."""
    record = make(tenant_id=None).authenticate(scopes=[SCOPE])
    assert authority.requests[0].tenant == "organizations"
    assert record.tenant_id == authority.tenant_id


def test_the_environments_authority_on_this_machine_is_not_looked_up(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No list of Microsoft's could know it; a program that insists has it looked up."""
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", authority.url)
    options = {"authority": None, "transport": ToTheEmulator(authority)}
    record = make(disable_instance_discovery=None, **options).authenticate(scopes=[SCOPE])
    make(disable_instance_discovery=None, authentication_record=record, **options).authenticate(scopes=[SCOPE])
    assert authority.count("instance") == 0
    make(disable_instance_discovery=False, **options).get_token(SCOPE)
    assert authority.count("instance") == 1


def test_an_authority_of_the_environment_elsewhere_is_looked_up(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check is left out for this machine alone, and not for an authority that a program or a record names."""
    options = {"disable_instance_discovery": None, "transport": ToTheEmulator(authority)}
    record = make().authenticate(scopes=[SCOPE])
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "login.contoso.example")
    with pytest.raises(errors.UnknownAuthorityError):
        make(authority=None, **options).get_token(SCOPE)
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://localhost:1")
    make(**options).get_token(SCOPE)
    make(authority=None, authentication_record=record, tenant_id=None, **options).get_token(SCOPE)
    assert authority.count("instance") == 3


def test_an_unknown_authority_that_cannot_be_looked_up(make: Any, authority: Emulator) -> None:
    """With Microsoft's list out of reach, the error names the option that does without it."""
    authority.faults.always("instance", ServerError(503))
    credential = make(disable_instance_discovery=False, transport=ToTheEmulator(authority), retry_total=0)
    with pytest.raises(errors.AuthorityUnreachableError, match="disable_instance_discovery=True"):
        credential.get_token(SCOPE)


def test_instance_discovery_is_for_unknown_hosts(make: Any, authority: Emulator) -> None:
    """An authority that instance discovery knows is used; one it does not know is a ValueError with the way out."""
    transport = ToTheEmulator(authority)
    make(disable_instance_discovery=None, transport=transport).get_token(SCOPE)
    assert authority.count("instance") == 1
    stranger = make(
        disable_instance_discovery=False, transport=ToTheEmulator(authority), authority=f"localhost:{authority.port}"
    )
    with pytest.raises(ValueError, match="disable_instance_discovery=True") as caught:
        stranger.get_token(SCOPE)
    assert isinstance(caught.value, ClientAuthenticationError)
    assert isinstance(caught.value, errors.UnknownAuthorityError)
    assert (caught.value.error, authority.count("devicecode")) == ("invalid_instance", 1)


def test_a_wrong_discovery_is_not_remembered(make: Any, authority: Emulator) -> None:
    """The next call asks instance discovery again: MSAL would remember the page for a day."""
    credential = make(disable_instance_discovery=False, transport=ToTheEmulator(authority))
    authority.faults.queue("instance", Refuse("invalid_instance", 50049, "Unknown."))
    with pytest.raises(errors.UnknownAuthorityError):
        credential.get_token(SCOPE)
    assert credential.get_token(SCOPE).token
    assert authority.count("instance") == 2


def test_trust_in_an_authority_is_not_remembered(make: Any, authority: Emulator, tmp_path: Path) -> None:
    """A later process with the same cache knows the endpoints, and asks all the same whether this is an authority."""
    options = {
        "cache_persistence_options": TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=bytes(32)),
        "disable_instance_discovery": False,
    }
    make(transport=ToTheEmulator(authority), **options).get_token(SCOPE)
    authority.reset_counters()
    make(transport=ToTheEmulator(authority), **options).get_token(OTHER)
    assert [request.endpoint for request in authority.requests] == ["instance", "token:refresh_token"]


def test_a_known_cloud_needs_no_instance_discovery(make: Any, authority: Emulator) -> None:
    """At Microsoft's own hosts nothing but the tenant is discovered, and aliases never are."""
    with Emulator(names=("127.0.0.1", "login.microsoftonline.com")) as own:
        credential = make(
            authority="login.microsoftonline.com",
            transport=ToTheEmulator(own),
            disable_instance_discovery=False,
            prompt_callback=PromptApprover(own.approve),
        )
        credential.get_token(SCOPE)
        credential.get_token(OTHER)
        assert (own.count("instance"), own.count("discovery")) == (0, 1)


def test_an_authority_without_the_device_flow(make: Any, authority: Emulator) -> None:
    """B2C and AD FS 2016 have no device endpoint: the error says so before anybody is asked."""
    authority.faults.queue("discovery", changed(device_authorization_endpoint=None))
    with pytest.raises(ClientAuthenticationError, match=r"does not offer the device code flow.*\nUse Interactive"):
        make().get_token(SCOPE)
    assert authority.count("devicecode") == 0


def test_an_unknown_tenant(make: Any, authority: Emulator) -> None:
    """A tenant that is not there is the authority's error, with its number and advice."""
    with pytest.raises(ClientAuthenticationError, match="AADSTS90002") as caught:
        make(tenant_id="nowhere.example").get_token(SCOPE)
    assert "tenant_id" in str(caught.value)


def test_a_discovery_that_fails_is_not_remembered(make: Any, authority: Emulator) -> None:
    """After an outage of discovery the next call works."""
    credential = make(retry_total=0)
    authority.faults.queue("discovery", ServerError(503))
    with pytest.raises(errors.AuthorityUnreachableError, match=r"OpenID configuration of .* answered 503"):
        credential.get_token(SCOPE)
    assert credential.get_token(SCOPE).token


def test_endpoints_elsewhere_are_used_as_given(make: Any, authority: Emulator) -> None:
    """What the metadata names is asked, on another host too; the record keeps the authority."""
    elsewhere = f"https://localhost:{authority.port}/{authority.tenant_id}/oauth2/v2.0"
    authority.faults.always(
        "discovery",
        changed(device_authorization_endpoint=f"{elsewhere}/devicecode", token_endpoint=f"{elsewhere}/token"),
    )
    record = make().authenticate(scopes=[SCOPE])
    assert {request.headers["host"] for request in authority.requests_to("token")} == {f"localhost:{authority.port}"}
    assert record.authority == authority.host


def test_ad_fs_has_its_own_paths(make: Any, authority: Emulator) -> None:
    """AD FS has no tenants: its own paths, no instance discovery, and get_token(tenant_id=) is not looked at."""
    credential = make(tenant_id="adfs", disable_instance_discovery=False)
    credential.get_token(SCOPE, tenant_id="elsewhere.example")
    assert {request.path for request in authority.requests} == {
        "/adfs/.well-known/openid-configuration",
        "/adfs/oauth2/devicecode",
        "/adfs/oauth2/token",
    }


class ToTheEmulator(RequestsTransport):
    """Send what is for Microsoft's hosts to the emulator instead."""

    def __init__(self, authority: Emulator) -> None:
        super().__init__(connection_verify=authority.ca_file)
        self._authority = authority

    def send(self, request: Any, **options: Any) -> Any:
        """Send a request, elsewhere."""
        host = urlsplit(request.url).netloc
        if host == "login.microsoftonline.com":
            request.headers["Host"] = host if "/discovery/instance" not in request.url else self._authority.host
            request.url = request.url.replace(f"https://{host}", self._authority.url)
        return super().send(request, **options)
