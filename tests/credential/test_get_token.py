"""get_token and get_token_info, as an Azure SDK client calls them."""

from __future__ import annotations

import copy
import inspect
import itertools
import json
import pickle
import sys
import threading
import time
from collections import UserDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msal
import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError

from doorcode import AuthenticationRequiredError, TokenCachePersistenceOptions, errors
from doorcode._core.flows.leases import REFRESH_LEASE
from doorcode._core.flows.refresh import LEASE_SECONDS
from doorcode._entra.msal_client import MsalApplication
from doorcode.cache import _select
from doorcode.emulator import Emulator, Html, Policy, Refuse, Reset, ServerError
from support.rows import encoded
from support.signing import OTHER, PATIENCE, SCOPE, changed

HOUR = 3600
KEY = bytes(32)
THIRD = "https://third.example/.default"


@pytest.mark.skipif(sys.platform == "win32", reason="the user's directory is LOCALAPPDATA there")
@pytest.mark.parametrize("home", [None, "", "relative"])
def test_a_user_without_a_home(
    make: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, home: str | None
) -> None:
    """A user whom no passwd entry names and whose HOME is not set has tokens in memory, and one warning (OpenShift)."""
    monkeypatch.setattr(_select, "home_of_user", lambda: None)
    monkeypatch.delenv("HOME") if home is None else monkeypatch.setenv("HOME", home)
    credential = make(cache_persistence_options=TokenCachePersistenceOptions())
    assert credential.get_token(SCOPE).token == credential.get_token(SCOPE).token
    assert credential.get_token(OTHER, enable_cae=True).token
    assert len(make.approver.prompts) == 1
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "in memory only, for this process: no directory is known" in warning
    credential.sign_out()


def test_the_user_signs_in_and_the_token_is_returned(make: Any, authority: Emulator) -> None:
    """The first call asks the user; azure-core's own AccessToken comes back."""
    before = int(time.time())
    token = make().get_token(SCOPE)
    secret, expires_on = token
    assert isinstance(token, AccessToken)
    assert (token.token, token.expires_on) == (secret, expires_on)
    assert authority.verify(secret)["aud"] == "https://r.example"
    assert type(expires_on) is int
    assert before + HOUR <= expires_on <= time.time() + HOUR
    assert len(make.approver.prompts) == 1


@pytest.mark.parametrize(("refresh_in", "expected"), [(1800, 1800), (None, None)], ids=["said", "not said"])
def test_get_token_info(make: Any, authority: Emulator, refresh_in: int | None, expected: int | None) -> None:
    """azure-core's AccessTokenInfo tells the type, and when to refresh where the authority said so."""
    authority.configure(refresh_in=refresh_in)
    credential = make()
    info = credential.get_token_info(SCOPE)
    assert isinstance(info, AccessTokenInfo)
    assert info.token_type == "Bearer"
    assert info.token == credential.get_token(SCOPE).token
    if expected is None:
        assert info.refresh_on is None
    else:
        assert info.refresh_on == info.expires_on - HOUR + expected
        assert type(info.refresh_on) is int


