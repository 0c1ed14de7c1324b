"""How a sign-in ended, in the words that a prompt shows to the user."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from doorcode._core.display import LONGEST_NAME, one_line
from doorcode._core.model import Failure, Reason, Tokens
from doorcode._core.values import value_class

SignInResult: TypeAlias = Literal["signed_in", "declined", "expired", "timed_out", "cancelled", "failed"]

_RESULTS: Final[dict[Reason, SignInResult]] = {
    Reason.DECLINED: "declined",
    Reason.EXPIRED: "expired",
    Reason.TIMED_OUT: "timed_out",
    Reason.CANCELLED: "cancelled",
}
_MESSAGES: Final[dict[SignInResult, str]] = {
    "declined": "The sign-in was declined.",
    "expired": "The code has expired. Start the sign-in again for a new one.",
    "timed_out": "The time for the sign-in is over.",
    "cancelled": "The sign-in was cancelled.",
}
LONGEST_REASON: Final = 300
"""Characters that a message repeats of an error; the exception has all of them."""


@value_class(frozen=True, slots=True)
class SignInOutcome:
    """How a sign-in ended; a prompt's ``finished`` receives it.

    Attributes:
        result: ``"signed_in"``, ``"declined"`` (by the user), ``"expired"`` (the code did), ``"timed_out"`` (the
            credential's ``timeout`` passed), ``"cancelled"`` (by the program, Ctrl-C included) or ``"failed"``.
        message: one line for the user, safe to print.
        username: the user who signed in, if the authority named one; otherwise None.
    """

    result: SignInResult
    message: str
    username: str | None = None


def outcome_of(end: Tokens | Failure | BaseException) -> SignInOutcome:
    """Return the outcome of a sign-in.

    Args:
        end: the tokens; or why there are none; or the exception that ended the sign-in.
    """
    if isinstance(end, Tokens):
        username = one_line(end.identity.username, LONGEST_NAME) if end.identity is not None else ""
        return SignInOutcome("signed_in", f"Signed in as {username}." if username else "Signed in.", username or None)
    if isinstance(end, BaseException):
        failure = getattr(end, "_failure", None)
        if not isinstance(failure, Failure):
            return _interrupted(end)
        end = failure
    result = _RESULTS.get(end.reason, "failed")
    return SignInOutcome(result, _MESSAGES.get(result) or _failed(end.message))


def _interrupted(exception: BaseException) -> SignInOutcome:
    if isinstance(exception, Exception):
        return SignInOutcome("failed", f"The sign-in failed: {type(exception).__name__}")
    return SignInOutcome("cancelled", _MESSAGES["cancelled"])


def _failed(message: str) -> str:
    return f"The sign-in failed: {one_line(message.partition(chr(10))[0], LONGEST_REASON)}"
