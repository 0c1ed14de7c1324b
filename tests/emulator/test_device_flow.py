from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from doorcode.emulator import AZURE_CLI_CLIENT_ID, Emulator
from emulator.client import Client, body, text

if TYPE_CHECKING:
    from doorcode.testing import FakeClock


def test_the_reply_says_what_a_user_needs(client: Client) -> None:
    """Code, address, message, validity and interval stand in the reply (RFC 8628 3.2)."""
    response = client.ask_device_code()
    content = body(response)
    uri = f"{client.authority.url}/devicelogin"
    assert content["verification_uri"] == uri
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXYZ]{9}", text(content, "user_code"))
    assert content["message"] == f"Open {uri} in a browser and enter the code {content['user_code']} to sign in."
    assert (content["expires_in"], content["interval"]) == (900, 1)
    assert response.headers["Cache-Control"] == "no-store, no-cache"


def test_settings_change_the_reply(client: Client) -> None:
    """Message, interval and validity are the test's to choose; braces of its own stay."""
    message = "{hello} {user_code} at {verification_uri}"
    client.authority.configure(message=message, interval=None, expires_in=7)
    content = body(client.ask_device_code())
    uri = f"{client.authority.url}/devicelogin"
    assert content["message"] == f"{{hello}} {content['user_code']} at {uri}"
    assert (content["expires_in"], "interval" in content) == (7, False)


def test_tokens_come_after_the_approval(client: Client) -> None:
    """A poll is pending until the user approves, then gives every token that was asked for."""
    device = body(client.ask_device_code())
    pending = client.poll(device)
    assert (pending.status_code, body(pending)["error"]) == (400, "authorization_pending")
    client.authority.approve(text(device, "user_code"))
    tokens = client.poll(device)
    assert tokens.status_code == 200
    assert set(body(tokens)) == {
        "token_type",
        "scope",
        "expires_in",
        "ext_expires_in",
        "access_token",
        "refresh_token",
        "id_token",
        "client_info",
    }
    assert client.authority.count("token:device_code") == 2


def test_a_code_is_good_for_one_sign_in(client: Client) -> None:
    """A device code that gave tokens gives none again."""
    device = body(client.ask_device_code())
    client.authority.approve(text(device, "user_code"))
    client.poll(device)
    again = body(client.poll(device))
    assert (again["error"], again["error_codes"]) == ("invalid_grant", [54005])


def test_a_decline_ends_the_flow(client: Client) -> None:
    """The device learns that the user declined."""
    device = body(client.ask_device_code())
    client.authority.decline(text(device, "user_code"))
    declined = body(client.poll(device))
    assert (declined["error"], declined["error_codes"]) == ("authorization_declined", [])
    assert "error_uri" not in declined


def test_a_code_expires(timed: Client, clock: FakeClock) -> None:
    """After ``expires_in`` seconds the code is expired_token."""
    device = body(timed.ask_device_code())
    clock.advance(899)
    assert body(timed.poll(device))["error"] == "authorization_pending"
    clock.advance(1)
    expired = body(timed.poll(device))
    assert (expired["error"], expired["error_codes"]) == ("expired_token", [70020])


def test_a_code_of_another_client_is_unknown(client: Client) -> None:
    """A device code is bound to the client that asked for it."""
    device = body(client.ask_device_code())
    client.client_id = AZURE_CLI_CLIENT_ID
    for response in (client.poll(device), client.poll({"device_code": "made up"})):
        assert (body(response)["error"], body(response)["error_codes"]) == ("bad_verification_code", [70018])


def test_slow_down_is_cumulative_where_the_interval_is_enforced(timed: Client, clock: FakeClock) -> None:
    """Each poll that comes too early adds 5 s for good (RFC 8628 3.5)."""
    timed.authority.configure(enforce_interval=True)
    device = body(timed.ask_device_code())
    errors = []
    for wait in (0, 4.9, 9.9, 14.9, 20):
        clock.advance(wait)
        errors.append(body(timed.poll(device))["error"])
    assert errors == ["authorization_pending", "slow_down", "slow_down", "slow_down", "authorization_pending"]


def test_everybody_is_approved_at_once(client: Client) -> None:
    """``approve_all`` answers the codes that wait and those to come, until ``approve_none``."""
    authority = client.authority
    waiting = body(client.ask_device_code())
    authority.approve_all("grace@contoso.example")
    coming = body(client.ask_device_code())
    assert client.poll(waiting).status_code == client.poll(coming).status_code == 200
    authority.approve_none()
    assert body(client.poll(body(client.ask_device_code())))["error"] == "authorization_pending"
    authority.approve_all(authority.users["ada@contoso.example"])
    assert authority.user_codes == ()


def test_nobody_approves_where_nobody_may(client: Client) -> None:
    """With no user in the tenant, a code stays open under ``approve_all``."""
    client.authority.add_tenant("empty.example")
    client.tenant = "empty.example"
    client.authority.approve_all()
    device = body(client.ask_device_code())
    assert body(client.poll(device))["error"] == "authorization_pending"
    with pytest.raises(LookupError, match=r"no user may sign in at 'empty\.example'"):
        client.authority.approve(text(device, "user_code"))


def test_codes_may_be_typed_in_any_way(client: Client) -> None:
    """Case, spaces and dashes do not matter."""
    device = body(client.ask_device_code())
    code = text(device, "user_code").lower()
    client.authority.approve(f" {code[:4]}-{code[4:]} ")
    assert client.poll(device).status_code == 200


