"""authenticate: a user signs in now, and the record says who it was."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from doorcode import AuthenticationRecord, AzureAuthorityHosts, CredentialUnavailableError, errors
from doorcode.emulator import Decline, Emulator, Refuse
from support.held_store import HeldStore
from support.signing import ADA, GRACE, OTHER, PATIENCE, SCOPE, start

CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


def test_without_scopes_at_the_emulator(make: Any, authority: Emulator) -> None:
    """The emulator stands for the public cloud: what runs there without scopes runs here."""
    assert make().authenticate().username
    assert (
        authority.requests_to("devicecode")[0].form["scope"].startswith("https://management.core.windows.net//.default")
    )


def test_the_record_says_who_signed_in(make: Any, authority: Emulator) -> None:
    """The record has the account's own ID, its name, tenant, application, and the authority with its port."""
    ada = authority.users[ADA]
    record = make().authenticate(scopes=[SCOPE])
    expected = AuthenticationRecord(authority.tenant_id, CLIENT, authority.host, ada.home_account_id, ADA)
    assert isinstance(record, AuthenticationRecord)
    assert record == expected


def test_its_token_serves_get_token(make: Any, authority: Emulator) -> None:
    """Successful authentication caches an access token for the scopes."""
    credential = make()
    credential.authenticate(scopes=iter([SCOPE]))
    authority.reset_counters()
    credential.get_token(SCOPE)
    assert authority.requests == []


ARM = {
    AzureAuthorityHosts.AZURE_PUBLIC_CLOUD: "https://management.core.windows.net//.default",
    AzureAuthorityHosts.AZURE_GOVERNMENT: "https://management.core.usgovcloudapi.net//.default",
    AzureAuthorityHosts.AZURE_CHINA: "https://management.core.chinacloudapi.cn//.default",
}


@pytest.mark.parametrize(("cloud", "scope"), ARM.items(), ids=ARM)
def test_without_scopes_it_asks_for_the_clouds_resource_manager(make: Any, cloud: str, scope: str) -> None:
    """The default scope is the cloud's ARM, with its two slashes."""
    asked: list[str] = []

    def request_token(_self: object, *scopes: str, **_: object) -> dict[str, Any]:
        asked.extend(scopes)
        return {"error": "access_denied"}

    with pytest.raises(ClientAuthenticationError):
        make(credential_class=make.asking(request_token), authority=cloud).authenticate()
    assert asked == [scope]


def test_without_scopes_at_an_unknown_authority(make: Any, authority: Emulator) -> None:
    """Where the scopes are not known the error asks for them, and nobody else."""
    with pytest.raises(CredentialUnavailableError, match="'scopes'"):
        make(authority="login.example").authenticate()
    assert authority.requests == []


def test_a_credential_without_a_record_asks(make: Any) -> None:
    """An account that happens to be in the cache is not adopted silently by authenticate."""
    cache = _cache_after_sign_in(make)
    make(_cache=cache).authenticate(scopes=[SCOPE])
    assert len(make.approver.prompts) == 2


def test_a_credential_with_a_record_is_silent(make: Any, authority: Emulator) -> None:
    """With a record of its own or a given one, and a token to be had silently, nobody is asked."""
    import msal

    cache = msal.TokenCache()
    first = make(_cache=cache)
    record = first.authenticate(scopes=[SCOPE])
    authority.reset_counters()
    assert first.authenticate(scopes=[SCOPE]) == record
    assert authority.requests == []
    assert first.authenticate(scopes=[OTHER]) == record
    assert make(_cache=cache, authentication_record=record).authenticate(scopes=[OTHER]) == record
    assert len(make.approver.prompts) == 1


def test_a_record_that_no_token_belongs_to_asks(make: Any) -> None:
    """A record alone signs nobody in."""
    record = make().authenticate(scopes=[SCOPE])
    assert make(authentication_record=record).authenticate(scopes=[SCOPE]) == record
    assert len(make.approver.prompts) == 2


def test_force_prompt_changes_the_account(make: Any, authority: Emulator) -> None:
    """With force_prompt the user is asked, whoever signs in is adopted, and the former's tokens are not used."""
    credential = make()
    credential.authenticate(scopes=[SCOPE])
    former = credential.get_token(SCOPE)
    credential.get_token(OTHER)
    make.person = GRACE
    record = credential.authenticate(scopes=[SCOPE], force_prompt=True)
    assert record.username == GRACE
    assert credential.get_token(SCOPE) != former
    for scope in (SCOPE, OTHER):
        assert authority.verify(credential.get_token(scope).token)["upn"] == GRACE


def test_it_asks_where_get_token_may_not(make: Any) -> None:
    """disable_automatic_authentication does not apply to authenticate."""
    credential = make(disable_automatic_authentication=True)
    assert credential.authenticate(scopes=[SCOPE]).username == ADA
    assert credential.get_token(SCOPE).token


