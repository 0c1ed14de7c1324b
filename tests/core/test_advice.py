from __future__ import annotations

import pytest

from doorcode._core.advice import BY_CODE, BY_ERROR, BY_KIND, PERSONAL_TENANT, Advice, advice, explain, remedy
from doorcode._core.faults import Endpoint, Fault, FaultKind
from doorcode._core.service_errors import ServiceError

MET = {
    53003: "InteractiveBrowserCredential",
    53000: "InteractiveBrowserCredential",
    50005: "InteractiveBrowserCredential",
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
    assert advice(ServiceError("access_denied", codes=(1,))) == BY_ERROR["access_denied"].step


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
    assert advice(error, home_account_id) == 'Pass tenant_id="consumers" and sign in again.'


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


@pytest.mark.parametrize("row", [*BY_CODE.values(), *BY_ERROR.values()], ids=[*map(str, BY_CODE), *BY_ERROR])
def test_each_step_is_one_sentence(row: Advice) -> None:
    """A step stands at the end of a message: one sentence, and a person can do it."""
    for text in (row.meaning, row.step):
        assert text[0].isupper()
        assert text.endswith(".")
    assert ". " not in row.step
