"""Map the failure of a flow to the exception that a credential raises.

If ``azure.identity`` is loaded, the exception is also an instance of its class of the same name, so that its chains and
a program's ``except`` clauses work. ``azure.identity`` is looked up at the time of the error, and never imported.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Final, TypeVar, cast

from doorcode import errors
from doorcode._core.model import Failure, Reason, TokenRequest

E = TypeVar("E", bound=errors.CredentialUnavailableError)

_CLASSES: Final[dict[Reason, type[errors.AuthenticationFailedError]]] = {
    Reason.DECLINED: errors.SignInDeclinedError,
    Reason.EXPIRED: errors.CodeExpiredError,
    Reason.TIMED_OUT: errors.SignInTimedOutError,
    Reason.REFUSED: errors.AuthenticationFailedError,
    Reason.UNREACHABLE: errors.AuthorityUnreachableError,
    Reason.OTHER_ACCOUNT: errors.OtherAccountError,
    Reason.CANCELLED: errors.SignInCancelledError,
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
        cls = joined(errors.AuthenticationRequiredError)
        return cls(
            request.scopes,
            message=failure.message,
            claims=request.claims,
            response=response,
            said=failure.error,
        )
    if failure.reason is Reason.UNAVAILABLE:
        return unavailable(failure.message)
    return _CLASSES[failure.reason](failure.message, response, said=failure.error)


def unavailable(message: str) -> errors.CredentialUnavailableError:
    """Return the exception for a credential that lacks what it needs to try."""
    return joined(errors.CredentialUnavailableError)(message)


def cache_unavailable(message: str) -> errors.CacheUnavailableError:
    """Return the exception for a credential whose token cache cannot be used."""
    return joined(errors.CacheUnavailableError)(message)


def joined(cls: type[E]) -> type[E]:
    """Return the class, joined with azure.identity's counterpart if that is loaded."""
    theirs = _counterpart(cls)
    return cls if theirs is None else cast("type[E]", _joined(cls, theirs))  # type: ignore[arg-type] # classes are hashable


def _counterpart(cls: type[errors.CredentialUnavailableError]) -> type[Exception] | None:
    """Return azure.identity's class of the same name as this one, or as the nearest of its bases.

    A program may have replaced azure.identity by doorcode; then there is no counterpart.
    """
    module = sys.modules.get("azure.identity")
    for base in cls.__mro__:
        if base is errors.AuthenticationFailedError:
            break
        theirs = getattr(module, base.__name__, None)
        if isinstance(theirs, type) and issubclass(theirs, Exception):
            return None if issubclass(theirs, errors.AuthenticationFailedError) else theirs
    return None


@lru_cache(maxsize=8)
def _joined(ours: type[Exception], theirs: type[Exception]) -> type[Exception]:
    return type(ours.__name__, (ours, theirs), {"__doc__": ours.__doc__, "__module__": ours.__module__})