def test_a_token_ends_at_one_instant_wherever_it_is_kept(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The process that signed in and the one that reads the store say the same, however the seconds fall."""
    authority.configure(refresh_in=1800)
    options = {"cache_persistence_options": TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=KEY)}
    start, ticks = time.time(), itertools.count()
    monkeypatch.setattr(time, "time", lambda: start + next(ticks))  # a second passes from one look to the next
    told = make(**options).get_token_info(SCOPE)
    read = make(**options).get_token_info(SCOPE)
    assert (told.expires_on, told.refresh_on) == (read.expires_on, read.refresh_on)


def test_nobody_changes_what_everybody_gets(make: Any, authority: Emulator) -> None:
    """An AccessTokenInfo is shared and cannot be set; a copy, or a pickle, is azure-core's own and can."""
    credential = make()
    info = credential.get_token_info(SCOPE)
    for change in (partial(setattr, info, "token", "x"), partial(delattr, info, "refresh_on")):
        with pytest.raises(AttributeError, match=r"every caller has this AccessTokenInfo; use copy\.copy"):
            change()
    for twin in (copy.copy(info), pickle.loads(pickle.dumps(info))):  # noqa: S301 - our own
        assert (type(twin), vars(twin)) == (AccessTokenInfo, vars(info))
        twin.token = "x"
    assert credential.get_token_info(SCOPE).token == credential.get_token(SCOPE).token


@pytest.mark.parametrize("options", [5, "claims", ["enable_cae"], object()], ids=["int", "text", "list", "object"])
@pytest.mark.parametrize("signed_in", [False, True], ids=["cold", "warm"])
def test_options_that_are_no_mapping(
    make: Any, caplog: pytest.LogCaptureFixture, options: Any, *, signed_in: bool
) -> None:
    """get_token_info says which options it takes, and the log has the error as for other wrong arguments."""
    credential = make()
    if signed_in:
        credential.get_token(SCOPE)
    with pytest.raises(TypeError, match="takes options as a mapping such as .*'tenant_id'.*enable_cae"):
        credential.get_token_info(SCOPE, options=options)
    assert "get_token_info failed: get_token_info takes options as a mapping" in caplog.text
    assert len(make.approver.prompts) == signed_in


@pytest.mark.parametrize(
    "options", [None, {}, (), "", MappingProxyType({"enable_cae": False}), UserDict(tenant_id=None)], ids=repr
)
def test_options_of_any_mapping(make: Any, options: Any) -> None:
    """Any mapping serves as options, and any empty value stands for none, as in azure-identity."""
    credential = make()
    assert credential.get_token_info(SCOPE, options=options).token == credential.get_token(SCOPE).token


def test_later_calls_ask_nobody(make: Any, authority: Emulator) -> None:
    """A token that is fresh is returned without any request."""
    credential = make()
    first = credential.get_token(SCOPE)
    authority.reset_counters()
    assert credential.get_token(SCOPE) == first
    assert credential.get_token(SCOPE, claims=None, tenant_id=None, enable_cae=False) == first
    assert credential.get_token(SCOPE, tenant_id=authority.tenant_id) == first
    assert credential.get_token_info(SCOPE, options={"claims": None, "tenant_id": None}).token == first.token
    assert authority.requests == []


def test_a_token_near_its_end_is_refreshed(make: Any, authority: Emulator, shift: Callable[[float], None]) -> None:
    """Five minutes before its end a token is refreshed with one request, and nobody is asked."""
    credential = make()
    first = credential.get_token(SCOPE)
    shift(HOUR - 360)
    assert credential.get_token(SCOPE) == first
    shift(HOUR - 299)
    second = credential.get_token(SCOPE)
    assert second.token != first.token
    assert credential.get_token(SCOPE) == second
    assert (authority.count("token:refresh_token"), len(make.approver.prompts)) == (1, 1)


def test_another_scope_is_had_silently(make: Any, authority: Emulator) -> None:
    """One sign-in serves every resource."""
    credential = make()
    credential.get_token(SCOPE)
    token = credential.get_token(OTHER)
    assert authority.verify(token.token)["aud"] == "https://s.example"
    assert (authority.count("token:refresh_token"), len(make.approver.prompts)) == (1, 1)


FAILING = {
    "no network": Reset(),
    "an outage": ServerError(503),
    "a captive portal": Html(200),
    "a refusal": Refuse("invalid_grant", 50173, "Revoked."),
}


@pytest.mark.parametrize("fault", FAILING.values(), ids=FAILING)
def test_a_valid_token_outlives_a_failing_refresh(
    make: Any, authority: Emulator, shift: Callable[[float], None], caplog: pytest.LogCaptureFixture, fault: Any
) -> None:
    """Past refresh_on a valid token is used on when refreshing fails, with one warning and no try for 30 s."""
    authority.configure(refresh_in=60)
    credential = make()
    first = credential.get_token(SCOPE)
    authority.faults.always("token:refresh_token", fault)
    shift(61)
    assert [credential.get_token(SCOPE), credential.get_token(SCOPE)] == [first, first]
    tries = authority.count("token:refresh_token")
    assert tries == 1
    warnings = [record.getMessage() for record in caplog.records if record.name.startswith("doorcode")]
    assert ["used on, since it is still valid" in warning for warning in warnings] == [True]
    shift(61 + 29)
    credential.get_token(SCOPE)
    assert authority.count("token:refresh_token") == tries
    shift(61 + 32)
    authority.faults.clear()
    credential._session.refusals.clear()  # of the monotonic clock's, which nobody shifts
    assert credential.get_token(SCOPE) != first
    assert len(make.approver.prompts) == 1


def test_being_offline_is_no_reason_to_ask(make: Any, authority: Emulator, shift: Callable[[float], None]) -> None:
    """A token that has ended and no network: an error, and no prompt; afterwards all is well."""
    credential = make()
    credential.get_token(SCOPE)
    shift(HOUR + 1)
    with authority.offline(), pytest.raises(errors.AuthorityUnreachableError, match="connection was refused"):
        credential.get_token(SCOPE)
    credential.get_token(SCOPE)
    assert len(make.approver.prompts) == 1


def test_a_revoked_sign_in_asks_again(make: Any, authority: Emulator) -> None:
    """A refresh token that is refused leads to the user, at once."""
    credential = make()
    credential.get_token(SCOPE)
    authority.revoke("ada@contoso.example")
    credential.get_token(OTHER)
    assert (authority.count("token:refresh_token"), len(make.approver.prompts)) == (1, 2)


def test_may_not_ask(make: Any, authority: Emulator) -> None:
    """With disable_automatic_authentication and nothing cached no request is made."""
    credential = make(disable_automatic_authentication=True)
    with pytest.raises(AuthenticationRequiredError, match="Call 'authenticate'") as caught:
        credential.get_token(SCOPE, claims='{"access_token": {}}')
    assert (tuple(caught.value.scopes), caught.value.claims) == ((SCOPE,), '{"access_token": {}}')
    assert caught.value.response is None
    assert (authority.requests, make.approver.prompts) == ([], [])


def test_may_not_ask_after_a_refusal(make: Any, authority: Emulator) -> None:
    """The refusal of a refresh is carried by the exception, whose claims go to authenticate unchanged."""
    credential = make(disable_automatic_authentication=True)
    credential.authenticate(scopes=[SCOPE])
    demanded = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}
    authority.require(Policy(number=50076, claims=demanded, resource="https://s.example"))
    with pytest.raises(AuthenticationRequiredError) as caught:
        credential.get_token(OTHER)
    error: Any = caught.value
    assert (error.error, error.error_codes) == ("interaction_required", (50076,))
    assert error.response is not None
    assert error.response.status_code == 400
    assert error.response.json()["error"] == "interaction_required"
    assert json.loads(str(error.claims)) == demanded
    credential.authenticate(scopes=error.scopes, claims=error.claims)
    assert json.loads(authority.requests_to("devicecode")[-1].form["claims"]) == demanded


