from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, cast

import jwt
import pytest

from doorcode.emulator import CONSUMERS_TENANT_ID, CONTOSO_TENANT_ID
from emulator.client import SCOPE, Client, Json, body, text

if TYPE_CHECKING:
    from doorcode.testing import FakeClock

ADA = "a0a0a0a0-0000-4000-8000-00000000ada0"
CP1 = '{"access_token":{"xms_cc":{"values":["CP1"]}}}'


def id_token(client: Client, tokens: Json) -> Json:
    """Return the claims of an ID token, checked with the published key as a client would."""
    keys = jwt.PyJWKSet.from_dict(body(client.get(f"/{client.tenant}/discovery/v2.0/keys")))
    encoded = text(tokens, "id_token")
    key = keys[str(jwt.get_unverified_header(encoded)["kid"])]
    return cast("Json", jwt.decode(encoded, key, algorithms=["RS256"], audience=client.client_id))


def test_the_id_token_says_who_signed_in(client: Client) -> None:
    """It is signed with a published key, and names user, tenant and application."""
    claims = id_token(client, client.sign_in())
    assert claims["iss"] == f"{client.authority.url}/{CONTOSO_TENANT_ID}/v2.0"
    assert claims["aud"] == client.client_id
    assert (claims["tid"], claims["oid"], claims["ver"]) == (CONTOSO_TENANT_ID, ADA, "2.0")
    assert (claims["preferred_username"], claims["name"]) == ("ada@contoso.example", "Ada Lovelace")
    assert "nonce" not in claims


def test_the_subject_differs_between_applications(client: Client) -> None:
    """``sub`` is pairwise (OIDC Core 8)."""
    first = id_token(client, client.sign_in())
    again = id_token(client, client.sign_in())
    client.client_id = "another"
    other = id_token(client, client.sign_in())
    assert first["sub"] == again["sub"] != other["sub"]


def test_client_info_names_the_home_account(client: Client) -> None:
    """It is base64url of the user's IDs, and comes only when asked for."""
    encoded = text(client.sign_in("grace@contoso.example"), "client_info")
    decoded = cast("Json", json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))))
    grace = client.authority.users["grace@contoso.example"]
    assert f"{decoded['uid']}.{decoded['utid']}" == grace.home_account_id
    device = body(client.ask_device_code())
    client.authority.approve(text(device, "user_code"))
    assert "client_info" not in body(client.poll(device, client_info="0"))


def test_the_access_token_is_one_that_azure_services_take(timed: Client, clock: FakeClock) -> None:
    """It is version 1.0: the issuer of Azure's services, the resource as audience, and times in order."""
    tokens = timed.sign_in()
    claims = timed.authority.verify(text(tokens, "access_token"))
    now = int(clock.now)
    assert claims == {
        "aud": "https://storage.azure.com",
        "iss": f"https://sts.windows.net/{CONTOSO_TENANT_ID}/",
        "iat": now,
        "nbf": now - 300,
        "exp": now + 3600,
        "appid": timed.client_id,
        "appidacr": "0",
        "name": "Ada Lovelace",
        "oid": ADA,
        "scp": "user_impersonation",
        "sub": claims["sub"],
        "tid": CONTOSO_TENANT_ID,
        "unique_name": "ada@contoso.example",
        "upn": "ada@contoso.example",
        "uti": claims["uti"],
        "ver": "1.0",
    }
    assert text(tokens, "access_token") != text(timed.sign_in(), "access_token")


def test_a_token_of_somebody_else_does_not_verify(client: Client) -> None:
    """``verify`` takes this authority's tokens only."""
    forged = jwt.encode({"aud": "https://storage.azure.com"}, "k" * 32)
    for token in (forged, "x", ""):
        with pytest.raises(ValueError, match="not one of this authority"):
            client.authority.verify(token)


@pytest.mark.parametrize(
    ("scope", "audience", "scp", "granted"),
    [
        (
            "https://storage.azure.com/.default",
            "https://storage.azure.com",
            "user_impersonation",
            "https://storage.azure.com/user_impersonation https://storage.azure.com/.default",
        ),
        (
            "https://management.core.windows.net//.default",
            "https://management.core.windows.net/",
            "user_impersonation",
            "https://management.core.windows.net//user_impersonation https://management.core.windows.net//.default",
        ),
        ("api://orders/read api://orders/write", "api://orders", "read write", "api://orders/read api://orders/write"),
        ("User.Read openid profile", "https://graph.microsoft.com", "User.Read", "User.Read openid profile"),
        ("openid profile", "https://graph.microsoft.com", "openid profile", "openid profile"),
    ],
    ids=["default", "double slash", "two permissions", "graph", "only OIDC"],
)
def test_the_scope_decides_audience_and_permissions(
    client: Client, scope: str, audience: str, scp: str, granted: str
) -> None:
    """The resource is the scope without its last segment; the reply says what was granted."""
    tokens = client.sign_in(scope=scope)
    claims = client.authority.verify(text(tokens, "access_token"))
    assert (claims["aud"], claims["scp"], tokens["scope"]) == (audience, scp, granted)


def test_tokens_come_only_for_the_scopes_that_ask_for_them(client: Client) -> None:
    """No ID token without openid, no refresh token without offline_access."""
    tokens = client.sign_in(scope="https://r/.default")
    assert "id_token" not in tokens
    assert "refresh_token" not in tokens


