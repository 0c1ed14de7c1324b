"""What MSAL does by itself and this library keeps it from: each would fail with the plain call."""

from __future__ import annotations

import json
import time
from typing import Any

import msal
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import HttpTransport

from doorcode import AuthenticationRecord, AuthenticationRequiredError
from doorcode.emulator import Edit, Emulator, Pending, Refuse, Reply, ServerError, TooManyRequests
from support import rows
from support.signing import ADA, OTHER, SCOPE, raw

REMEMBERED = {
    "400 of the token endpoint, for a minute": ("token:refresh_token", Refuse("invalid_scope", 70011, "No.")),
    "5xx, for a minute": ("token:refresh_token", ServerError(503)),
    "400 of the device endpoint": ("devicecode", Refuse("invalid_scope", 70011, "No.")),
    "5xx of the device endpoint": ("devicecode", ServerError(500)),
    "a wrong discovery page, for a day": ("discovery", Reply(200, b"{}", "application/json")),
    "a 404 of discovery": ("discovery", Reply(404, b"{}", "application/json")),
}


@pytest.mark.parametrize(("endpoint", "fault"), REMEMBERED.values(), ids=REMEMBERED)
def test_a_failure_is_not_replayed(make: Any, authority: Emulator, endpoint: str, fault: Any) -> None:
    """MSAL's HTTP cache answers the second call with the first one's failure; ours asks again."""
    credential = make(retry_total=0, disable_automatic_authentication=True)
    if endpoint.startswith("token"):
        credential.authenticate(scopes=[SCOPE])
    authority.faults.queue(endpoint, fault)
    with pytest.raises(ClientAuthenticationError):
        credential.authenticate(scopes=[OTHER], force_prompt=endpoint != "token:refresh_token") if endpoint.partition(
            ":"
        )[0] != "token" else credential.get_token(OTHER)
    before = authority.count(endpoint)
    credential.authenticate(scopes=[OTHER])
    assert authority.count(endpoint) == before + 1


@pytest.mark.parametrize("fault", [TooManyRequests(), ServerError(503)], ids=["429", "503"])
def test_a_poll_is_not_replayed(make: Any, authority: Emulator, fault: Any) -> None:
    """Device polls are cached too: MSAL would answer 429 for a minute without asking."""
    authority.faults.queue("token:device_code", fault)
    assert make().get_token(SCOPE).token
    assert authority.count("token:device_code") == 2


def test_discovery_is_made_once(make: Any, authority: Emulator) -> None:
    """A right page is kept with the application, for as long as the credential lives."""
    credential = make()
    credential.get_token(SCOPE)
    credential.get_token(OTHER)
    assert authority.count("discovery") == 1


def test_one_poll_is_one_request(make: Any, authority: Emulator) -> None:
    """With an interval of 0 MSAL would loop inside one call for ever."""
    authority.faults.queue("devicecode", raw(interval=0))
    authority.faults.queue("token", Pending(), Pending(), Pending())
    credential = make()
    polls: list[float] = []
    poll = credential._session.application.poll

    def counted(*args: Any) -> Any:
        polls.append(time.monotonic())
        return poll(*args)

    credential._session.application.poll = counted
    credential.get_token(SCOPE)
    assert (len(polls), authority.count("token")) == (4, 4)


class Nowhere(HttpTransport):  # type: ignore[type-arg]
    """A transport that no request may use."""

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def send(self, request: Any, **_: Any) -> Any:
        message = f"no request was to be made, but {request.method} {request.url} was"
        raise AssertionError(message)


def test_a_cached_token_needs_no_network(make: Any, authority: Emulator) -> None:
    """MSAL discovers the tenant before it looks into the cache; ours returns the token, without an application even."""
    cache = msal.TokenCache()
    token = make(_cache=cache).get_token(SCOPE)
    second = make(_cache=cache, transport=Nowhere())
    assert second.get_token(SCOPE) == token
    assert second._session._application is None


@pytest.mark.parametrize("stored_at", ["login.windows.net", "login.microsoft.com", "sts.windows.net"])
def test_aliases_are_known(make: Any, stored_at: str) -> None:
    """A token that was stored under another name of the cloud is found without asking anybody for aliases."""
    cache = msal.SerializableTokenCache()
    cache.deserialize(json.dumps(rows.rows(time.time(), host=stored_at)))
    credential = make(
        client_id=rows.CLIENT,
        tenant_id=rows.TENANT,
        authority="login.microsoftonline.com",
        _cache=cache,
        transport=Nowhere(),
    )
    assert credential.get_token(SCOPE if SCOPE == "https://r/.default" else "https://r/.default").token == "AT"