def test_arguments_reach_the_request(make: Any, authority: Emulator) -> None:
    """claims, tenant_id and enable_cae do for a sign-in what they do for a token."""
    other = authority.add_tenant("other.example")
    authority.add_user("guest@other.example", tenant=other.tenant_id)
    credential = make(additionally_allowed_tenants=["*"])
    claims = '{"id_token": {"auth_time": {"essential": true}}}'
    record = credential.authenticate(scopes=[SCOPE], tenant_id=other.tenant_id, claims=claims, enable_cae=True)
    form = authority.requests_to("devicecode")[0].form
    assert '"auth_time"' in form["claims"]
    assert '"CP1"' in form["claims"]
    assert record.tenant_id == other.tenant_id


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Decline(), errors.SignInDeclinedError, "The user declined"),
        (Refuse("invalid_client", 7000218, "No.", status=401), errors.AuthenticationFailedError, "public client flows"),
    ],
    ids=["declined", "refused"],
)
def test_a_failure(make: Any, authority: Emulator, fault: Any, kind: type[Exception], words: str) -> None:
    """The error says why, and the next try is a new one."""
    authority.faults.queue("token:device_code", fault)
    credential = make()
    with pytest.raises(kind, match=words):
        credential.authenticate(scopes=[SCOPE])
    assert credential.authenticate(scopes=[SCOPE]).username == ADA


BAD = {
    "text": ("https://r/.default", TypeError, "as a list"),
    "not text": ([1], TypeError, "'authenticate' takes scopes as strings"),
    "nothing in it": (iter(()), ValueError, "'authenticate' requires at least one scope"),
    "blank": ([" "], ValueError, "empty scope"),
    "no list": (5, TypeError, "as a list"),
}


@pytest.mark.parametrize(("scopes", "kind", "words"), BAD.values(), ids=BAD)
def test_bad_scopes(make: Any, authority: Emulator, scopes: Any, kind: type[Exception], words: str) -> None:
    """Scopes that cannot be right are refused before anybody is asked."""
    with pytest.raises(kind, match=words):
        make().authenticate(scopes=scopes)
    assert authority.requests == []


def test_an_account_adopted_silently_does_not_stay(make: Any, authority: Emulator) -> None:
    """After authenticate by somebody else, no token of the account that was found in the cache is handed out."""
    credential = make(_cache=_cache_after_sign_in(make))
    credential.get_token(SCOPE)
    credential.get_token(OTHER)
    make.person = GRACE
    assert credential.authenticate(scopes=[SCOPE]).username == GRACE
    assert authority.verify(credential.get_token(OTHER).token)["upn"] == GRACE


def _cache_after_sign_in(make: Any) -> Any:
    import msal

    cache = msal.TokenCache()
    make(_cache=cache).get_token(SCOPE)
    return cache


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("scope", "scopes"),
        ("Scopes", "scopes"),
        ("resource", "scopes"),
        ("claim", "claims"),
        ("tenant", "tenant_id"),
        ("tenantId", "tenant_id"),
        ("enableCae", "enable_cae"),
        ("force", "force_prompt"),
        ("loginHint", "login_hint"),
    ],
)
def test_a_misspelt_keyword_is_refused(make: Any, authority: Emulator, name: str, meant: str) -> None:
    """Otherwise the user would sign in for another resource or tenant than the program means."""
    with pytest.raises(TypeError, match=rf"^authenticate\(\) has no keyword '{name}'\. Did you mean {meant}\?$"):
        make().authenticate(**{name: [SCOPE]})
    assert authority.requests == []


def test_keywords_without_an_effect(make: Any, authority: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """azure-core's clients may pass keywords of their own: a line at DEBUG names them, and no value."""
    credential = make()
    with caplog.at_level("DEBUG", "doorcode"):
        credential.authenticate(scopes=[SCOPE], user_data="s3cret", login_hint=ADA)
        assert credential.get_token(SCOPE, tenant="s3cret").token
    said = [record.getMessage() for record in caplog.records if "ignores" in record.getMessage()]
    assert [line.partition(": ")[2] for line in said] == [
        "authenticate ignores what it does not know: user_data",
        "get_token ignores what it does not know: tenant",
    ]
    assert "s3cret" not in caplog.text
    assert authority.count("devicecode") == 1


def test_a_programs_own_request_token_takes_keywords_of_its_own(make: Any) -> None:
    """Only the program knows them."""
    seen: list[object] = []

    def request_token(*_scopes: str, **kwargs: Any) -> Any:
        seen.append(kwargs.get("scope"))
        raise ClientAuthenticationError("no")

    with pytest.raises(ClientAuthenticationError):
        make(credential_class=make.asking(request_token)).authenticate(scopes=[SCOPE], scope="mine")
    assert seen == ["mine"]


@pytest.mark.parametrize("method", ["authenticate", "get_token"])
def test_cancelling_comes_too_late_while_the_tokens_are_stored(
    make: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """The credential uses their account from here on, so the call does not say that the sign-in was cancelled."""
    store = HeldStore(monkeypatch)
    credential = make()
    calls = {
        "authenticate": lambda: credential.authenticate(scopes=[SCOPE]),
        "get_token": lambda: credential.get_token(SCOPE),
    }
    call = start(calls[method])
    assert store.storing.wait(PATIENCE)
    credential.cancel()
    store.release()
    assert call.result(PATIENCE)
    assert credential.get_token(SCOPE).token
    assert len(make.approver.prompts) == 1