@pytest.mark.parametrize("method", ["get_token", "get_token_info"])
def test_no_scope(make: Any, method: str) -> None:
    """Without a scope the error names the method."""
    with pytest.raises(ValueError, match=f"'{method}' requires at least one scope"):
        getattr(make(), method)()


TENANTS = {
    "any, from organizations without a list": ("organizations", None, {}, "contoso.example"),
    "one on the list": ("organizations", ["contoso.example"], {}, "contoso.example"),
    "any, with *": ("consumers", ["*"], {}, "contoso.example"),
    "any, with * as text": ("consumers", "*", {}, "contoso.example"),
    "the only one, as text": ("consumers", "contoso.example", {}, "contoso.example"),
    "the same, written otherwise": ("CONTOSO.example", None, {}, "CONTOSO.example"),
    "the credential's own, where multi-tenancy is off": (
        "consumers", None, {"AZURE_IDENTITY_DISABLE_MULTITENANTAUTH": "1"}, "consumers",
    ),
    "the credential's own at AD FS": ("adfs", None, {}, "adfs"),
}  # fmt: skip


@pytest.mark.parametrize(("own", "allowed", "environment", "expected"), TENANTS.values(), ids=TENANTS)
def test_another_tenant(
    make: Any,
    authority: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    own: str,
    allowed: list[str] | str | None,
    environment: dict[str, str],
    expected: str,
) -> None:
    """get_token(tenant_id=) goes to that tenant where the credential allows it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    authority.add_user("pat@outlook.example", tenant="consumers")
    credential = make(tenant_id=own, additionally_allowed_tenants=allowed)
    credential.get_token(SCOPE, tenant_id="contoso.example")
    assert authority.requests_to("devicecode")[0].tenant in {expected, authority.tenant_id}


@pytest.mark.parametrize(
    ("own", "allowed"),
    [
        ("contoso.example", None),
        ("organizations", ["fabrikam.example"]),
        ("organizations", "fabrikam.example"),
        ("common", None),
        ("common", " "),
    ],
    ids=["a tenant of its own", "a list without it", "another one as text", "common", "blank"],
)
def test_a_tenant_that_is_not_allowed(
    make: Any, authority: Emulator, own: str, allowed: list[str] | str | None
) -> None:
    """A tenant that the credential may not ask is refused before any request, with the option that allows it."""
    credential = make(tenant_id=own, additionally_allowed_tenants=allowed)
    with pytest.raises(ClientAuthenticationError, match="additionally_allowed_tenants"):
        credential.get_token(SCOPE, tenant_id="elsewhere.example")
    assert authority.requests == []


def test_a_refusal_in_one_tenant_leaves_the_other(make: Any, authority: Emulator) -> None:
    """What another tenant refuses does not end the sign-in here."""
    other = authority.add_tenant("other.example")
    credential = make(disable_automatic_authentication=True, additionally_allowed_tenants=["*"])
    credential.authenticate(scopes=[SCOPE])
    authority.faults.queue("token:refresh_token", Refuse("invalid_grant", 50020, "Not a guest."))
    with pytest.raises(AuthenticationRequiredError):
        credential.get_token(SCOPE, tenant_id=other.tenant_id)
    credential.get_token(OTHER)
    assert [request.tenant for request in authority.requests_to("token:refresh_token")] == [
        other.tenant_id,
        authority.tenant_id,
    ]


def test_cae_tokens_are_kept_apart_and_share_one_sign_in(make: Any, authority: Emulator) -> None:
    """authenticate(), then a client that asks for CAE: no second prompt, and neither gets the other's token."""
    credential = make()
    credential.authenticate(scopes=[SCOPE])
    plain = credential.get_token(SCOPE)
    cae = credential.get_token(SCOPE, enable_cae=True)
    assert (len(make.approver.prompts), authority.count("token:refresh_token")) == (1, 1)
    claims = json.loads(authority.requests_to("token:refresh_token")[0].form["claims"])
    assert claims == {"access_token": {"xms_cc": {"values": ["CP1"]}}}
    authority.reset_counters()
    assert credential.get_token(SCOPE) == plain
    assert credential.get_token(SCOPE, enable_cae=True) == cae
    assert credential.get_token_info(SCOPE, options={"enable_cae": True}).token == cae.token
    assert plain != cae
    assert authority.requests == []


