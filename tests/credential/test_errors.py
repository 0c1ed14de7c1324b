"""What is raised: final at once, with the authority's fields and one next step, and caught as azure-identity's too."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import azure.identity
import pytest
from azure.core.exceptions import ClientAuthenticationError

import doorcode
from doorcode import TokenCachePersistenceOptions, errors
from doorcode.emulator import Decline, Emulator, Expire, Pending, Refuse, Reply
from support.signing import SCOPE, changed, outcome

FINAL: dict[str, tuple[Any, type[Exception], str]] = {
    "declined": (Decline(), errors.SignInDeclinedError, "The user declined"),
    "access_denied": (Refuse("access_denied", 65004, "No."), errors.SignInDeclinedError, "The sign-in was denied"),
    "expired_token": (Expire(), errors.CodeExpiredError, "The code expired before the user"),
    "code_expired": (Refuse("code_expired", 70019, "Over."), errors.CodeExpiredError, "The code expired before"),
    "bad_verification_code": (
        Refuse("bad_verification_code", 70018, "Unknown."), errors.AuthenticationFailedError, "does not know",
    ),
    "invalid_client, with 401": (
        Refuse("invalid_client", 7000218, "Not public.", status=401), errors.AuthenticationFailedError, "AADSTS7000218",
    ),
    "invalid_grant": (Refuse("invalid_grant", 50020, "Guest."), errors.AuthenticationFailedError, "AADSTS50020: "),
    "something new": (Refuse("something_new", None, "New."), errors.AuthenticationFailedError, "New."),
    "with status 200": (
        Refuse("invalid_grant", 50020, "Guest.", status=200), errors.AuthenticationFailedError, "AADSTS50020: Guest.",
    ),
    "an object": (
        Reply(400, b'{"error": {"code": "Bad", "message": "Nested."}}', "application/json"),
        errors.AuthenticationFailedError,
        "Nested.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "kind", "words"), FINAL.values(), ids=FINAL)
def test_final_errors_end_at_once(
    make: Any, authority: Emulator, fault: Any, kind: type[Exception], words: str
) -> None:
    """After a final error no poll follows and no second prompt; the words are the authority's."""
    authority.faults.queue("token:device_code", Pending(), fault)
    with pytest.raises(kind, match=words) as caught:
        make().get_token(SCOPE)
    assert isinstance(caught.value, ClientAuthenticationError)
    assert (authority.count("token"), len(make.approver.prompts), authority.count("devicecode")) == (2, 1, 1)


ADVICE = {
    7000218: "Allow public client flows",
    53003: "InteractiveBrowserCredential",
    50199: "device code flow",
    700016: "client_id",
    90002: "tenant_id",
    50059: "tenant_id",
    50020: "tenant_id",
    70020: "new code",
}


@pytest.mark.parametrize(("number", "words"), ADVICE.items(), ids=map(str, ADVICE))
def test_the_text_ends_with_one_next_step(make: Any, authority: Emulator, number: int, words: str) -> None:
    """What people really meet has a line of advice behind the authority's words."""
    authority.faults.queue("token:device_code", Refuse("invalid_grant", number, "Said."))
    with pytest.raises(ClientAuthenticationError, match=f"AADSTS{number}: Said.") as caught:
        make().get_token(SCOPE)
    assert words in str(caught.value).splitlines()[-1]
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("scope", ["https://vault.azure.net", "https://vault.azure.net/"])
def test_a_scope_without_a_permission(make: Any, scope: str) -> None:
    """The scope that was meant is written out, whatever else the authority says."""
    with pytest.raises(ClientAuthenticationError) as caught:
        make().get_token(scope)
    assert str(caught.value).splitlines()[-1] == f"Ask for 'https://vault.azure.net/.default' instead of {scope!r}."


@pytest.mark.parametrize("others", [["https://vault.azure.net/read"], ["https://vault.azure.net/a", "openid"]])
def test_the_default_beside_permissions(make: Any, others: list[str]) -> None:
    """The advice says that the default stands alone, and which scopes to ask for."""
    with pytest.raises(ClientAuthenticationError) as caught:
        make().get_token(*others, "https://vault.azure.net/.default")
    last = str(caught.value).splitlines()[-1]
    assert last.startswith("'/.default' stands alone: ask for 'https://vault.azure.net/.default' only, or")


