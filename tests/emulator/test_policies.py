from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from doorcode.emulator import Policy
from emulator.client import SCOPE, Client, body, text

if TYPE_CHECKING:
    from doorcode.testing import FakeClock

C1 = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}


def test_a_policy_asks_for_claims_and_is_met_by_a_new_sign_in(client: Client) -> None:
    """The refresh is interaction_required with claims; a sign-in that asks for them gets a token that says so."""
    tokens = client.sign_in()
    client.authority.require(Policy(number=50076, claims=C1))
    refused = body(client.refresh(tokens))
    assert (refused["error"], refused["error_codes"]) == ("interaction_required", [50076])
    assert refused["suberror"] == "basic_action"
    claims = text(refused, "claims")
    assert json.loads(claims) == C1
    assert body(client.refresh(tokens, claims=claims))["error"] == "interaction_required"
    signed_in = client.sign_in(claims=claims)
    assert client.authority.verify(text(signed_in, "access_token"))["acrs"] == ["c1"]
    assert client.refresh(signed_in).status_code == 200


def test_claims_that_come_with_the_poll_alone_meet_nothing(client: Client) -> None:
    """The sign-in page enforces what the device code request asked for, not what a poll adds."""
    client.authority.require(Policy(claims=C1))
    device = body(client.ask_device_code())
    client.authority.approve(text(device, "user_code"))
    assert body(client.poll(device, claims=json.dumps(C1)))["error"] == "interaction_required"


def test_claims_of_the_sign_in_and_of_the_refresh_add_up(client: Client) -> None:
    """A refresh that names CP1 keeps the authentication context of the sign-in."""
    tokens = client.sign_in(claims=json.dumps(C1))
    cp1 = json.dumps({"access_token": {"xms_cc": {"values": ["CP1"]}}, "id_token": {}})
    access = client.authority.verify(text(body(client.refresh(tokens, claims=cp1)), "access_token"))
    assert (access["acrs"], access["xms_cc"]) == (["c1"], ["CP1"])


def test_a_blocking_policy_is_met_by_nothing(client: Client) -> None:
    """Without claims to meet, the error has none."""
    client.authority.require(Policy(number=53003, error="access_denied", suberror=None))
    refused = client.sign_in()
    assert (refused["error"], refused["error_codes"]) == ("access_denied", [53003])
    assert "claims" not in refused
    assert "suberror" not in refused


@pytest.mark.parametrize(
    ("policy", "refused"),
    [
        (Policy(user="ADA@contoso.example"), True),
        (Policy(user="grace@contoso.example"), False),
        (Policy(client_id="other"), False),
        (Policy(tenant_id="other"), False),
        (Policy(resource="https://storage.azure.com"), True),
        (Policy(resource="https://vault.azure.net", user="ada@contoso.example"), False),
    ],
)
def test_a_policy_is_for_those_it_names(client: Client, policy: Policy, *, refused: bool) -> None:
    """User, application, tenant and resource narrow it."""
    client.authority.require(policy)
    assert ("error" in client.sign_in("ada@contoso.example")) is refused


@pytest.mark.parametrize(
    "asked",
    [
        {"access_token": {"acrs": {"value": "c2"}}},
        {"access_token": {"acrs": None}},
        {"access_token": []},
        {"id_token": {"acrs": {"value": "c1"}}},
    ],
)
def test_other_claims_do_not_meet_a_policy(client: Client, asked: dict[str, object]) -> None:
    """Only the claim itself, with its value, counts."""
    client.authority.require(Policy(claims=C1))
    assert client.sign_in(claims=json.dumps(asked))["error"] == "interaction_required"


def test_revocation_challenges_the_resource_s_clients(timed: Client, clock: FakeClock) -> None:
    """The header carries claims that a client passes on; after the revocation only a user can meet them."""
    tokens = timed.sign_in()
    access_token = text(tokens, "access_token")
    assert not timed.authority.is_revoked(access_token)
    timed.authority.revoke("ada@contoso.example")
    assert timed.authority.is_revoked(access_token)
    challenge = timed.authority.claims_challenge()
    assert json.loads(challenge.claims) == {"access_token": {"nbf": {"essential": True, "value": str(int(clock.now))}}}
    encoded = base64.b64encode(challenge.claims.encode()).decode()
    assert challenge.header == (
        f'Bearer realm="", authorization_uri="{timed.authority.url}/common/oauth2/authorize", '
        f'error="insufficient_claims", claims="{encoded}"'
    )
    assert body(timed.refresh(tokens, SCOPE, claims=challenge.claims))["error_codes"] == [50173]
    again = timed.sign_in(claims=challenge.claims)
    assert not timed.authority.is_revoked(text(again, "access_token"))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"claims": json.dumps(C1)}, TypeError, "claims must be a mapping such as .*, not str"),
        ({"claims": None}, TypeError, "claims must be a mapping such as .*, not NoneType"),
        ({"claims": {"access_token": {1, 2}}}, ValueError, "claims must be what JSON can hold"),
        ({"number": "50076"}, TypeError, "number must be a whole number, not str"),
        ({"number": -1}, ValueError, "number must be from 0"),
        ({"error": None}, TypeError, "error must be a string, not NoneType"),
        ({"suberror": 5}, TypeError, "suberror must be a string, not int"),
        ({"resource": ["https://vault.azure.net"]}, TypeError, "resource must be a string, not list"),
    ],
    ids=["text", "None", "set", "number as text", "negative", "no error", "suberror", "resources"],
)
def test_a_policy_that_could_never_be_sent(arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    """It is refused where it is made, and not in each request."""
    with pytest.raises(error, match=words):
        Policy(**arguments)


def test_only_a_policy_can_be_required(client: Client) -> None:
    """A claims request alone is none."""
    with pytest.raises(TypeError, match=r"require\(\) takes a Policy, not dict"):
        client.authority.require(C1)  # type: ignore[arg-type]
