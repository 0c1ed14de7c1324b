from __future__ import annotations

from typing import cast

import pytest
import requests

from doorcode.emulator import CONSUMERS_TENANT_ID, CONTOSO_TENANT_ID, Emulator
from emulator.client import Client, Json, body
from support.signing import PATIENCE


def test_instances_are_listed_with_their_aliases(client: Client) -> None:
    """Without a question about one authority, instance discovery names every cloud and the emulator itself."""
    content = body(client.get("/common/discovery/instance", **{"api-version": "1.1"}))
    metadata = cast("list[Json]", content["metadata"])
    assert [entry["preferred_network"] for entry in metadata] == [
        client.authority.host,
        "login.microsoftonline.com",
        "login.partner.microsoftonline.cn",
        "login.microsoftonline.us",
        "login-us.microsoftonline.com",
    ]
    assert metadata[1] == {
        "preferred_network": "login.microsoftonline.com",
        "preferred_cache": "login.windows.net",
        "aliases": ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
    }
    assert content["api-version"] == "1.1"
    assert "tenant_discovery_endpoint" not in content


@pytest.mark.parametrize(
    ("asked", "described_at"),
    [
        ("https://{host}/organizations/oauth2/v2.0/authorize", "https://{host}/organizations/v2.0"),
        ("https://{host}/organizations/oauth2/authorize", "https://{host}/organizations"),
        ("https://127.0.0.1/organizations/oauth2/v2.0/authorize", "https://{host}/organizations/v2.0"),
        ("https://login.microsoftonline.us/t/oauth2/v2.0/authorize", "https://login.microsoftonline.us/t/v2.0"),
    ],
    ids=["own v2", "own v1", "as MSAL asks", "another cloud"],
)
def test_a_known_instance_is_told_where_it_is_described(client: Client, asked: str, described_at: str) -> None:
    """A known host gets the address of its OpenID configuration."""
    host = client.authority.host
    content = body(client.get("/common/discovery/instance", authorization_endpoint=asked.format(host=host)))
    expected = f"{described_at.format(host=host)}/.well-known/openid-configuration"
    assert content["tenant_discovery_endpoint"] == expected


@pytest.mark.parametrize("asked", ["https://evil.example/t/oauth2/v2.0/authorize", "http://login.windows.net/t", "x"])
def test_an_unknown_instance_is_refused(client: Client, asked: str) -> None:
    """Other hosts, and other schemes, are invalid_instance."""
    response = client.get("/common/discovery/instance", authorization_endpoint=asked)
    assert (response.status_code, body(response)["error"]) == (400, "invalid_instance")
    assert body(response)["error_codes"] == [50049]


@pytest.mark.parametrize(
    ("tenant", "issuer_tenant", "path_tenant"),
    [
        ("common", "{tenantid}", "common"),
        ("organizations", "{tenantid}", "organizations"),
        ("consumers", CONSUMERS_TENANT_ID, "consumers"),
        ("contoso.example", CONTOSO_TENANT_ID, CONTOSO_TENANT_ID),
        (CONTOSO_TENANT_ID.upper(), CONTOSO_TENANT_ID, CONTOSO_TENANT_ID),
    ],
)
def test_a_tenant_describes_itself(client: Client, tenant: str, issuer_tenant: str, path_tenant: str) -> None:
    """The OpenID configuration names issuer and endpoints, a domain name being replaced by its GUID."""
    url = client.authority.url
    content = body(client.get(f"/{tenant}/v2.0/.well-known/openid-configuration"))
    assert content["issuer"] == f"{url}/{issuer_tenant}/v2.0"
    assert content["token_endpoint"] == f"{url}/{path_tenant}/oauth2/v2.0/token"
    assert content["authorization_endpoint"] == f"{url}/{path_tenant}/oauth2/v2.0/authorize"
    assert content["device_authorization_endpoint"] == f"{url}/{path_tenant}/oauth2/v2.0/devicecode"
    keys = cast("list[Json]", body(client.session.get(str(content["jwks_uri"]), timeout=PATIENCE))["keys"])
    assert [(key["kty"], key["use"], "d" in key) for key in keys] == [("RSA", "sig", False)]