def test_the_fields_of_an_error(make: Any, authority: Emulator) -> None:
    """Everything the authority said can be read, and the reply is like azure-core's."""
    refusal = Refuse("interaction_required", 50076, "MFA.", suberror="basic_action", claims={"id_token": {}})
    authority.faults.queue("token:device_code", refusal)
    with pytest.raises(ClientAuthenticationError) as caught:
        make().get_token(SCOPE)
    error: Any = caught.value
    assert (error.error, error.error_codes, error.suberror) == ("interaction_required", (50076,), "basic_action")
    assert error.error_description.startswith("AADSTS50076: MFA. Trace ID: ")
    assert error.trace_id in error.error_description
    assert error.correlation_id in error.error_description
    assert error.timestamp in error.error_description
    assert error.claims == '{"id_token": {}}'
    assert (error.status_code, error.reason) == (400, "Bad Request")
    response = error.response
    assert (response.status_code, response.reason, response.request.method) == (400, "Bad Request", "POST")
    assert response.request.url.endswith("/oauth2/v2.0/token")
    assert response.headers["content-type"] == response.headers["Content-Type"] == response.content_type
    assert response.json()["error_codes"] == [50076]
    assert response.text() == response.text("utf-8") == response.content.decode()
    assert error.message == str(error)


def test_the_correlation_id_is_the_requests(make: Any, authority: Emulator) -> None:
    """One ID finds the whole sign-in in the tenant's logs."""
    authority.faults.queue("token:device_code", Refuse("invalid_grant", 50020, "Guest."))
    with pytest.raises(ClientAuthenticationError) as caught:
        make().get_token(SCOPE)
    sent = {request.headers["client-request-id"] for request in authority.requests if request.method == "POST"}
    assert sent == {getattr(caught.value, "correlation_id", None)}


def test_no_secret_is_ever_sent(make: Any, authority: Emulator) -> None:
    """A public client has no client_secret and no assertion."""
    make().get_token(SCOPE)
    names = {name for request in authority.requests for name in request.form}
    # MSAL sends the device code under its former name as well.
    assert names == {"client_id", "client_info", "code", "device_code", "grant_type", "scope"}


def test_an_error_without_a_reply() -> None:
    """Where the authority said nothing the fields are empty."""
    error = errors.AuthenticationFailedError("Words.")
    fields = ("error", "error_description", "suberror", "correlation_id", "trace_id", "timestamp", "claims", "response")
    assert [getattr(error, name) for name in fields] == [None] * len(fields)
    assert (str(error), error.message, error.error_codes) == ("Words.", "Words.", ())


def test_programs_may_raise_them_themselves() -> None:
    """The two public errors take the arguments that azure-identity's take."""
    unavailable_error = doorcode.CredentialUnavailableError(message="Not here.")
    required = doorcode.AuthenticationRequiredError([SCOPE], message="Ask.", claims="{}")
    assert (str(unavailable_error), str(required)) == ("Not here.", "Ask.")
    assert (required.scopes, required.claims) == ([SCOPE], "{}")
    assert "Call 'authenticate'" in str(doorcode.AuthenticationRequiredError([SCOPE]))


def replied(error: Any) -> Any:
    """Return what the reply of an error holds, or None."""
    return error.response and error.response.json()


def test_they_can_be_pickled_and_copied(make: Any, authority: Emulator) -> None:
    """An error crosses processes with its class, words and fields; the joined class as ours."""
    authority.faults.queue("token:device_code", Refuse("invalid_grant", 50020, "Guest."))
    failed: Any = outcome(lambda: make().get_token(SCOPE))
    required: Any = outcome(lambda: make(disable_automatic_authentication=True).get_token(SCOPE, claims="{}"))
    for error in (failed, required):
        for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own
            assert isinstance(error, type(twin))
            assert type(twin).__module__ == "doorcode.errors"
            assert (str(twin), twin.error, twin.error_codes) == (str(error), error.error, error.error_codes)
            assert (twin.status_code, twin.reason) == (error.status_code, error.reason)
            assert replied(twin) == replied(error)
    assert replied(failed)["error"] == "invalid_grant"
    twin = pickle.loads(pickle.dumps(required))  # noqa: S301 - our own
    assert (tuple(twin.scopes), twin.claims) == ((SCOPE,), "{}")


