"""Say why a flow ended without a token. All messages of failures are written here."""

from __future__ import annotations

import math

from doorcode._core.display import LONGEST_NAME, account_name, one_line
from doorcode._core.messages.advice import MORE_TIME, advice, new_code, remedy
from doorcode._core.messages.error_context import ErrorContext
from doorcode._core.model import Failure, Reason
from doorcode._core.msal_cache.lookup import Account
from doorcode._core.replies.faults import Fault
from doorcode._core.replies.service_errors import ServiceError
from doorcode._core.values import replace

ENDS: dict[str, tuple[Reason, str]] = {
    "authorization_declined": (Reason.DECLINED, "The user declined to sign in"),
    "access_denied": (Reason.DECLINED, "The sign-in was denied"),
    "expired_token": (Reason.EXPIRED, "The code expired before the user finished signing in with it"),
    "code_expired": (Reason.EXPIRED, "The code expired before the user finished signing in with it"),
    "bad_verification_code": (Reason.REFUSED, "The authority does not know this device code"),
}
"""RFC 8628 3.5 and Entra's own names: error code -> reason and the words that lead its message."""


def refused(
    error: ServiceError,
    lead: str = "Authentication failed",
    *,
    trouble: Fault | None = None,
    context: ErrorContext | None = None,
) -> Failure:
    """Return the failure for an error of the authority, with its words and one next step.

    Args:
        error: the authority's error.
        lead: the words before the authority's own.
        trouble: the last unusable reply before it, if there was one.
        context: what the authority refused, if it is known.
    """
    reason, words = ENDS.get(error.error, (Reason.REFUSED, lead))
    said = _with_trouble(f"{words}: {error.description or error.error}", trouble)
    return Failure(reason, _sentences(said, advice(error, context)), error=error, fault=trouble, context=context)


def unreachable(fault: Fault, lead: str = "Authentication failed", *, next_try: float | None = None) -> Failure:
    """Return the failure of a request that got no usable reply.

    Args:
        fault: what came instead.
        lead: the words before it.
        next_try: seconds until the request may be sent again, if the authority has asked for a wait.
    """
    if next_try:
        fault = replace(fault, step=f"Wait {_whole(next_try)} s, then call again.")
    return Failure(Reason.UNREACHABLE, _sentences(f"{lead}: {fault.message}", remedy(fault)), fault=fault)


def timed_out(seconds: float, fault: Fault | None, *, prompted: bool = True) -> Failure:
    """Return the failure for a ``timeout`` of so many seconds that ran out.

    Args:
        seconds: the time limit.
        fault: the failure of the last request, or None.
        prompted: whether the user was asked before the time ran out.
    """
    words = f"Timed out waiting for user to authenticate, after {seconds:g} s"
    if not prompted:
        words += " and before the user could be asked"
    return Failure(Reason.TIMED_OUT, _lapsed(words, MORE_TIME, fault), fault=fault)


def code_lapsed(seconds: float, fault: Fault | None) -> Failure:
    """Return the failure for a device code that was valid for so many seconds and has expired."""
    words = f"Timed out waiting for user to authenticate: the code expired after {seconds:g} s"
    return Failure(Reason.EXPIRED, _lapsed(words, new_code(seconds), fault), fault=fault)


def still_failing(seconds: float, fault: Fault) -> str:
    """Return the warning, in one line, for a sign-in whose polls have failed for so many seconds."""
    words = f"The authority has not answered for {seconds:.0f} s; the sign-in goes on. {_with_trouble('', fault)[2:]}"
    return f"{words}. {remedy(fault)}"


def required(
    error: ServiceError | None = None,
    candidates: tuple[Account, ...] = (),
    context: ErrorContext | None = None,
    *,
    next_try: float | None = None,
) -> Failure:
    """Return the failure of a request that needs the user while the program forbids to prompt.

    Args:
        error: the authority's answer to the refresh, if there was one.
        candidates: the accounts that the program has to choose from.
        context: of the refresh.
        next_try: seconds until the same refresh may be sent again.
    """
    words = "Interactive authentication is required to get a token. Call 'authenticate' to begin."
    if len(candidates) > 1:
        words += f" {several_accounts(candidates)}"
    if error is not None:
        words = _sentences(f"{words} The authority said: {error.description or error.error}", advice(error, context))
    if next_try:
        words = _sentences(words, f"This refresh is not tried again for {_whole(next_try)} s.")
    return Failure(Reason.REQUIRED, words, error=error, candidates=candidates, context=context)


