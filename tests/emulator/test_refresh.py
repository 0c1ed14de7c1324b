from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emulator.client import Client, body, text

if TYPE_CHECKING:
    from doorcode.testing import FakeClock


def test_a_refresh_token_gives_tokens_for_another_resource(client: Client) -> None:
    """One sign-in serves every resource, and each refresh brings a new refresh token."""
    tokens = client.sign_in()
    refreshed = body(client.refresh(tokens, "https://vault.azure.net/.default offline_access"))
    assert client.authority.verify(text(refreshed, "access_token"))["aud"] == "https://vault.azure.net"
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    assert client.authority.count("token:refresh_token") == 1


def test_an_old_refresh_token_stays_good_as_at_entra(client: Client) -> None:
    """With rotation "allow" both the old and the new one can be redeemed."""
    tokens = client.sign_in()
    assert client.refresh(tokens).status_code == client.refresh(tokens).status_code == 200


def test_a_refresh_token_is_good_once_where_reuse_is_rejected(client: Client) -> None:
    """With rotation "reject" the second use is invalid_grant, and the new token still works."""
    client.authority.configure(rotation="reject")
    tokens = client.sign_in()
    refreshed = body(client.refresh(tokens))
    again = body(client.refresh(tokens))
    assert (again["error"], again["error_codes"]) == ("invalid_grant", [54005])
    assert client.refresh(refreshed).status_code == 200


def test_revoking_a_user_ends_earlier_grants_only(client: Client) -> None:
    """Refresh tokens from before are 50173; a new sign-in and other people go on."""
    ada, grace = client.sign_in("ada@contoso.example"), client.sign_in("grace@contoso.example")
    client.authority.revoke("ada@contoso.example")
    revoked = body(client.refresh(ada))
    assert (revoked["error"], revoked["error_codes"], revoked["suberror"]) == ("invalid_grant", [50173], "bad_token")
    assert client.refresh(client.sign_in("ada@contoso.example")).status_code == 200
    assert client.refresh(grace).status_code == 200
    client.authority.revoke(client.authority.users["grace@contoso.example"])
    assert body(client.refresh(grace))["error_codes"] == [50173]


def test_a_refresh_token_expires(timed: Client, clock: FakeClock) -> None:
    """After its lifetime it is 700082."""
    timed.authority.configure(refresh_token_lifetime=100)
    tokens = timed.sign_in()
    clock.advance(99)
    assert timed.refresh(tokens).status_code == 200
    clock.advance(1)
    assert body(timed.refresh(tokens))["error_codes"] == [700082]


def test_a_refresh_token_belongs_to_its_client(client: Client) -> None:
    """Another application cannot redeem it."""
    tokens = client.sign_in()
    client.client_id = "another"
    assert (body(client.refresh(tokens))["error"], body(client.refresh(tokens))["error_codes"]) == (
        "invalid_grant",
        [70000],
    )


def test_a_renamed_user_is_the_same_account(client: Client) -> None:
    """After a rename the refresh goes on, under the new name and the same ID."""
    tokens = client.sign_in()
    renamed = client.authority.rename_user("ada@contoso.example", "countess@contoso.example")
    refreshed = body(client.refresh(tokens))
    assert refreshed["client_info"] == tokens["client_info"]
    assert client.authority.verify(text(refreshed, "access_token"))["upn"] == renamed.username


def test_a_refresh_at_a_tenant_without_the_user_is_refused(client: Client) -> None:
    """The account has to be known where the token is for; its grant elsewhere stays good."""
    client.authority.add_tenant("fabrikam.example")
    tokens = client.sign_in()
    client.tenant = "fabrikam.example"
    assert body(client.refresh(tokens))["error_codes"] == [50020]
    client.tenant = "contoso.example"
    assert client.refresh(tokens).status_code == 200


@pytest.mark.parametrize(
    ("grant_type", "form", "error", "number"),
    [
        ("refresh_token", {"refresh_token": "made up"}, "invalid_grant", 9002313),
        ("refresh_token", {}, "invalid_request", 900144),
        ("authorization_code", {"code": "made up", "redirect_uri": "http://localhost"}, "invalid_grant", 9002313),
        ("password", {}, "unsupported_grant_type", 70003),
    ],
)
def test_a_bad_request_is_refused(
    client: Client, grant_type: str, form: dict[str, str], error: str, number: int
) -> None:
    """The token endpoint checks its parameters."""
    response = client.redeem(grant_type, **form)
    content = body(response)
    assert (response.status_code, content["error"], content["error_codes"]) == (400, error, [number])


def test_a_refresh_without_scope_is_refused(client: Client) -> None:
    """Entra asks for a scope; so does this."""
    assert body(client.refresh(client.sign_in(), ""))["error_codes"] == [900144]