def test_other_applications_family_tokens_are_left_alone(make: Any, authority: Emulator) -> None:
    """MSAL would redeem a refresh token of another application of the same family."""
    authority.configure(family_id="1")
    cache = msal.TokenCache()
    record = make(_cache=cache).authenticate(scopes=[SCOPE])
    authority.reset_counters()
    mine = AuthenticationRecord(record.tenant_id, "mine", record.authority, record.home_account_id, record.username)
    for given in ({"authentication_record": mine}, {"client_id": "mine"}):
        credential = make(_cache=cache, disable_automatic_authentication=True, **given)
        with pytest.raises(AuthenticationRequiredError):
            credential.get_token(SCOPE)
    assert authority.requests == []


def test_one_refresh_token_is_tried(make: Any, authority: Emulator) -> None:
    """MSAL would try every refresh token it finds; ours redeems the newest."""
    cache = msal.SerializableTokenCache()
    first = make(_cache=cache)
    first.authenticate(scopes=[SCOPE])
    stored = json.loads(cache.serialize())
    ((_, row),) = stored["RefreshToken"].items()
    stored["RefreshToken"]["older"] = {**row, "secret": "older", "last_modification_time": "1", "target": "x"}
    cache.deserialize(json.dumps(stored))
    authority.revoke(ADA)
    credential = make(_cache=cache, disable_automatic_authentication=True)
    with pytest.raises(AuthenticationRequiredError):
        credential.get_token(OTHER)
    sent = [request.form["refresh_token"] for request in authority.requests_to("token:refresh_token")]
    assert sent == [row["secret"]]


def test_an_account_that_was_signed_out_meanwhile_stays_so(make: Any, authority: Emulator) -> None:
    """A refresh that was under way while the account was signed out brings nothing back."""
    cache = msal.TokenCache()
    credential = make(_cache=cache, disable_automatic_authentication=True)
    credential.authenticate(scopes=[SCOPE])

    def sign_out(_: object) -> None:
        credential.sign_out()

    authority.faults.queue("token:refresh_token", Edit(sign_out))
    with pytest.raises(AuthenticationRequiredError):
        credential.get_token(OTHER)
    assert [list(cache.search(kind, query={})) for kind in ("AccessToken", "RefreshToken", "Account")] == [[], [], []]


def test_a_rotated_refresh_token_replaces_the_old_one_in_both_caches(make: Any, authority: Emulator) -> None:
    """CAE and plain tokens are one grant: what a refresh rotated is written to both caches."""
    authority.configure(rotation="reject")
    plain, cae = msal.TokenCache(), msal.TokenCache()
    credential = make(_cache=plain, _cae_cache=cae)
    credential.get_token(SCOPE)
    credential.get_token(SCOPE, enable_cae=True)
    credential.get_token(OTHER)
    secrets = {row["secret"] for cache in (plain, cae) for row in cache.search("RefreshToken", query={})}
    assert len(secrets) == 1
    assert len(list(plain.search("AccessToken", query={}))) >= 2
    assert make.approver.prompts[1:] == []


def test_claims_in_a_refresh_are_data(make: Any, authority: Emulator) -> None:
    """The merged claims stand in the refresh's form once, as the authority reads them."""
    credential = make()
    credential.get_token(SCOPE)
    credential.get_token(SCOPE, claims='{"access_token": {"nbf": {"essential": true, "value": "1"}}}')
    (form,) = (request.form for request in authority.requests_to("token:refresh_token"))
    assert json.loads(form["claims"])["access_token"]["nbf"]["value"] == "1"
    assert form["scope"].split()[0] == SCOPE or SCOPE in form["scope"].split()


@pytest.mark.parametrize("trouble", [KeyError("x"), TypeError("x"), ValueError("x"), AttributeError("x")], ids=repr)
def test_whatever_msal_raises(make: Any, monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> None:
    """What a later MSAL might still fail at is ClientAuthenticationError, never KeyError or TypeError."""

    def fail(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr(msal.PublicClientApplication, "initiate_device_flow", fail)
    with pytest.raises(ClientAuthenticationError, match="could not be read"):
        make().get_token(SCOPE)