class Other:
    """The next credential of a chain."""

    def get_token(self, *_: str, **__: Any) -> Any:
        from azure.core.credentials import AccessToken

        return AccessToken("next", 2**31)


def test_azure_identitys_chain_moves_on(make: Any) -> None:
    """ChainedTokenCredential takes our unavailable credential for one of its own."""
    if make.kind == "sync":
        chain = azure.identity.ChainedTokenCredential(make(disable_automatic_authentication=True), Other())
        assert chain.get_token(SCOPE).token == "next"


class Absent(doorcode.CredentialUnavailableError):
    """A program's own."""

    def __init__(self, place: str) -> None:
        super().__init__(f"not in {place}")


class AbsentInBoth(doorcode.CredentialUnavailableError, azure.identity.CredentialUnavailableError):
    """A program's own, which derives from azure-identity's class already."""


RAISED: dict[str, Any] = {
    "unavailable": lambda: doorcode.CredentialUnavailableError(message="not in a"),
    "the class": lambda: doorcode.CredentialUnavailableError,
    "required": lambda: doorcode.AuthenticationRequiredError([SCOPE], "not in a"),
    "no cache": lambda: errors.CacheUnavailableError("not in a"),
    "of the program's own class": lambda: Absent("a"),
    "of both libraries": lambda: AbsentInBoth("not in a"),
}


@pytest.mark.parametrize("raised", RAISED.values(), ids=RAISED)
def test_the_chain_moves_on_where_the_program_raises_them(raised: Any) -> None:
    """A credential of the program's that raises doorcode's error is one that a chain of azure-identity passes over."""

    def get_token(*_: object, **__: object) -> None:
        raise raised()

    chain = azure.identity.ChainedTokenCredential(Mock(spec=["get_token"], get_token=get_token), Other())
    assert chain.get_token(SCOPE).token == "next"


def test_an_error_of_a_programs_own_class() -> None:
    """It is what the program made of it, and can be caught as what it derives from."""
    with pytest.raises(Absent, match="^not in a$") as caught:
        raise Absent("a")
    assert isinstance(caught.value, azure.identity.CredentialUnavailableError)
    assert (type(caught.value).__name__, caught.value.message, caught.value.args) == (
        "Absent",
        "not in a",
        ("not in a",),
    )


def test_azure_identitys_except_clauses_catch_ours(make: Any) -> None:
    """With azure.identity imported, what we raise is an instance of its classes too, with our own words."""
    credential = make(disable_automatic_authentication=True)
    with pytest.raises(azure.identity.AuthenticationRequiredError, match="Call 'authenticate'") as caught:
        credential.get_token(SCOPE)
    assert isinstance(caught.value, azure.identity.CredentialUnavailableError)
    assert isinstance(caught.value, doorcode.AuthenticationRequiredError)
    assert (tuple(caught.value.scopes), caught.value.claims) == ((SCOPE,), None)
    with pytest.raises(azure.identity.CredentialUnavailableError, match="'scopes'"):
        make(authority="login.example").authenticate()
    assert type(doorcode.CredentialUnavailableError("x")) is type(doorcode.CredentialUnavailableError("y"))


ALIASES = {
    "doorcode itself": lambda: doorcode,
    "a module of its names": lambda: SimpleNamespace(**{name: getattr(doorcode, name) for name in doorcode.__all__}),
    "a module with one of them": lambda: SimpleNamespace(
        CredentialUnavailableError=doorcode.CredentialUnavailableError,
        AuthenticationRequiredError=azure.identity.AuthenticationRequiredError,
    ),
    "a module with subclasses of ours": lambda: SimpleNamespace(
        CredentialUnavailableError=type("Mine", (doorcode.CredentialUnavailableError,), {}),
        AuthenticationRequiredError=type("Mine", (doorcode.AuthenticationRequiredError,), {}),
    ),
    "a mock": Mock,
    "nothing": lambda: None,
}


