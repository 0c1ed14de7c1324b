"""The steps that a flow yields to its driver.

A flow is a generator. It yields a :class:`Step`, and its driver performs it and sends back
``(at, answer)``: the monotonic time at which the answer arrived, in seconds, and the answer.
Flows never touch a socket, a clock, a file or a thread, so a test or a simulation can drive them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from doorcode._core.model import CacheSnapshot, Failure, FlightResult, FlightRole, Reply, TokenRequest, Tokens, Who
from doorcode._core.values import value_class

if TYPE_CHECKING:  # named here only, and loaded by the modules that need them
    from doorcode._core.flows.leases import LeaseHolder  # noqa: F401 - in quotes below
    from doorcode._core.flows.limits import RequestLimits
    from doorcode._core.msal_cache.lookup import Account
    from doorcode._core.msal_cache.rows import StoredToken
    from doorcode._core.replies.device_code import DeviceCode
    from doorcode._core.replies.faults import Fault
    from doorcode._core.replies.service_errors import ServiceError  # noqa: F401 - likewise
    from doorcode._core.secret import Secret

A = TypeVar("A")
R = TypeVar("R")


class Step(Generic[A]):
    """A request of a flow to its driver; ``A`` is the answer's type.

    Attributes:
        blocks: whether performing it may block briefly, on a file, a keyring or a lock.
    """

    __slots__ = ()
    blocks: ClassVar[bool] = False

    # At runtime the answer's type is dropped: `Generic` would look for type variables in each step's class, twice.
    if not TYPE_CHECKING:

        def __class_getitem__(cls, _answer: object) -> type[Step]:
            return cls

        def __init_subclass__(cls) -> None:
            """Do nothing, where ``Generic`` would look for type variables."""


Flow: TypeAlias = Generator[Step[Any], tuple[float, Any], R]
SignIn: TypeAlias = Callable[[TokenRequest, float, float], Flow["Tokens | Failure"]]
"""Return the flow that signs a user in, given the request, when the wait for the user began, and the time now (both in
monotonic seconds). The driver stores the tokens afterwards."""


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

    def wait(self, limits: RequestLimits) -> float:
        """Return the seconds to wait for the answer."""
        return min(self.within, self._longest(limits))

    def kept(self, limits: RequestLimits) -> float:
        """Return the seconds for which an abandoned request continues: what works only once must not be lost."""
        return self._longest(limits) if self.redeems else 0.0

    def no_answer(self, host: str) -> object:
        """Return what stands for an answer that did not come in time: a fault, or None from the user.

        Args:
            host: of the authority.
        """
        return no_reply(host, "TOKEN") if self.asks_authority else None

    def late_sign_in(self, _answer: object) -> tuple[TokenRequest, Tokens] | None:
        """Return the sign-in that a late answer completes, if it does; the driver stores it."""
        return None

    def _longest(self, limits: RequestLimits) -> float:
        return limits.whole(redeems=self.redeems, repeats=self.repeats) if self.asks_authority else self.within


class SignInExchange(Exchange[Reply]):
    """An exchange whose reply may sign the user in; such a reply is used even if it comes late."""

    __slots__ = ()
    redeems: ClassVar[bool] = True
    request: TokenRequest

    def late_sign_in(self, _answer: object) -> tuple[TokenRequest, Tokens] | None:
        """Return the request and its tokens, if the answer holds tokens."""
        return (self.request, _answer) if isinstance(_answer, Tokens) else None


def no_reply(host: str, endpoint: str) -> Fault:
    """Return the fault for a request to an endpoint, by its name in ``Endpoint``, that was not answered in time."""
    from doorcode._core.replies.faults import Endpoint, Fault, FaultKind  # a stored token needs no faults

    asked = Endpoint[endpoint]
    return Fault(FaultKind.TIMEOUT, asked, f"No answer in time while asking {host} for {asked.value}")


@value_class(frozen=True, slots=True)
class Begin(Exchange["DeviceCode | ServiceError | Fault"]):
    """Ask the authority for a device code (RFC 8628 3.1)."""

    request: TokenRequest
    within: float

    def no_answer(self, host: str) -> Fault:
        """Return the fault that stands for an answer that did not come in time."""
        return no_reply(host, "DEVICE")


@value_class(frozen=True, slots=True)
class Show(Step[None]):
    """Show a code to the user, before the first poll."""

    code: DeviceCode


@value_class(frozen=True, slots=True)
class Sleep(Step[None]):
    """Wait for so many seconds."""

    seconds: float


@value_class(frozen=True, slots=True)
class AwaitUser(Sleep):
    """Wait for so many seconds for the user, who has ``left`` seconds to finish the sign-in; tell the prompt."""

    left: float


@value_class(frozen=True, slots=True)
class Poll(SignInExchange):
    """Ask the authority once whether the user has signed in (RFC 8628 3.4)."""

    request: TokenRequest
    code: DeviceCode
    within: float


@value_class(frozen=True, slots=True)
class ReadMemory(Step["StoredToken | None"]):
    """Look for a fresh token in this process's memory."""

    request: TokenRequest