def test_a_cae_sign_in_serves_others_too(make: Any, authority: Emulator) -> None:
    """The other way round, and with refresh tokens that are good once."""
    authority.configure(rotation="reject")
    credential = make()
    credential.get_token(SCOPE, enable_cae=True)
    credential.get_token(SCOPE)
    credential.get_token(OTHER, enable_cae=True)
    credential.get_token(OTHER)
    assert (len(make.approver.prompts), authority.count("token:refresh_token")) == (1, 3)


def test_a_clock_set_back_makes_tokens_suspect(make: Any, authority: Emulator, shift: Callable[[float], None]) -> None:
    """A token cached in the future is refreshed: nobody knows when it ends."""
    shift(86400)
    credential = make()
    first = credential.get_token(SCOPE)
    shift(0)
    assert credential.get_token(SCOPE) != first
    assert (authority.count("token:refresh_token"), len(make.approver.prompts)) == (1, 1)


def test_a_refresh_reply_that_names_nobody_keeps_the_account(
    make: Any, authority: Emulator, shift: Callable[[float], None]
) -> None:
    """Neither client_info nor an ID token have to come again with a refresh."""
    credential = make()
    record = credential.authenticate(scopes=[SCOPE])
    authority.faults.always("token:refresh_token", changed(client_info=None, id_token=None))
    for hours in (1, 2, 3):
        shift(hours * HOUR)
        credential.get_token(SCOPE)
    assert credential.authenticate(scopes=[SCOPE]) == record
    assert (authority.count("token:refresh_token"), len(make.approver.prompts)) == (3, 1)


