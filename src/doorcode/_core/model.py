"""The values that flows take, receive and return: requests, replies, failures, what a cache held."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from doorcode._core.values import field, value_class

if TYPE_CHECKING:  # named here only, and loaded by the modules that need them
    from doorcode._core.messages.error_context import ErrorContext
    from doorcode._core.msal_cache.lookup import Account
    from doorcode._core.msal_cache.rows import State, StoredToken
    from doorcode._core.replies.faults import Fault
    from doorcode._core.replies.identity import Identity
    from doorcode._core.replies.service_errors import ServiceError
    from doorcode._core.secret import SecretDict


@value_class(frozen=True, slots=True)
class TokenRequest:
    """One validated request for a token.

    Attributes:
        scopes: as the caller wrote them, in their order.
        tenant_id: the tenant that the request goes to, already resolved.
        claims: a JSON object as the caller wrote it, or None.
        enable_cae: whether the client handles claims challenges.
        options: what get_token was given beyond its own arguments, for ``_request_token``.
    """

    scopes: tuple[str, ...]
    tenant_id: str
    claims: str | None = None
    enable_cae: bool = False
    options: Mapping[str, object] = field(default_factory=dict, hash=False)


@value_class(frozen=True, slots=True)
class Tokens:
    """A successful reply of the token endpoint.

    Attributes:
        token: the access token.
        identity: the account that it is for; None if the reply names no account at all.
        result: MSAL's result, for a subclass that overrides ``_request_token``.
        rows: the rows that MSAL's token cache made of the reply; empty without an account.
    """

    token: StoredToken
    identity: Identity | None
    result: SecretDict
    rows: State = field(repr=False)


Reply: TypeAlias = "Tokens | ServiceError | Fault"


class Reason(Enum):
    """Why a flow ended without a token."""

    REQUIRED = "the user is needed and may not be asked"
    DECLINED = "the user declined"
    EXPIRED = "the code ran out"
    TIMED_OUT = "the timeout ran out"
    REFUSED = "the authority refused"
    UNREACHABLE = "the authority could not be reached, or did not speak the protocol"
    OTHER_ACCOUNT = "another user signed in"
    CANCELLED = "the program cancelled"
    UNAVAILABLE = "the user cannot be asked in this way here"


@value_class(frozen=True, slots=True)
class Failure:
    """A flow's end without a token.

    Attributes:
        reason: why the flow ended.
        message: one or two sentences for a user, without any secret.
        error: the authority's error, if it sent one.
        fault: the last network or protocol failure, if there was one.
        candidates: the accounts that the program has to choose from, if several fit.
        context: what the authority refused, if it did.
        cause: the exception that the program's own code raised, if it did.
    """

    reason: Reason
    message: str
    error: ServiceError | None = None
    fault: Fault | None = None
    candidates: tuple[Account, ...] = ()
    context: ErrorContext | None = None
    cause: BaseException | None = field(default=None, repr=False, compare=False)


@value_class(frozen=True, slots=True)
class Who:
    """Whose tokens a credential may use.

    Attributes:
        client_id: the application.
        environments: the authority's host and its aliases, without ports.
        home_account_id: the account, if a record or a sign-in has named it.
        username: the sign-in name, if only that was given.
        adopts: whether the only account that is signed in may be used, if neither names one.
        insists: whether the program asked for that itself.
    """

    client_id: str
    environments: frozenset[str]
    home_account_id: str | None = None
    username: str | None = None
    adopts: bool = True
    insists: bool = False


@value_class(frozen=True, slots=True)
class CacheSnapshot:
    """What a cache held when it was read, whose tokens may be used, and the wall clock then, in Unix seconds.

    ``sign_outs`` is the number of sign-outs of this credential before that.
    """

    state: State = field(repr=False)
    who: Who
    now: float
    sign_outs: int = 0


@value_class(frozen=True, slots=True)
class FlightResult:
    """The result of a flight that another caller led; None is success."""

    request: TokenRequest
    failure: Failure | None = None


class FlightRole(Enum):
    """This caller's part in a flight."""

    LEAD = "does the work; callers that join meanwhile wait"
    BUSY = "another caller does it, and this one did not want to wait"
    ABANDONED = "the leader went away without an end: try again"