def test_ad_fs_describes_itself(client: Client) -> None:
    """AD FS has paths without a version."""
    url = client.authority.url
    content = body(client.get("/adfs/.well-known/openid-configuration"))
    assert content["issuer"] == f"{url}/adfs"
    assert content["device_authorization_endpoint"] == f"{url}/adfs/oauth2/devicecode"
    assert client.session.get(str(content["jwks_uri"]), timeout=PATIENCE).status_code == 200


@pytest.mark.parametrize(
    ("tenant", "error", "number"),
    [("nowhere.example", "invalid_tenant", 90002), ("a b", "invalid_request", 900023)],
)
def test_an_unknown_tenant_is_refused(client: Client, tenant: str, error: str, number: int) -> None:
    """Discovery, device code and token endpoints refuse a tenant that does not exist."""
    client.tenant = tenant
    for response in (
        client.get(f"/{tenant}/v2.0/.well-known/openid-configuration"),
        client.ask_device_code(),
        client.redeem("refresh_token", refresh_token="x"),
    ):
        content = body(response)
        assert (response.status_code, content["error"], content["error_codes"]) == (400, error, [number])


def test_a_new_tenant_is_known_at_once(client: Client) -> None:
    """What add_tenant adds can be asked for by GUID and by domain name."""
    tenant = client.authority.add_tenant("fabrikam.example", name="Fabrikam")
    assert client.authority.tenants[tenant.tenant_id] == tenant
    for name in (tenant.tenant_id, "Fabrikam.Example"):
        content = body(client.get(f"/{name}/v2.0/.well-known/openid-configuration"))
        assert content["issuer"] == f"{client.authority.url}/{tenant.tenant_id}/v2.0"


def test_answers_name_the_host_that_was_asked(client: Client, authority: Emulator) -> None:
    """A client that came by another name of this machine is not sent elsewhere."""
    path = "/common/v2.0/.well-known/openid-configuration"
    named = client.session.get(f"https://localhost:{authority.port}{path}", timeout=PATIENCE)
    assert body(named)["token_endpoint"] == f"https://localhost:{authority.port}/common/oauth2/v2.0/token"


@pytest.mark.parametrize("path", ["/common/v2.0/.well-known/openid-configuration", "/devicelogin", "/nothing"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:443", "localhost.evil.example", "127.0.0.1.evil.example", "a<b", "", "[::1"]
)
def test_other_names_are_refused(client: Client, authority: Emulator, path: str, host: str) -> None:
    """A page in the developer's browser can make a name of its own lead here: nothing is answered, nor counted."""
    refused = client.session.get(f"{authority.url}{path}", headers={"Host": host}, timeout=PATIENCE)
    assert refused.status_code == 421
    assert "names=" in refused.text
    assert authority.requests == []


@pytest.mark.parametrize("host", ["LocalHost", "localhost.", "[::1]", "[::1]:1", "127.0.0.1:65535", "Lab.Example:1"])
def test_its_own_names(host: str) -> None:
    """Loopback by any of its names and ports, and what it was told, whatever the case."""
    with Emulator(names=("127.0.0.1", "lab.example")) as authority:
        found = requests.get(
            f"{authority.url}/devicelogin", headers={"Host": host}, verify=authority.ca_file, timeout=10
        )
        assert found.status_code == 200


@pytest.mark.parametrize("path", ["/", "/common", "/common/oauth2/v2.0/unknown", "/common/oauth2/v2.0/token"])
def test_what_is_no_endpoint_is_not_found(client: Client, path: str) -> None:
    """Other paths, and GET where POST is due, are 404 and counted as ``other``."""
    assert client.get(path).status_code == 404
    assert client.authority.count("other") == 1
