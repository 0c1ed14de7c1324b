"""Map the failure of a flow to the exception that a credential raises."""

from __future__ import annotations

from typing import Final

from doorcode import errors
from doorcode._core.model import Failure, Reason, TokenRequest

_CLASSES: Final[dict[Reason, type[errors.AuthenticationFailedError]]] = {
    Reason.DECLINED: errors.SignInDeclinedError,
    Reason.EXPIRED: errors.CodeExpiredError,
    Reason.TIMED_OUT: errors.SignInTimedOutError,
    Reason.REFUSED: errors.AuthenticationFailedError,
    Reason.UNREACHABLE: errors.AuthorityUnreachableError,
    Reason.OTHER_ACCOUNT: errors.OtherAccountError,
    Reason.CANCELLED: errors.SignInCancelledError,
    Reason.UNAVAILABLE: errors.CredentialUnavailableError,
}


def exception_for(failure: Failure, request: TokenRequest | None = None) -> errors.AuthenticationFailedError:
    """Return the exception for a failure.

    Args:
        failure: why there is no token.
        request: the request that failed; None for the failure of a prompt.
    """
    exception = _exception_for(failure, request)
    if failure.cause is not None or failure.fault is not None:
        exception.__cause__ = failure.cause or (failure.fault.cause if failure.fault is not None else None)
    exception._failure = failure  # noqa: SLF001 - for other callers that wait for the same sign-in
    exception._context = failure.context  # noqa: SLF001 - for explain
    return exception


def _exception_for(failure: Failure, request: TokenRequest | None) -> errors.AuthenticationFailedError:
    response = failure.error.reply if failure.error is not None else None
    if failure.reason is Reason.REQUIRED and request is not None:
        return errors.AuthenticationRequiredError(
            request.scopes,
            message=failure.message,
            claims=request.claims,
            response=response,
            said=failure.error,
        )
    return _CLASSES[failure.reason](failure.message, response, said=failure.error)
