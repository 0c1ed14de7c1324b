"""MSAL fails on replies that are not as it expects; none that `replies` hands on makes it fail."""

from __future__ import annotations

import base64
import json
import time
from functools import cache
from typing import Any

import msal
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorcode._core.replies.device_code import DeviceCode
from doorcode._core.replies.faults import Endpoint, RawReply
from doorcode._core.replies.identity import identify
from doorcode._core.replies.parse import read, read_device_code
from doorcode._core.secret import SecretDict

DISCOVERY = {
    "authorization_endpoint": "https://h/t/authorize",
    "token_endpoint": "https://h/t/token",
    "device_authorization_endpoint": "https://h/t/device",
}
INSTANCE = {"tenant_discovery_endpoint": "https://h/t/v2.0/.well-known/openid-configuration"}
DEVICE = {"device_code": "dc", "user_code": "ABCD", "verification_uri": "https://h/device"}


class _Answer:
    status_code = 200

    def __init__(self, body: object) -> None:
        self.headers: dict[str, str] = {}
        self.text = json.dumps(body)

    def raise_for_status(self) -> None:
        raise AssertionError


class _Client:
    """An ``http_client`` that answers what it is told."""

    def __init__(self) -> None:
        self.instance: object = INSTANCE
        self.discovery: object = DISCOVERY
        self.post_body: object = {}

    def get(self, url: str, **_: object) -> _Answer:
        return _Answer(self.instance if "/discovery/instance" in url else self.discovery)

    def post(self, url: str, **_: object) -> _Answer:
        return _Answer(self.post_body)


class _Nothing(dict[str, Any]):
    """An ``http_cache`` that keeps nothing."""

    def __setitem__(self, key: str, value: object) -> None:
        """Forget."""


def application(client: _Client) -> msal.PublicClientApplication:
    """Return MSAL's application, which asks for both kinds of metadata while it is built."""
    return msal.PublicClientApplication("c", authority="https://h/t", http_client=client, http_cache=_Nothing())


@cache
def built() -> tuple[msal.PublicClientApplication, _Client]:
    """Return one application for every example."""
    client = _Client()
    return application(client), client


def answered(endpoint: Endpoint, body: object) -> SecretDict | None:
    """Return what is handed on of a reply, if it is."""
    found = read(RawReply(endpoint, "h", 200, {}, json.dumps(body).encode(), time.time()))
    return found if isinstance(found, SecretDict) else None


def part(value: object) -> str:
    """Return a value as a part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
CLAIM_NAMES = ["sub", "oid", "tid", "upn", "preferred_username", "iss", "uid", "utid"]
CLAIMS = st.dictionaries(st.sampled_from(CLAIM_NAMES), JSON | st.text())
PARTS = CLAIMS.map(part) | JSON.map(part) | st.text(max_size=10) | st.just(part({"uid": "u", "utid": "t"}))
TOKENS = st.fixed_dictionaries(
    {"access_token": st.just("at")},
    optional={
        "expires_in": JSON | st.just("3600.0"),
        "ext_expires_in": JSON,
        "expires_on": JSON,
        "refresh_in": JSON | st.just("1800"),
        "refresh_on": JSON,
        "scope": JSON | st.text("ab "),
        "token_type": JSON,
        "refresh_token": JSON | st.just("rt"),
        "foci": JSON,
        "id_token": JSON | PARTS.map(lambda middle: f"e30.{middle}.x"),
        "id_token_claims": JSON,
        "client_info": JSON | PARTS,
        "error": st.none(),
        "username": JSON,
        "_x": JSON,
    },
)


@settings(deadline=None)
@given(TOKENS, st.booleans())
def test_tokens(body: dict[str, object], refresh: bool) -> None:  # noqa: FBT001
    """MSAL returns the token, and stores rows that other programs can read; both name the same account."""
    app, client = built()
    app.token_cache = msal.TokenCache()
    client.post_body = answered(Endpoint.TOKEN, body)
    assert client.post_body is not None
    app.client.on_obtaining_tokens = lambda event: app.token_cache.add(dict(event, environment="h"))
    if refresh:
        result = app.acquire_token_by_refresh_token("rt", ["r"])
    else:
        flow = {"device_code": "d", "interval": 1, "_correlation_id": "c"}
        result = app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
    assert result["access_token"] == "at"
    assert type(result["expires_in"]) is int
    assert isinstance(result.get("refresh_on", 0), int)
    identity = identify(result, "t")
    accounts = list(app.token_cache.search("Account"))
    assert {account["home_account_id"] for account in accounts} == ({identity.home_account_id} if identity else set())
    assert all(isinstance(account["username"], str) for account in accounts)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"access_token": "at", "refresh_in": "1800"}, id="refresh_in as text"),
        pytest.param({"access_token": "at", "expires_in": "3600.0"}, id="expires_in as text of a float"),
        pytest.param({"access_token": "at", "expires_in": 1, "scope": None}, id="scope null"),
        pytest.param({"access_token": "at", "expires_in": 1, "client_info": "%"}, id="client_info no base64"),
        pytest.param({"access_token": "at", "expires_in": 1, "id_token": "a.b.c"}, id="ID token no JSON"),
    ],
)
def test_msal_fails_without_us(body: dict[str, object]) -> None:
    """As they come, these replies make MSAL lose a code that is spent."""
    app, client = built()
    client.post_body = body
    with pytest.raises((ValueError, TypeError, AttributeError)):
        app.acquire_token_by_refresh_token("rt", ["r"])
    client.post_body = answered(Endpoint.TOKEN, body)
    assert app.acquire_token_by_refresh_token("rt", ["r"])["access_token"] == "at"


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*DEVICE, "interval", "expires_in", "message", "error"]), JSON, max_size=3))
def test_device_codes(changed: dict[str, object]) -> None:
    """MSAL's flow reads as the code that was answered, its lifetime rounded up to whole seconds."""
    app, client = built()
    reply = answered(Endpoint.DEVICE, {**DEVICE, **changed})
    if reply is None:
        return
    client.post_body = reply
    flow = app.initiate_device_flow(["r"])
    found = read_device_code(flow, 0.0)
    assert isinstance(found, DeviceCode)
    assert (found.user_code, found.interval) == (reply["user_code"], reply["interval"])
    assert flow["expires_in"] == reply["expires_in"]


URLS = st.sampled_from(["https://h", "https://h/", "https://h/t", "https://[::1]:8/t", "https://h:x/t", "//h/t", "t"])


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from([*DISCOVERY, "issuer", "x"]), JSON | URLS),
    st.dictionaries(st.sampled_from([*INSTANCE, "metadata"]), JSON | URLS),
)
def test_metadata(discovery: dict[str, object], instance: dict[str, object]) -> None:
    """MSAL's application can be built of any metadata that is handed on."""
    client = _Client()
    client.discovery = answered(Endpoint.DISCOVERY, {**DISCOVERY, **discovery})
    client.instance = answered(Endpoint.INSTANCE, {**INSTANCE, **instance})
    if client.discovery is not None and client.instance is not None:
        assert application(client).authority.token_endpoint.startswith("https://")
