"""Seams that programs use: a _request_token of their own, caches of their own."""

from __future__ import annotations

import base64
import json
from typing import Any

import msal
import pytest
from azure.core.exceptions import ClientAuthenticationError

from doorcode import AuthenticationRequiredError, InteractiveCredential, errors
from doorcode.emulator import Emulator
from support.signing import ADA, OTHER, SCOPE

INFO = base64.urlsafe_b64encode(json.dumps({"uid": "u", "utid": "t"}).encode()).decode()


def result(**fields: Any) -> dict[str, Any]:
    """Return a result in MSAL's shape."""
    return {
        "access_token": "own-token",
        "refresh_token": "own-refresh-token",
        "expires_in": 3600,
        "token_type": "Bearer",
        "scope": SCOPE,
        "client_info": INFO,
        "id_token_claims": {"sub": "s", "tid": "T", "preferred_username": "ada@x", "iss": "https://i.example/T/v2.0"},
        **fields,
    }


def test_an_own_sign_in(make: Any, authority: Emulator) -> None:
    """A subclass's _request_token signs in: it gets what get_token got, and its result makes token and record."""
    calls: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    def request_token(_self: object, *scopes: str, **options: Any) -> dict[str, Any]:
        calls.append((scopes, options))
        return result()

    credential = make(credential_class=make.asking(request_token))
    assert credential.get_token(SCOPE, claims="{}", enable_cae=True, mine=5).token == "own-token"
    assert calls == [((SCOPE,), {"claims": "{}", "tenant_id": authority.tenant_id, "enable_cae": True, "mine": 5})]
    assert credential.get_token(SCOPE, enable_cae=True).token == "own-token"
    record = credential.authenticate(scopes=[SCOPE], force_prompt=True)
    assert (record.home_account_id, record.tenant_id, record.username) == ("u.t", "T", "ada@x")
    assert (len(calls), authority.requests) == (2, [])


class Counted:
    """A class that a program puts beside ours, with attributes of its own."""

    def __init__(self) -> None:
        self.count = 0


def test_a_class_with_another_base(make: Any) -> None:
    """The constructor calls that of a further base, as azure-identity's does."""
    credential = make(credential_class=type("Own", (make.credential_class, Counted), {}))
    assert (credential.count, credential.get_token(SCOPE).token) == (0, credential.get_token(SCOPE).token)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("_acquire_token_silent", "Override get_token and get_token_info"),
        ("_get_app", "Override _request_token"),
        ("_get_token_base", "Override get_token and get_token_info"),
        ("_initialize_cache", "Pass cache_persistence_options"),
    ],
)
def test_a_private_method_of_azure_identitys(make: Any, name: str, instead: str) -> None:
    """A class that overrides what only azure-identity calls gets a warning with what to do, and works otherwise."""
    own = type("Own", (make.credential_class,), {name: lambda self, **_options: None})
    with pytest.warns(UserWarning, match=rf"^Own\.{name} has no effect: .* {instead}\.$") as warned:
        credential = make(credential_class=own)
    assert (len(warned), warned[0].filename.endswith("conftest.py")) == (1, True)
    assert credential.get_token(SCOPE).token


def test_the_record_as_programs_read_it(make: Any) -> None:
    """``_auth_record`` is the record of the sign-in that get_token made; a subclass may use the name for its own."""
    credential = make()
    assert make()._auth_record is None
    credential.get_token(SCOPE)
    record = credential._auth_record
    assert (record.username, credential.accounts()) == (ADA, (record,))
    assert make(authentication_record=record)._auth_record == record
    own = type("Own", (make.credential_class,), {"__init__": lambda self: setattr(self, "_auth_record", "its own")})()
    assert own._auth_record == "its own"


def test_options_that_nobody_knows_reach_it(make: Any) -> None:
    """get_token_info and authenticate pass on what they do not know, too."""
    seen: list[Any] = []

    def request_token(_self: object, *_: str, **options: Any) -> dict[str, Any]:
        seen.append(options.get("mine"))
        return result()

    credential = make(credential_class=make.asking(request_token))
    credential.get_token_info(SCOPE, options={"mine": 1})
    credential.authenticate(scopes=[SCOPE], force_prompt=True, mine=2)
    assert seen == [1, 2]


def test_its_tokens_are_refreshed_as_any(make: Any, authority: Emulator) -> None:
    """The refresh token in its result is redeemed for the next scope."""
    cache = msal.TokenCache()
    make(_cache=cache).get_token(SCOPE)
    (row,) = cache.search("RefreshToken", query={})
    ada = authority.users[ADA]
    info = base64.urlsafe_b64encode(json.dumps({"uid": ada.object_id, "utid": ada.tenant_id}).encode()).decode()

    def request_token(*_: Any, **__: Any) -> dict[str, Any]:
        return result(refresh_token=row["secret"], client_info=info)

    credential = make(credential_class=make.asking(request_token))
    credential.get_token(SCOPE)
    assert authority.verify(credential.get_token(OTHER).token)["aud"] == "https://s.example"


ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "an error": ({"error": "access_denied", "error_description": "AADSTS65004: No."}, "AADSTS65004: No."),
    "an error without words": ({"error": "invalid_grant"}, "invalid_grant"),
    "nothing": ({}, "no access token"),
    "a token of a wrong type": ({"access_token": 5}, "no access token"),
    "a token that cannot be one": ({"access_token": "a\nb"}, "no access token"),
}