def several_accounts(candidates: tuple[Account, ...]) -> str:
    """Return what to do if several accounts fit."""
    names = ", ".join(account_name(account.username, account.home_account_id) for account in candidates)
    return f"Several accounts are signed in ({names}): choose one with username or authentication_record."


def other_account(expected: str, username: str) -> Failure:
    """Return the failure of a sign-in with another account than the one that the record or ``username`` names."""
    name = one_line(username, LONGEST_NAME) or "another account"
    words = (
        f"Authentication failed: {name} signed in, but this credential is for {expected}. "
        "Nothing was stored. Sign in with that account, or call authenticate() to change the account."
    )
    return Failure(Reason.OTHER_ACCOUNT, words)


def no_account() -> Failure:
    """Return the failure of an ``authenticate`` whose reply holds a token but names no account."""
    words = (
        "Authentication failed: the authority issued a token but named no account (neither client_info nor a usable "
        "ID token), so there is no AuthenticationRecord to return. get_token returns the token."
    )
    return Failure(Reason.REFUSED, words)


def waits_for_itself() -> Failure:
    """Return the failure of a call that would wait for the sign-in or request that it is part of."""
    words = (
        "Authentication failed: a token was asked for inside the credential's own prompt_callback, hook, log "
        "handler or token store, where it would wait for itself. Ask after that has returned"
    )
    return Failure(Reason.REFUSED, words)


def prompt_failed(why: str, cause: BaseException | None = None) -> Failure:
    """Return the failure of a sign-in whose prompt did not reach the user; ``cause`` is the exception behind it."""
    return Failure(Reason.REFUSED, f"Authentication failed: {why}", cause=cause)


def without_answer() -> Failure:
    """Return the failure of a sign-in whose browser came back with neither a code nor an error."""
    words = "Authentication failed: the browser came back from the authority with neither a code nor an error"
    return Failure(Reason.REFUSED, words)


def opened_twice() -> Failure:
    """Return the failure of a sign-in whose address two browsers opened; one of them may be another user's."""
    words = (
        "Authentication failed: two browsers opened the address of this sign-in, and one of them may belong to another "
        "user of this machine. Nothing was stored.\nCall again. To use another browser than the one that opens, open "
        "the address that is printed, or set BROWSER."
    )
    return Failure(Reason.REFUSED, words)


def unavailable(why: str, advice: str, cause: BaseException | None = None) -> Failure:
    """Return the failure of a sign-in that cannot start with this method; ``cause`` is the exception behind it."""
    return Failure(Reason.UNAVAILABLE, _sentences(why, advice), cause=cause)


def cancelled() -> Failure:
    """Return the failure of a sign-in that the program cancelled."""
    return Failure(Reason.CANCELLED, "Authentication failed: the program cancelled the sign-in")


def signed_out() -> Failure:
    """Return the failure of a sign-in during which the program signed the same account out."""
    words = (
        "Authentication failed: the program signed the account out while this sign-in was under way, so nothing was "
        "stored. Call again to sign in"
    )
    return Failure(Reason.CANCELLED, words)


def _lapsed(words: str, step: str, fault: Fault | None) -> str:
    """Return the words for an expired time limit; an outage until then matters more than the time limit itself."""
    return _sentences(_with_trouble(words, fault), step if fault is None else remedy(fault))


def _whole(seconds: float) -> int:
    """Return whole seconds, no fewer; what a clock adds by rounding is no second."""
    return math.ceil(round(seconds, 3))


def _with_trouble(words: str, fault: Fault | None) -> str:
    return words if fault is None else f"{words}. The last request failed: {fault.message}"


def _sentences(words: str, more: str | None) -> str:
    return words if more is None else f"{words}\n{more}"
