"""The frozen values that a flow yields to its driver, and those it receives for them.

A flow is a generator. It yields a :class:`Step`, and its driver performs it and sends back
``(at, answer)``: the monotonic time at which the answer arrived, in seconds, and the answer.
Flows never touch a socket, a clock, a file or a thread, so a test or a simulation can drive them.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from doorcode._core.values import dataclass

if TYPE_CHECKING:  # these are named here, and loaded by whoever needs them
    from doorcode._core.flows.lease_steps import LeaseHolder  # noqa: F401 - in quotes below
    from doorcode._core.messages.error_context import ErrorContext
    from doorcode._core.msal_cache.lookup import Account, State, StoredToken
    from doorcode._core.replies.device_code import DeviceCode
    from doorcode._core.replies.faults import Fault
    from doorcode._core.replies.identity import Identity
    from doorcode._core.replies.service_errors import ServiceError
    from doorcode._core.secret import Secret, SecretDict

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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

    REQUIRED = "a person is needed and may not be asked"
    DECLINED = "the person declined"
    EXPIRED = "the code ran out"
    TIMED_OUT = "the timeout ran out"
    REFUSED = "the authority refused"
    UNREACHABLE = "the authority could not be reached, or did not speak the protocol"
    OTHER_ACCOUNT = "somebody else signed in"
    CANCELLED = "the program cancelled"
    UNAVAILABLE = "the person cannot be asked in this way here"


@dataclass(frozen=True, slots=True)
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


class Step(Generic[A]):
    """A request of a flow to its driver; ``A`` is the answer's type."""

    __slots__ = ()


Flow: TypeAlias = Generator[Step[Any], tuple[float, Any], R]


def ask(step: Step[A]) -> Flow[tuple[float, A]]:
    """Yield a step and return its time and answer, typed."""
    answer: tuple[float, A] = yield step
    return answer


class Exchange(Step[A]):
    """A step that waits for the authority or the user, for a limited time; the driver runs it in a thread.

    Attributes:
        within: seconds after which the flow stops waiting for the answer.
        asks_authority: whether it makes requests, whose own time limits hold as well.
        redeems: whether it sends something that works only once, so that its reply must not be lost.
    """

    __slots__ = ()
    asks_authority: ClassVar[bool] = True
    redeems: ClassVar[bool] = False
    within: float

    @property
    def repeats(self) -> bool:
        """Return whether the pipeline may repeat the requests."""
        return not self.redeems


@dataclass(frozen=True, slots=True)
class Begin(Exchange["DeviceCode | ServiceError | Fault"]):
    """Ask the authority for a device code (RFC 8628 3.1)."""

    request: TokenRequest
    within: float


@dataclass(frozen=True, slots=True)
class Show(Step[None]):
    """Show a code to the user, before the first poll."""

    code: DeviceCode


@dataclass(frozen=True, slots=True)
class Sleep(Step[None]):
    """Wait for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Poll(Exchange[Reply]):
    """Ask the authority once whether the user has signed in (RFC 8628 3.4)."""

    redeems: ClassVar[bool] = True
    request: TokenRequest
    code: DeviceCode
    within: float


@dataclass(frozen=True, slots=True)
class ReadMemory(Step["StoredToken | None"]):
    """Look for a fresh token in this process's memory."""

    request: TokenRequest


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class CacheSnapshot:
    """What a cache held when it was read, whose tokens may be used, and the wall clock then, in Unix seconds.

    ``sign_outs`` is the number of sign-outs of this credential before that.
    """

    state: State = field(repr=False)
    who: Who
    now: float
    sign_outs: int = 0


@dataclass(frozen=True, slots=True)
class ReadCache(Step[CacheSnapshot]):
    """Read one of the two token caches."""

    cae: bool


@dataclass(frozen=True, slots=True)
class Remember(Step[None]):
    """Remember a token in this process's memory until ``fresh_until``, in Unix seconds.

    Nothing is remembered if there have been more sign-outs than ``sign_outs``: the token's account may be signed out.
    """

    request: TokenRequest
    token: StoredToken
    fresh_until: float
    sign_outs: int = 0


@dataclass(frozen=True, slots=True)
class UseAccount(Step[bool]):
    """Continue as an account that was found in the cache; False if the credential uses another one by now."""

    account: Account


@dataclass(frozen=True, slots=True)
class LogWarning(Step[None]):
    """Log a warning about something that did not stop the request; with ``once``, only once."""

    message: str
    once: bool = False


@dataclass(frozen=True, slots=True)
class LogDebug(Step[None]):
    """Write a line into the program's log, at DEBUG."""

    message: str


@dataclass(frozen=True, slots=True)
class Notify(Step[None]):
    """Tell the user something, in the place where a prompt would appear."""

    message: str


@dataclass(frozen=True, slots=True)
class FlightResult:
    """The result of a flight that another caller led; None is success."""

    request: TokenRequest
    failure: Failure | None = None


class FlightRole(Enum):
    """This caller's part in a flight."""

    LEAD = "does the work; whoever joins meanwhile waits"
    BUSY = "somebody else does it, and one did not want to wait"
    ABANDONED = "the leader went away without an end: try again"


@dataclass(frozen=True, slots=True)
class JoinFlight(Step[FlightRole | FlightResult]):
    """Lead the flight of that name in this process, or wait for the caller that leads it."""

    name: tuple[str, ...]
    request: TokenRequest
    wait: bool = True


@dataclass(frozen=True, slots=True)
class FinishFlight(Step[None]):
    """End a flight that this caller leads; callers that wait for it receive ``failure``, None for success."""

    name: tuple[str, ...]
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class TakeLease(Step[bool]):
    """Try to take a cross-process lease of the store; never waits for it."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RenewLease(Step[bool]):
    """Extend a lease to so many seconds from now; False if another process has taken it from this one."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class DropLease(Step[None]):
    """Give a lease back."""

    name: str


@dataclass(frozen=True, slots=True)
class FindLeaseHolder(Step["LeaseHolder | None"]):
    """Find out which process holds a lease that this process could not take."""

    name: str


@dataclass(frozen=True, slots=True)
class PromptLives(Step[None]):
    """Tell the processes that wait for this sign-in that its prompt is valid for at most so many seconds from now."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WarmUp(Step[None]):
    """Import what requests need, which takes a moment the first time; make no request."""


@dataclass(frozen=True, slots=True)
class Redeem(Exchange[Reply]):
    """Redeem a refresh token (RFC 6749 6) and store the reply.

    With ``no_retry`` the request is not repeated, because a valid token is at hand. ``refused`` are the account's
    refresh tokens that the authority has refused before this one. Nothing is stored if the account was signed out
    after ``sign_outs`` sign-outs.
    """

    request: TokenRequest
    refresh_token: Secret
    home_account_id: str
    no_retry: bool
    refused: tuple[Secret, ...] = ()
    sign_outs: int = 0
    within: float = math.inf
    redeems: ClassVar[bool] = True

    @property
    def repeats(self) -> bool:
        """Return whether the pipeline may repeat the request."""
        return not self.no_retry


@dataclass(frozen=True, slots=True)
class AskUser(Step[Tokens | Failure]):
    """Have the user sign in, and store the reply."""

    request: TokenRequest