@pytest.mark.parametrize(
    ("claims", "settings", "lifetime", "refresh_in"),
    [
        ("", {}, 3600, None),
        (CP1, {}, 86400, 43200),
        ("", {"access_token_lifetime": 7200}, 7200, 3600),
        (CP1, {"cae_lifetime": 100}, 100, None),
        ("", {"refresh_in": 10}, 3600, 10),
        (CP1, {"refresh_in": None}, 86400, None),
    ],
    ids=["usual", "CAE", "two hours", "short CAE", "chosen", "never"],
)
def test_lifetimes(
    client: Client, claims: str, settings: dict[str, int | None], lifetime: int, refresh_in: int | None
) -> None:
    """Clients that handle claims challenges get long tokens; long ones are to be refreshed at half time."""
    client.authority.configure(**settings)  # type: ignore[arg-type]
    tokens = client.sign_in(claims=claims)
    assert (tokens["expires_in"], tokens["ext_expires_in"]) == (lifetime, lifetime)
    assert tokens.get("refresh_in") == refresh_in
    access = client.authority.verify(text(tokens, "access_token"))
    assert access.get("xms_cc") == (["CP1"] if claims else None)


def test_a_family_is_named_only_when_configured(client: Client) -> None:
    """``foci`` comes when the test asks for it, and the members share refresh tokens then."""
    assert "foci" not in client.sign_in()
    client.authority.configure(family_id="1")
    tokens = client.sign_in()
    assert tokens["foci"] == "1"
    client.client_id = "another of the family"
    assert client.refresh(tokens).status_code == 200


@pytest.mark.parametrize(
    ("tenant", "user", "tid"),
    [
        ("organizations", "ada@contoso.example", CONTOSO_TENANT_ID),
        ("common", "ada@contoso.example", CONTOSO_TENANT_ID),
        ("common", "me@outlook.example", CONSUMERS_TENANT_ID),
        ("consumers", "me@outlook.example", CONSUMERS_TENANT_ID),
        ("contoso.example", "guest@fabrikam.example", CONTOSO_TENANT_ID),
        ("organizations", "guest@fabrikam.example", "fabrikam"),
    ],
)
def test_the_tenant_is_that_of_the_request_or_of_the_user(client: Client, tenant: str, user: str, tid: str) -> None:
    """Members, guests and personal accounts get the tenant they sign in at, and their home at the shared names."""
    authority = client.authority
    fabrikam = authority.add_tenant("fabrikam.example")
    authority.add_user("me@outlook.example", tenant="consumers")
    authority.add_user("guest@fabrikam.example", tenant="fabrikam.example", guest_of=("contoso.example",))
    client.tenant = tenant
    expected = fabrikam.tenant_id if tid == "fabrikam" else tid
    assert id_token(client, client.sign_in(user))["tid"] == expected


def test_a_guest_has_another_object_id_in_each_tenant(client: Client) -> None:
    """``oid`` is the tenant's own, ``client_info`` names home."""
    authority = client.authority
    authority.add_tenant("fabrikam.example")
    guest = authority.add_user("g@fabrikam.example", tenant="fabrikam.example", guest_of=("contoso.example",))
    claims = id_token(client, client.sign_in("g@fabrikam.example"))
    assert claims["oid"] == guest.object_id_in(CONTOSO_TENANT_ID) != guest.object_id


@pytest.mark.parametrize("tenant", ["contoso.example", "organizations", "consumers"])
def test_who_is_not_in_a_tenant_gets_no_token(client: Client, tenant: str) -> None:
    """A foreign or personal account is refused where it is not known."""
    authority = client.authority
    user = authority.add_user("me@outlook.example", tenant="consumers").username
    client.tenant = tenant
    tokens = client.sign_in("ada@contoso.example" if tenant == "consumers" else user)
    assert (tokens["error"], tokens["error_codes"]) == ("invalid_grant", [50020])


def test_a_domain_is_the_last_tenants_that_was_given_it(client: Client) -> None:
    """A domain name stands for one tenant: a program may give Contoso's to a tenant of its own."""
    contoso = id_token(client, client.sign_in())["tid"]
    client.tenant = "contoso.onmicrosoft.com"
    assert id_token(client, client.sign_in())["tid"] == contoso
    added = client.authority.add_tenant("contoso.onmicrosoft.com")
    client.authority.add_user("you@contoso.onmicrosoft.com", tenant=added.tenant_id)
    assert id_token(client, client.sign_in("you@contoso.onmicrosoft.com"))["tid"] == added.tenant_id


def test_a_tenant_has_to_be_added_before_its_users(client: Client) -> None:
    """A user of an unknown tenant is LookupError."""
    with pytest.raises(LookupError, match=r"no tenant 'fabrikam\.example'"):
        client.authority.add_user("x@fabrikam.example", tenant="fabrikam.example")


def test_ad_fs_names_the_user_its_own_way(client: Client) -> None:
    """Its ID token has ``upn`` and no tenant, and there is no ``client_info``."""
    client.tenant = "adfs"
    form = {"client_id": client.client_id, "scope": SCOPE}
    device = body(client.post("/adfs/oauth2/devicecode", form))
    client.authority.approve(text(device, "user_code"))
    fields = {"grant_type": "device_code", "device_code": text(device, "device_code"), "client_info": "1"}
    tokens = body(client.post("/adfs/oauth2/token", {**form, **fields}))
    assert "client_info" not in tokens
    keys = jwt.PyJWKSet.from_dict(body(client.get("/adfs/discovery/keys")))
    claims = jwt.decode(text(tokens, "id_token"), keys.keys[0], algorithms=["RS256"], audience=client.client_id)
    assert claims["iss"] == f"{client.authority.url}/adfs"
    assert claims["upn"] == "ada@contoso.example"
    assert "tid" not in claims
