"""Two methods to sign a user in: the preferred one, and the other if a policy or this machine rules the first out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from doorcode._core.model import Failure, Reason, Tokens
from doorcode._core.steps import Flow, Notify, ask

POLICIES: Final = frozenset({50005, 50097, 50131, 50199, 53000, 53001, 53003, 530032, 530034, 530035})
"""AADSTS codes of policies that allow one method and not the other, Conditional Access above all.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""


def sign_in(
    first: Flow[Tokens | Failure], second: Callable[[float], Flow[Tokens | Failure]], change: str
) -> Flow[Tokens | Failure]:
    """Sign a user in with one method, and with the other if a policy or this machine rules the first out.

    Args:
        first: the preferred method.
        second: returns the flow of the other, given the time now in monotonic seconds.
        change: what to tell the user in between.

    Returns:
        The tokens, or why there are none: the first method's reason if the second cannot start.
    """
    outcome = yield from first
    if isinstance(outcome, Tokens) or not rules_out(outcome):
        return outcome
    now, _ = yield from ask(Notify(change))
    other = yield from second(now)
    cannot = isinstance(other, Failure) and other.reason is Reason.UNAVAILABLE
    return outcome if cannot and outcome.reason is not Reason.UNAVAILABLE else other


def rules_out(failure: Failure) -> bool:
    """Return whether a failure is due to the method; else it is due to the user or the account."""
    codes = failure.error.codes if failure.error is not None else ()
    return failure.reason is Reason.UNAVAILABLE or not POLICIES.isdisjoint(codes)
