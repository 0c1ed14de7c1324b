"""The words that a request without a token ends with, and what it carries."""

from __future__ import annotations

import pytest

from doorcode._core.messages import failures
from doorcode._core.model import Failure
from doorcode._core.msal_cache.lookup import Account
from doorcode._core.replies.faults import Endpoint, Fault, FaultKind
from doorcode._core.replies.service_errors import ServiceError

ALICE = Account("a.t", "alice@contoso.com")
NAMELESS = Account("b.t")
REFUSED = ServiceError("invalid_grant", "AADSTS50173: the grant was revoked.", codes=(50173,))
RESET = Fault(FaultKind.UNREACHABLE, Endpoint.TOKEN, "the connection was reset")


def test_several_accounts_are_named_after_the_sentence_that_azure_identity_has() -> None:
    """Whoever has to choose sees the names, and what a program already looks for still begins the message."""
    failure = failures.required(None, (ALICE, NAMELESS))
    assert failure.message == (
        "Interactive authentication is required to get a token. Call 'authenticate' to begin. Several accounts are "
        "signed in (alice@contoso.com, b.t): choose one with username or authentication_record."
    )
    assert failure.candidates == (ALICE, NAMELESS)


def test_one_account_is_no_choice() -> None:
    """Nobody is told to choose among one."""
    assert "Several" not in failures.required(None, (ALICE,)).message


def test_a_required_sign_in_says_why_the_authority_wants_it() -> None:
    """The authority's words and the next step follow."""
    failure = failures.required(REFUSED)
    assert "The authority said: AADSTS50173: the grant was revoked." in failure.message
    assert len(failure.message.splitlines()) == 2
    assert failure.error == REFUSED


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(failures.timed_out(3, RESET), id="timeout"),
        pytest.param(failures.code_lapsed(900, RESET), id="code ran out"),
    ],
)
def test_time_that_ran_out_in_an_outage_tells_of_the_outage(failure: Failure) -> None:
    """What kept failing is in the message, and with the failure for whoever logs it."""
    assert "The last request failed: the connection was reset" in failure.message
    assert failure.fault == RESET


def test_a_refusal_keeps_the_trouble_before_it() -> None:
    """A flow that was refused after network trouble carries both."""
    failure = failures.refused(REFUSED, trouble=RESET)
    assert (failure.error, failure.fault) == (REFUSED, RESET)
