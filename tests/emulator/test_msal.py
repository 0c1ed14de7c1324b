"""MSAL, Microsoft's own library, finds the emulator to be what it expects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol, cast

import msal
import pytest

from doorcode.emulator import Emulator, Refuse
from emulator.client import Client, Json, visit

if TYPE_CHECKING:
    from collections.abc import Mapping

SCOPES = ["https://management.core.windows.net//.default"]
CAE = ["CP1"]


class Application(Protocol):
    """What these tests use of MSAL, which ships no types."""

    def initiate_device_flow(self, scopes: list[str]) -> Json: ...

    def acquire_token_by_device_flow(self, flow: Json) -> Json: ...

    def acquire_token_silent_with_error(
        self, scopes: list[str], account: Json, *, force_refresh: bool = False
    ) -> Json: ...

    def initiate_auth_code_flow(self, scopes: list[str], redirect_uri: str, **options: str) -> Json: ...

    def acquire_token_by_auth_code_flow(self, flow: Json, answer: Mapping[str, str]) -> Json: ...

    def get_accounts(self) -> list[Json]: ...


def application(emulator: Emulator, **options: object) -> Application:
    """Return MSAL's public client for the emulator."""
    arguments = {
        "authority": f"{emulator.url}/organizations",
        "instance_discovery": False,
        "verify": emulator.ca_file,
        **options,
    }
    return cast("Application", msal.PublicClientApplication("msal-test", **arguments))


def sign_in(authority: Emulator, app: Application, user: str = "ada@contoso.example") -> Json:
    """Sign in with a device code."""
    flow = app.initiate_device_flow(SCOPES)
    authority.approve(str(flow["user_code"]), user)
    return app.acquire_token_by_device_flow(flow)


def test_the_device_flow(authority: Emulator) -> None:
    """It shows the message, polls while pending, and knows the account afterwards."""
    app = application(authority)
    authority.configure(message="Go to {verification_uri}")
    flow = app.initiate_device_flow(SCOPES)
    assert flow["message"] == f"Go to {authority.url}/devicelogin"
    authority.approve(str(flow["user_code"]))
    tokens = app.acquire_token_by_device_flow(flow)
    assert tokens["token_type"] == "Bearer"
    assert cast("Json", tokens["id_token_claims"])["preferred_username"] == "ada@contoso.example"
    (account,) = app.get_accounts()
    assert account["home_account_id"] == authority.users["ada@contoso.example"].home_account_id
    assert account["username"] == "ada@contoso.example"


def test_silent_and_refreshed(authority: Emulator) -> None:
    """The scopes that it asked for are found in its cache; a refresh brings new tokens."""
    app = application(authority)
    first = sign_in(authority, app)
    (account,) = app.get_accounts()
    silent = app.acquire_token_silent_with_error(SCOPES, account)
    assert silent["access_token"] == first["access_token"]
    assert authority.count("token:refresh_token") == 0
    refreshed = app.acquire_token_silent_with_error(SCOPES, account, force_refresh=True)
    assert refreshed["access_token"] != first["access_token"]
    authority.revoke("ada@contoso.example")
    revoked = app.acquire_token_silent_with_error(SCOPES, account, force_refresh=True)
    assert (revoked["error"], revoked["error_codes"], revoked["suberror"]) == ("invalid_grant", [50173], "bad_token")


def test_a_client_that_handles_challenges(authority: Emulator) -> None:
    """Its capability makes tokens long, with a time to refresh them."""
    tokens = sign_in(authority, application(authority, client_capabilities=CAE))
    assert (tokens["expires_in"], "refresh_in" in tokens) == (86400, False)
    sent = json.loads(authority.requests_to("devicecode")[0].form["claims"])
    assert sent == {"access_token": {"xms_cc": {"values": ["CP1"]}}}


def test_declined_and_refused(authority: Emulator) -> None:
    """Errors arrive whole."""
    app = application(authority)
    flow = app.initiate_device_flow(SCOPES)
    authority.decline(str(flow["user_code"]))
    assert app.acquire_token_by_device_flow(flow)["error"] == "authorization_declined"
    authority.faults.queue("devicecode", Refuse("invalid_grant", 53003))
    assert app.initiate_device_flow(SCOPES)["error_codes"] == [53003]


@pytest.mark.filterwarnings("ignore:response_mode='form_post' is recommended")  # MSAL's advice; both are tested
@pytest.mark.parametrize("response_mode", ["query", "form_post"])
def test_the_authorization_code_flow(authority: Emulator, client: Client, response_mode: str) -> None:
    """It checks state, nonce and PKCE of its own and is content."""
    app = application(authority)
    redirect_uri = "http://localhost:8400"
    flow = app.initiate_auth_code_flow(SCOPES, redirect_uri, response_mode=response_mode)
    uri = str(flow["auth_uri"]).removeprefix(authority.url)
    page = visit(client, uri).submit(username="grace@contoso.example").submit(action="accept")
    if response_mode == "form_post":
        answer = page.hidden()
    else:
        query = page.response.headers["Location"].partition("?")[2]
        answer = dict(pair.split("=", 1) for pair in query.split("&"))
    tokens = app.acquire_token_by_auth_code_flow(flow, answer)
    assert cast("Json", tokens["id_token_claims"])["name"] == "Grace Hopper"


def test_instance_discovery_at_the_emulator(authority: Emulator) -> None:
    """MSAL can be told to ask the emulator about instances."""
    endpoint = f"{authority.url}/common/discovery/instance"
    app = application(authority, instance_discovery=endpoint)
    sign_in(authority, app)
    assert authority.count("instance") >= 1


def test_unknown_tenants_and_instances(authority: Emulator) -> None:
    """It raises for what the emulator does not know."""
    with pytest.raises(ValueError, match="Unable to get authority configuration"):
        application(authority, authority=f"{authority.url}/nowhere.example")
    endpoint = f"{authority.url}/common/discovery/instance"
    with pytest.raises(ValueError, match="invalid_instance"):
        application(authority, authority="https://login.evil.example/common", instance_discovery=endpoint)


def test_ad_fs(authority: Emulator) -> None:
    """The AD FS side has another layout; MSAL finds the user in ``upn``."""
    app = application(authority, authority=f"{authority.url}/adfs")
    tokens = sign_in(authority, app)
    assert cast("Json", tokens["id_token_claims"])["upn"] == "ada@contoso.example"
    (account,) = app.get_accounts()
    assert account["username"] == "ada@contoso.example"
