"""Two ways to ask a person: the one that fits, and the other when that one is not to be had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from doorcode._core.steps import Failure, Flow, Notify, Reason, Tokens, ask

POLICIES: Final = frozenset({50005, 50097, 50131, 50199, 53000, 53001, 53003, 530032, 530034, 530035})
"""AADSTS codes of policies that let one way through and not the other, Conditional Access above all.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

Ask = Callable[[], Flow[Tokens | Failure]]


def sign_in(first: Ask, second: Ask, change: str) -> Flow[Tokens | Failure]:
    """Ask a person in one way, and in the other when a policy or the surroundings rule the first out.

    Args:
        first: begins the way that fits.
        second: begins the other.
        change: what to tell the person in between.

    Returns:
        the tokens, or why there are none: the first way's reason when the second cannot even begin.
    """
    outcome = yield from first()
    if isinstance(outcome, Tokens) or not rules_out(outcome):
        return outcome
    yield from ask(Notify(change))
    other = yield from second()
    cannot = isinstance(other, Failure) and other.reason is Reason.UNAVAILABLE
    return outcome if cannot and outcome.reason is not Reason.UNAVAILABLE else other


def rules_out(failure: Failure) -> bool:
    """Return whether a failure is one of the way rather than of the person or the account."""
    codes = failure.error.codes if failure.error is not None else ()
    return failure.reason is Reason.UNAVAILABLE or not POLICIES.isdisjoint(codes)