@pytest.mark.parametrize("alias", ALIASES.values(), ids=ALIASES)
def test_doorcode_in_the_place_of_azure_identity(make: Any, monkeypatch: pytest.MonkeyPatch, alias: Any) -> None:
    """A program that puts doorcode, or names of it, in azure.identity's place gets our errors."""
    monkeypatch.setitem(sys.modules, "azure.identity", alias())
    with pytest.raises(doorcode.AuthenticationRequiredError, match="Call 'authenticate'"):
        make(disable_automatic_authentication=True).get_token(SCOPE)
    with pytest.raises(doorcode.CredentialUnavailableError, match="'scopes'"):
        make(authority="login.example").authenticate()


def test_a_chain_moves_on_where_no_cache_can_be_used(make: Any, tmp_path: Path) -> None:
    """A credential whose cache is no good is one that cannot even try: azure-identity's chain goes on."""

    def key() -> bytes:
        raise KeyError("SIGN_IN_KEY")

    options = TokenCachePersistenceOptions(path=tmp_path / "cache", encryption_key=key)
    credential = make(cache_persistence_options=options)
    with pytest.raises(errors.CacheUnavailableError) as caught:
        credential.get_token(SCOPE)
    assert isinstance(caught.value, azure.identity.CredentialUnavailableError)
    assert isinstance(caught.value, ValueError)
    if make.kind == "sync":
        assert azure.identity.ChainedTokenCredential(credential, Other()).get_token(SCOPE).token == "next"


def test_a_joined_error_has_our_message(make: Any, authority: Emulator) -> None:
    """The message of a refused refresh is not replaced by azure-identity's default."""
    credential = make(disable_automatic_authentication=True)
    credential.authenticate(scopes=[SCOPE])
    authority.revoke("ada@contoso.example")
    with pytest.raises(azure.identity.AuthenticationRequiredError, match="AADSTS50173") as caught:
        credential.get_token("https://s.example/.default")
    assert caught.value.message == str(caught.value)


WITHOUT = """
import sys
from doorcode import AuthenticationRequiredError, CredentialUnavailableError, DeviceCodeCredential
credential = DeviceCodeCredential(disable_automatic_authentication=True, authority="login.example")
try:
    credential.get_token("https://r.example/.default")
except AuthenticationRequiredError as error:
    assert type(error) is AuthenticationRequiredError
try:
    credential.authenticate()
except CredentialUnavailableError as error:
    assert type(error) is CredentialUnavailableError
print([name for name in sys.modules if name.startswith("azure.identity")])
"""
WITH = """
from doorcode import DeviceCodeCredential
credential = DeviceCodeCredential(disable_automatic_authentication=True)
import azure.identity
try:
    credential.get_token("https://r.example/.default")
except azure.identity.AuthenticationRequiredError as error:
    print(isinstance(error, azure.identity.CredentialUnavailableError))
"""


@pytest.mark.parametrize(("program", "expected"), [(WITHOUT, "[]"), (WITH, "True")], ids=["never imported", "imported"])
def test_azure_identity_is_looked_up_and_never_imported(program: str, expected: str) -> None:
    """In a process of its own: nothing of azure.identity is loaded, or its classes are found when we raise."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.returncode) == (expected, 0)


ODD_ERRORS: dict[str, Any] = {
    "numbers as text": changed(error_codes=["50020", "x", None, -1, 10**30]),
    "everything a list": changed(error_description=[], suberror=[], trace_id=[], timestamp={}, correlation_id=5),
    "claims that are no JSON": changed(claims="{"),
    "a description without end": changed(error_description="A" * 100_000),
    "escape sequences": changed(error_description="\x1b[31mred\x07\r\nnext", suberror="\x00"),
}


@pytest.mark.parametrize("fault", ODD_ERRORS.values(), ids=ODD_ERRORS)
def test_an_odd_error_is_still_an_error(make: Any, authority: Emulator, fault: Any) -> None:
    """Whatever else an error reply holds, it ends the flow as what it is, in words that can be printed."""
    authority.add_application("private", public_client=False)
    authority.faults.queue("devicecode", fault)
    with pytest.raises(ClientAuthenticationError) as caught:
        make(client_id="private").get_token(SCOPE)
    error: Any = caught.value
    assert error.error == "invalid_client"
    assert len(str(error)) < 3000
    assert str(error).replace("\n", "").isprintable()
    assert all(isinstance(code, int) for code in error.error_codes)