def test_a_refresh_reply_with_an_id_token_alone_keeps_the_account(make: Any, authority: Emulator) -> None:
    """The ID token's subject is not a second account: the rotated refresh token is used, and a sign-out is complete."""
    authority.configure(rotation="reject")
    authority.faults.always("token:refresh_token", changed(client_info=None))
    cache = msal.SerializableTokenCache()
    credential = make(_cache=cache)
    record = credential.authenticate(scopes=[SCOPE])
    credential.get_token(OTHER)
    make(_cache=cache).get_token(THIRD)
    assert [account.home_account_id for account in credential.accounts()] == [record.home_account_id]
    assert (authority.count("token:refresh_token"), len(make.approver.prompts)) == (2, 1)
    credential.sign_out()
    assert record.username not in cache.serialize()


def test_a_refresh_reply_for_another_account_is_not_used(make: Any, authority: Emulator) -> None:
    """The token of another account is neither handed out nor stored; the user's own sign-in stays."""
    credential = make(disable_automatic_authentication=True)
    record = credential.authenticate(scopes=[SCOPE])
    other = changed(client_info=encoded({"uid": "grace", "utid": "contoso"}))
    authority.faults.queue("token:refresh_token", other)
    with pytest.raises(AuthenticationRequiredError, match="for another account"):
        credential.get_token(OTHER)
    assert [account.home_account_id for account in credential.accounts()] == [record.home_account_id]
    assert credential.get_token(THIRD).token
    assert len(make.approver.prompts) == 1


def test_a_reply_without_any_account_is_used_and_kept(make: Any, authority: Emulator) -> None:
    """A sign-in that the user finished is not thrown away; get_token stays silent afterwards."""
    authority.faults.queue("token:device_code", changed(client_info=None, id_token=None))
    credential = make()
    first = credential.get_token(SCOPE)
    assert credential.get_token(SCOPE) == first
    assert len(make.approver.prompts) == 1


def test_only_authenticate_fails_without_an_account(make: Any, authority: Emulator) -> None:
    """Authenticate has no record to return then, says so, and get_token has the token."""
    authority.faults.queue("token:device_code", changed(client_info=None, id_token=None))
    credential = make()
    with pytest.raises(ClientAuthenticationError, match="named no account"):
        credential.authenticate(scopes=[SCOPE])
    credential.get_token(SCOPE)
    assert len(make.approver.prompts) == 1


def test_a_used_up_refresh_token_is_looked_up_again(make: Any, authority: Emulator) -> None:
    """A failure is not remembered: each call that a user makes reaches the authority again."""
    credential = make()
    authority.faults.queue("devicecode", Refuse("unauthorized_client", 700016, "Unknown."))
    with pytest.raises(ClientAuthenticationError, match="AADSTS700016"):
        credential.get_token(SCOPE)
    credential.get_token(SCOPE)
    assert authority.count("devicecode") == 2


def test_get_token_info_passes_options_that_nobody_knows(make: Any) -> None:
    """Keys of ``options`` that azure-core may invent are no error."""
    assert make().get_token_info(SCOPE, options={"pop": "x"}).token


def test_the_shape_of_the_class(make: Any) -> None:
    """Clients look at what a credential has: a sync one has nothing of asyncio's, an asyncio one nothing else."""
    names = {"get_token", "get_token_info", "authenticate", "close"}
    assert names <= set(dir(make.credential_class))
    assert {inspect.iscoroutinefunction(getattr(make.credential_class, name)) for name in names} == {make.kind == "aio"}
    assert hasattr(make.credential_class, "__aenter__") == (make.kind != "sync")
    assert hasattr(make.credential_class, "__enter__") == (make.kind == "sync")


def test_whoever_waits_for_another_process_is_ready_when_its_turn_comes(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a request needs is loaded while the other one refreshes, and nothing is asked before that is over."""
    options = {"cache_persistence_options": TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=KEY)}
    make(**options).authenticate(scopes=[SCOPE])
    ready = threading.Event()

    class Loaded(MsalApplication):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            ready.set()

    monkeypatch.setattr("doorcode._entra.msal_client.MsalApplication", Loaded)
    waiting, requests = make(**options), authority.count()
    other = make(**options)._session.cache(cae=False).lease(REFRESH_LEASE, LEASE_SECONDS)
    with ThreadPoolExecutor() as pool:
        token = pool.submit(waiting.get_token, OTHER)
        assert ready.wait(PATIENCE)
        assert authority.count() == requests
        other.release()
        assert authority.verify(token.result(60).token)["aud"] == "https://s.example"