@value_class(frozen=True, slots=True)
class ReadCache(Step[CacheSnapshot]):
    """Read one of the two token caches."""

    blocks: ClassVar[bool] = True
    cae: bool


@value_class(frozen=True, slots=True)
class Remember(Step[None]):
    """Remember a token in this process's memory until ``fresh_until``, in Unix seconds.

    Nothing is remembered if there have been more sign-outs than ``sign_outs``: the token's account may be signed out.
    """

    request: TokenRequest
    token: StoredToken
    fresh_until: float
    sign_outs: int = 0


@value_class(frozen=True, slots=True)
class UseAccount(Step[bool]):
    """Continue as an account that was found in the cache; False if the credential uses another one by now."""

    account: Account


@value_class(frozen=True, slots=True)
class LogWarning(Step[None]):
    """Log a warning about something that did not stop the request; with ``once``, only once."""

    message: str
    once: bool = False


@value_class(frozen=True, slots=True)
class LogDebug(Step[None]):
    """Write a line into the program's log, at DEBUG."""

    message: str


@value_class(frozen=True, slots=True)
class Notify(Step[None]):
    """Tell the user something, in the place where a prompt would appear."""

    message: str


@value_class(frozen=True, slots=True)
class JoinFlight(Step[FlightRole | FlightResult]):
    """Lead the flight of that name in this process, or wait for the caller that leads it.

    With ``outlives_call``, a flight that other callers wait for continues after its leader's call was cancelled, if the
    driver can do that.
    """

    name: tuple[str, ...]
    request: TokenRequest
    wait: bool = True
    outlives_call: bool = False


@value_class(frozen=True, slots=True)
class FinishFlight(Step[None]):
    """End a flight that this caller leads; callers that wait for it receive ``failure``, None for success."""

    name: tuple[str, ...]
    failure: Failure | None


@value_class(frozen=True, slots=True)
class TakeLease(Step[bool]):
    """Try to take a cross-process lease of the store; never waits for it."""

    blocks: ClassVar[bool] = True
    name: str
    seconds: float


@value_class(frozen=True, slots=True)
class RenewLease(Step[bool]):
    """Extend a lease to so many seconds from now; False if another process has taken it from this one."""

    blocks: ClassVar[bool] = True
    name: str
    seconds: float


@value_class(frozen=True, slots=True)
class DropLease(Step[None]):
    """Give a lease back."""

    blocks: ClassVar[bool] = True
    name: str


@value_class(frozen=True, slots=True)
class FindLeaseHolder(Step["LeaseHolder | None"]):
    """Find out which process holds a lease that this process could not take."""

    blocks: ClassVar[bool] = True
    name: str


@value_class(frozen=True, slots=True)
class PromptLives(Step[None]):
    """Tell the processes that wait for this sign-in that its prompt is valid for at most so many seconds from now."""

    blocks: ClassVar[bool] = True
    seconds: float


@value_class(frozen=True, slots=True)
class WarmUp(Step[None]):
    """Import what requests need, which takes a moment the first time; make no request."""

    blocks: ClassVar[bool] = True


@value_class(frozen=True, slots=True)
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


@value_class(frozen=True, slots=True)
class FindUser(Step[Who]):
    """Learn whose tokens the credential may use now."""


@value_class(frozen=True, slots=True)
class StartSignIn(Step[int]):
    """Start a sign-in: only sign-outs from here on affect it. Return the number of sign-outs before it."""


@value_class(frozen=True, slots=True)
class AcceptSignIn(Step["Tokens | Failure"]):
    """Store the tokens of a sign-in and make its account the credential's, or return why it is refused."""

    blocks: ClassVar[bool] = True
    request: TokenRequest
    tokens: Tokens


@value_class(frozen=True, slots=True)
class FinishSignIn(Step[None]):
    """Tell the prompts of a sign-in how it ended."""

    end: Tokens | Failure


@value_class(frozen=True, slots=True)
class RequestToken(Step["Tokens | Failure"]):
    """Call the ``_request_token`` with which a program's subclass signs a user in, and read its result."""

    request: TokenRequest