@pytest.mark.parametrize(("answer", "words"), ERRORS.values(), ids=ERRORS)
def test_its_errors(make: Any, answer: dict[str, Any], words: str) -> None:
    """An error in MSAL's shape is raised like one of the authority's."""
    credential = make(credential_class=make.asking(lambda *_, **__: answer))
    with pytest.raises(ClientAuthenticationError, match=words) as caught:
        credential.get_token(SCOPE)
    assert getattr(caught.value, "error", None) == answer.get("error", "no_token")


@pytest.mark.parametrize("answer", [None, "token", ["token"]])
def test_a_result_that_is_no_dict(make: Any, answer: object) -> None:
    """MSAL's silent methods return None where they find nothing: the error names what was returned."""
    request_token: Any = lambda *_, **__: answer  # noqa: E731 - with a type that no checker accepts
    with pytest.raises(ClientAuthenticationError, match=f"_request_token returned {type(answer).__name__}, and must"):
        make(credential_class=make.asking(request_token)).get_token(SCOPE)


def test_what_it_raises_passes(make: Any) -> None:
    """Its own exceptions come out as they are."""
    mine = RuntimeError("mine")

    def request_token(*_: Any, **__: Any) -> dict[str, Any]:
        raise mine

    with pytest.raises(RuntimeError) as caught:
        make(credential_class=make.asking(request_token)).get_token(SCOPE)
    assert caught.value is mine


SPARSE: dict[str, dict[str, Any]] = {
    "no account": dict(client_info=None, id_token_claims=None),
    "no expires_in": dict(expires_in=None),
    "expires_in as text": dict(expires_in="3600"),
    "expires_in of nonsense": dict(expires_in="soon"),
    "no scope": dict(scope=None),
    "a broken client_info": dict(client_info="%"),
    "a broken ID token": dict(id_token="x.y.z"),
    "refresh_in as text": dict(refresh_in="1800", refresh_on="soon"),
}


@pytest.mark.parametrize("fields", SPARSE.values(), ids=SPARSE)
def test_a_sparse_result(make: Any, fields: dict[str, Any]) -> None:
    """What a subclass leaves out, or writes otherwise, does not lose the token."""
    answer = {name: value for name, value in result(**fields).items() if value is not None}
    credential = make(credential_class=make.asking(lambda *_, **__: dict(answer)))
    token = credential.get_token(SCOPE)
    assert token.token == "own-token"
    assert type(token.expires_on) is int


def test_the_base_class_alone(authority: Emulator) -> None:
    """A subclass of InteractiveCredential needs _request_token and nothing else."""

    class Own(InteractiveCredential):
        def _request_token(self, *scopes: str, **options: Any) -> dict[str, Any]:
            return result()

    with Own(client_id="mine", authority=authority.url, disable_instance_discovery=True) as credential:
        assert credential.get_token(SCOPE).token == "own-token"
        assert credential.authenticate(scopes=[SCOPE]).client_id == "mine"


def test_it_is_not_asked_where_nobody_may_be(make: Any) -> None:
    """disable_automatic_authentication holds for a subclass."""
    calls: list[int] = []

    def request_token(*_: Any, **__: Any) -> dict[str, Any]:
        calls.append(1)
        return result()

    own = make.asking(request_token)
    with pytest.raises(AuthenticationRequiredError):
        make(credential_class=own, disable_automatic_authentication=True).get_token(SCOPE)
    assert calls == []


def test_own_caches(make: Any, authority: Emulator) -> None:
    """``_cache`` and ``_cae_cache`` are used, each for its tokens, as MSAL itself would read them."""
    cache, cae_cache = msal.TokenCache(), msal.TokenCache()
    credential = make(_cache=cache, _cae_cache=cae_cache)
    plain = credential.get_token(SCOPE)
    assert [row["secret"] for row in cache.search("AccessToken", target=[SCOPE], query={})][:1] == [plain.token]
    assert list(cae_cache.search("AccessToken", query={})) == []
    cae = credential.get_token(SCOPE, enable_cae=True)
    assert cae.token in [row["secret"] for row in cae_cache.search("AccessToken", query={})]
    (account,) = cache.search("Account", query={})
    assert account["username"] == ADA
    application = msal.PublicClientApplication(
        "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
        authority=f"{authority.url}/{authority.tenant_id}",
        token_cache=cache,
        instance_discovery=False,
        http_client=Answering(authority),
    )
    silent = application.acquire_token_silent([SCOPE], account=application.get_accounts()[0])
    assert silent["access_token"] == plain.token


class Answering:
    """MSAL's HTTP client, for the page that it wants first."""

    def __init__(self, authority: Emulator) -> None:
        self._authority = authority

    def get(self, url: str, **_: Any) -> Any:
        import requests

        return requests.get(url, verify=self._authority.ca_file, timeout=10)

    def post(self, *_: Any, **__: Any) -> Any:
        message = "a cached token needs no request"
        raise AssertionError(message)

    def close(self) -> None:
        pass


def test_two_accounts_in_one_cache(make: Any, authority: Emulator) -> None:
    """Without a record nobody guesses which account is meant; the error names them and the way out."""
    cache = msal.TokenCache()
    records = []
    for person in ("ada@contoso.example", "grace@contoso.example"):
        make.person = person
        records.append(make(_cache=cache).authenticate(scopes=[SCOPE]))
    credential = make(_cache=cache, disable_automatic_authentication=True)
    with pytest.raises(errors.AuthenticationRequiredError, match=r"Several accounts.*ada@.*grace@"):
        credential.get_token(SCOPE)
    for record in records:
        chosen = make(_cache=cache, authentication_record=record, disable_automatic_authentication=True)
        assert authority.verify(chosen.get_token(SCOPE).token)["upn"] == record.username