def test_a_code_or_user_that_does_not_exist_is_an_error_of_the_test(client: Client) -> None:
    """Approving what is not there is LookupError, which names it."""
    with pytest.raises(LookupError, match="no sign-in is waiting"):
        client.authority.approve("BCDFGHJKL")
    with pytest.raises(LookupError, match="no sign-in is waiting"):
        client.authority.decline("BCDFGHJKL")
    with pytest.raises(LookupError, match="no user 'nobody@x'"):
        client.authority.approve_all("nobody@x")


def test_an_answer_stands(client: Client) -> None:
    """What was approved can be approved again, to no effect; what was answered cannot be answered otherwise."""
    authority = client.authority
    approved, declined = body(client.ask_device_code()), body(client.ask_device_code())
    authority.approve(text(approved, "user_code"), "ada@contoso.example")
    authority.approve(text(approved, "user_code"), "grace@contoso.example")
    authority.decline(text(declined, "user_code"))
    for device in (approved, declined):
        with pytest.raises(LookupError, match="no sign-in is waiting"):
            authority.decline(text(device, "user_code"))
    with pytest.raises(LookupError, match="no sign-in is waiting"):
        authority.approve(text(declined, "user_code"))
    access = authority.verify(text(body(client.poll(approved)), "access_token"))
    assert access["upn"] == "ada@contoso.example"
    authority.approve(text(approved, "user_code"))
    assert body(client.poll(approved))["error_codes"] == [54005]


def test_open_codes_can_be_listed(client: Client) -> None:
    """``user_codes`` has the codes that nobody answered, oldest first."""
    codes = [text(body(client.ask_device_code()), "user_code") for _ in range(3)]
    client.authority.approve(codes[1])
    assert client.authority.user_codes == (codes[0], codes[2])


def test_the_short_grant_type_of_the_draft_is_accepted(client: Client) -> None:
    """Entra still takes ``device_code`` as grant type."""
    device = body(client.ask_device_code())
    response = client.redeem("device_code", device_code=text(device, "device_code"))
    assert body(response)["error"] == "authorization_pending"


@pytest.mark.parametrize(
    ("form", "error", "number"),
    [
        ({"client_id": ""}, "invalid_request", 900144),
        ({"scope": ""}, "invalid_request", 900144),
        ({"scope": "https://a/.default https://b/.default"}, "invalid_scope", 28000),
        ({"scope": "https://a/.default https://a/read"}, "invalid_scope", 70011),
        ({"scope": "https://storage.azure.com"}, "invalid_scope", 70011),
        ({"scope": "https://storage.azure.com/"}, "invalid_scope", 70011),
        ({"claims": "not json"}, "invalid_request", 9002313),
        ({"claims": "[]"}, "invalid_request", 9002313),
    ],
    ids=["no client", "no scope", "two resources", "default mixed", "no permission", "lone slash", "text", "list"],
)
def test_a_bad_request_is_refused(client: Client, form: dict[str, str], error: str, number: int) -> None:
    """The device code endpoint checks its parameters."""
    content = body(client.ask_device_code(**form))
    assert (content["error"], content["error_codes"]) == (error, [number])


def test_a_confidential_application_may_not_use_device_codes(client: Client) -> None:
    """With public client flows off, the client has to have a secret."""
    client.authority.add_application(client.client_id, name="Payroll", public_client=False)
    for response in (client.ask_device_code(), client.redeem("refresh_token", refresh_token="x")):
        assert (response.status_code, body(response)["error_codes"]) == (401, [7000218])
    with_secret = client.redeem("refresh_token", refresh_token="x", client_secret="s")
    assert body(with_secret)["error_codes"] == [9002313]


def test_strict_refuses_unknown_applications(client: Client) -> None:
    """Only registered client IDs are accepted then."""
    client.authority.configure(strict=True)
    unknown = body(client.ask_device_code())
    assert (unknown["error"], unknown["error_codes"]) == ("unauthorized_client", [700016])
    assert client.client_id in text(unknown, "error_description")
    client.authority.add_application(client.client_id)
    assert client.ask_device_code().status_code == 200


def test_an_error_says_what_support_asks_for(timed: Client, clock: FakeClock) -> None:
    """Number, IDs and time stand in the words and beside them; the correlation ID is the client's own."""
    clock.now = 1764043402.5
    correlation_id = "7f6f0b0e-0000-4000-8000-000000000001"
    path = f"/{timed.tenant}/oauth2/v2.0/token"
    response = timed.post(path, {"client_id": "x"}, client_request_id=correlation_id)
    content = body(response)
    assert content == {
        "error": "invalid_request",
        "error_description": (
            "AADSTS900144: The request must contain the parameter 'grant_type'. "
            f"Trace ID: {content['trace_id']} Correlation ID: {correlation_id} Timestamp: 2025-11-25 04:03:22Z"
        ),
        "error_codes": [900144],
        "timestamp": "2025-11-25 04:03:22Z",
        "trace_id": response.headers["x-ms-request-id"],
        "correlation_id": correlation_id,
        "error_uri": f"{timed.authority.url}/error?code=900144",
    }
    assert response.headers["client-request-id"] == correlation_id


def test_a_reset_forgets_codes_and_settings(client: Client, authority: Emulator) -> None:
    """After ``reset`` the authority is as new."""
    device = body(client.ask_device_code())
    authority.configure(interval=9)
    authority.add_user("new@contoso.example")
    authority.reset()
    assert body(client.poll(device))["error"] == "bad_verification_code"
    assert authority.settings.interval == 1
    assert list(authority.users) == ["ada@contoso.example", "grace@contoso.example"]
