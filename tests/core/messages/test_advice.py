from __future__ import annotations

import pytest

from doorcode._core.messages.advice import (
    BY_CODE,
    BY_CODE_ELSEWHERE,
    BY_ERROR,
    BY_KIND,
    PERSONAL_TENANT,
    Advice,
    advice,
    explain,
    remedy,
)
from doorcode._core.messages.error_context import ErrorContext, GrantType
from doorcode._core.replies.faults import Endpoint, Fault, FaultKind
from doorcode._core.replies.service_errors import ServiceError

MET = {
    53003: "InteractiveBrowserCredential",
    53000: "InteractiveBrowserCredential",
    50005: "InteractiveBrowserCredential",
    50196: "one credential",
    50199: "Confirm in the browser",
    7000218: "Allow public client flows",
    70002: "Allow public client flows",
    50020: "tenant_id=",
    70019: "new code",
    70020: "new code",
    70016: "browser",
    70018: "exactly as shown",
    65001: "consent",
    65004: "accept",
    50076: "authenticate()",
    50079: "https://aka.ms/mfasetup",
    50173: "authenticate()",
    54005: "the request that redeemed it",
    700082: "authenticate()",
    700016: "client_id",
    90002: "tenant_id",
    50059: "tenant_id=",
    50105: "assign",
    16000: "another account",
    16001: "another account",
    16002: "another account",
    16003: "tenant_id=",
    9002331: 'tenant_id="consumers"',
    70000: 'tenant_id="consumers"',
}


@pytest.mark.parametrize(("code", "words"), MET.items())
def test_what_people_meet(code: int, words: str) -> None:
    """Each code that people meet has a next step of its own."""
    assert words in str(advice(ServiceError("invalid_grant", codes=(code,))))


@pytest.mark.parametrize(("error", "words"), [("expired_token", "new code"), ("invalid_client", "public client flows")])
def test_errors_without_a_code(error: str, words: str) -> None:
    """The OAuth error is enough where no code came with it."""
    assert words in str(advice(ServiceError(error)))


@pytest.mark.parametrize("kind", FaultKind)
def test_trouble_without_an_answer(kind: FaultKind) -> None:
    """Every kind of trouble has a next step, unless the fault knows a better one."""
    assert remedy(Fault(kind, Endpoint.TOKEN, "It failed")) == BY_KIND[kind]
    assert remedy(Fault(kind, Endpoint.TOKEN, "It failed", step="Do this.")) == "Do this."


def test_the_first_known_code_counts() -> None:
    """Codes that nobody knows are passed over, and a code says more than an error."""
    assert advice(ServiceError("access_denied", codes=(1, 90002, 53003))) == BY_CODE[90002].step
    assert advice(ServiceError("unauthorized_client", codes=(1,))) == BY_ERROR["unauthorized_client"].step


@pytest.mark.parametrize("grant", [None, *GrantType])
def test_a_refusal_of_the_authority_is_not_a_refusal_of_the_user(grant: GrantType | None) -> None:
    """A policy whose code is unknown is not answered with the advice to accept; a user who refused is."""
    assert advice(ServiceError("access_denied", codes=(530003,)), ErrorContext(grant)) is None
    assert advice(ServiceError("access_denied"), ErrorContext(grant)) == BY_ERROR["access_denied"].step
    assert (
        advice(ServiceError("authorization_declined", codes=(1,)), ErrorContext(grant))
        == BY_ERROR["access_denied"].step
    )


def test_no_advice() -> None:
    """Where nothing better is known, nothing is said."""
    assert advice(ServiceError("server_error", codes=(90033,))) is None
    assert explain(ServiceError("server_error")) == "server_error"


@pytest.mark.parametrize(
    ("home_account_id", "description"),
    [(f"u.{PERSONAL_TENANT}", ""), (None, f"No user of tenant {PERSONAL_TENANT}")],
    ids=["by account", "by words"],
)
def test_personal_accounts(home_account_id: str | None, description: str) -> None:
    """A personal account whose refresh token is refused is told the endpoint that works."""
    error = ServiceError("invalid_grant", description, codes=(70000,))
    assert (
        advice(error, ErrorContext(home_account_id=home_account_id)) == 'Pass tenant_id="consumers" and sign in again.'
    )


def test_explain() -> None:
    """The long text has the service's words, what they mean, what to do, and what support asks for."""
    error = ServiceError(
        "invalid_grant", "AADSTS90002: No tenant.", (90002,), correlation_id="c", trace_id="t", timestamp="2026-01-01"
    )
    assert explain(error) == "\n".join(
        [
            "invalid_grant: AADSTS90002: No tenant.",
            "",
            BY_CODE[90002].meaning,
            f"What to do: {BY_CODE[90002].step}",
            "More: https://login.microsoftonline.com/error?code=90002",
            "Correlation ID: c",
            "Trace ID: t",
            "Timestamp: 2026-01-01",
        ]
    )


@pytest.mark.parametrize("grant", GrantType)
@pytest.mark.parametrize("code", BY_CODE_ELSEWHERE)
def test_advice_knows_the_flow(code: int, grant: GrantType) -> None:
    """Nobody who has signed in in a browser is sent to a browser, or told to enter a code."""
    said = explain(ServiceError("access_denied", codes=(code,)), ErrorContext(grant))
    about_codes = [words for words in ("InteractiveBrowserCredential", "device code", "the code") if words in said]
    assert bool(about_codes) == (grant is GrantType.DEVICE_CODE)


LIFETIMES = {None: "15 minutes", 900.0: "15 minutes", 180.0: "3 minutes", 119.0: "119 seconds", 5.0: "5 seconds"}


@pytest.mark.parametrize("error", ["expired_token", "code_expired", "70019", "70020"])
@pytest.mark.parametrize(("expires_in", "words"), LIFETIMES.items(), ids=map(str, LIFETIMES))
def test_advice_knows_how_long_the_code_lived(expires_in: float | None, words: str, error: str) -> None:
    """A code that lives for three minutes is not called one of fifteen."""
    said = ServiceError("invalid_grant", codes=(int(error),)) if error.isdigit() else ServiceError(error)
    context = ErrorContext(GrantType.DEVICE_CODE, expires_in=expires_in)
    assert advice(said, context) == f"Call again for a new code, and enter it within its {words}."


def test_a_user_who_declined_is_told_nothing_about_codes() -> None:
    """What comes with authorization_declined is the code of a device code that is over."""
    error = ServiceError("authorization_declined", "AADSTS70020: declined.", (70020, 53003))
    assert advice(error) == BY_ERROR["authorization_declined"].step
    assert "code=70020" not in explain(error)
    assert "lived" not in explain(error)


MISSPELT = {
    "https://vault.azure.net": "https://vault.azure.net/.default",
    "https://vault.azure.net/": "https://vault.azure.net/.default",
    "https://vault.azure.net/default": "https://vault.azure.net/.default",
    "https://vault.azure.net/.default/": "https://vault.azure.net/.default",
    "api://c0de0000-0000-4000-8000-00000000c0de": "api://c0de0000-0000-4000-8000-00000000c0de/.default",
    "c0de0000-0000-4000-8000-00000000c0de": "c0de0000-0000-4000-8000-00000000c0de/.default",
}


@pytest.mark.parametrize("grant", GrantType)
@pytest.mark.parametrize("error", [ServiceError("invalid_scope"), ServiceError("invalid_request", codes=(70011,))])
@pytest.mark.parametrize(("scope", "right"), MISSPELT.items(), ids=MISSPELT)
def test_a_scope_without_a_permission(scope: str, right: str, error: ServiceError, grant: GrantType) -> None:
    """The mistake is named, and the scope that was meant is written out."""
    context = ErrorContext(grant, ("openid", scope))
    assert advice(error, context) == f"Ask for {right!r} instead of {scope!r}."
    assert f"The scope {scope!r} is not a resource's full address, a slash and a permission." in explain(error, context)


RIGHT = ("https://vault.azure.net/.default", "https://graph.microsoft.com/User.Read", "User.Read", "api://x/read",
         "https://management.core.windows.net//.default", "c0de0000-0000-4000-8000-00000000c0de/.default")  # fmt: skip


@pytest.mark.parametrize("scope", RIGHT)
def test_a_scope_that_may_be_right_is_not_corrected(scope: str) -> None:
    """The advice is then about scopes in general."""
    assert advice(ServiceError("invalid_scope", codes=(70011,)), ErrorContext(scopes=(scope,))) == BY_CODE[70011].step


ROWS: dict[str, Advice] = {
    **{str(code): row for code, row in BY_CODE.items()},
    **{f"{code} elsewhere": row for code, row in BY_CODE_ELSEWHERE.items()},
    **BY_ERROR,
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_each_step_is_one_sentence(row: Advice) -> None:
    """A step stands at the end of a message: one sentence, and a user can do it."""
    for text in (row.meaning, row.step):
        assert text[0].isupper()
        assert text.endswith(".")
    assert ". " not in row.step
