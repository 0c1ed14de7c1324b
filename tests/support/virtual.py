"""A driver for tests: performs a flow's steps under a virtual clock and writes down what was asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from doorcode._core.model import TokenRequest, Tokens
from doorcode._core.msal_cache.rows import StoredToken
from doorcode._core.replies.device_code import DeviceCode
from doorcode._core.replies.faults import Endpoint, Fault, FaultKind
from doorcode._core.replies.identity import Identity
from doorcode._core.replies.service_errors import ServiceError
from doorcode._core.secret import Secret, SecretDict
from doorcode._core.steps import Begin, Flow, LogDebug, LogWarning, Poll, PromptLives, Show, Sleep, Step

R = TypeVar("R")

REQUEST = TokenRequest(("https://r/.default",), "organizations")
PENDING = ServiceError("authorization_pending")
SLOW = ServiceError("slow_down")
REFUSED = Fault(FaultKind.UNREACHABLE, Endpoint.TOKEN, "The connection was refused")
PORTAL = Fault(FaultKind.NOT_PROTOCOL, Endpoint.TOKEN, "a login page", status=200)
WALL = 1_700_000_000


def busy(status: int, retry_after: float | None = None) -> Fault:
    """Return the fault of a service that is busy."""
    return Fault(FaultKind.STATUS, Endpoint.TOKEN, f"HTTP {status}", status=status, retry_after=retry_after)


def code(interval: float = 5.0, expires_in: float = 900.0, device_code: str = "DEVICE-CODE") -> DeviceCode:
    """Return a device code as the authority would issue it."""
    return DeviceCode(
        device_code=Secret(device_code),
        user_code="ABCD-EFGH",
        verification_uri="https://login.example/device",
        verification_uri_complete=None,
        message="Go there and enter ABCD-EFGH",
        interval=interval,
        expires_in=expires_in,
        expires_on=WALL + expires_in,
        correlation_id="c-1",
    )


def token(secret: str = "AT", *, cached_at: int = WALL, life: int = 3600, refresh_in: int | None = None) -> StoredToken:
    """Return an access token that was issued at ``cached_at``."""
    refresh_on = None if refresh_in is None else cached_at + refresh_in
    return StoredToken(Secret(secret), cached_at + life, refresh_on, cached_at, "Bearer")


def tokens(secret: str = "AT", account: str | None = "uid.utid") -> Tokens:
    """Return a successful reply for an account."""
    identity = None if account is None else Identity(account, "tid", "ada@contoso.example")
    return Tokens(token(secret), identity, SecretDict(), {})


@dataclass
class Timeline:
    """What a driven flow did, and when, in seconds since its beginning."""

    now: float = 0.0
    polls: list[float] = field(default_factory=list)
    begins: list[float] = field(default_factory=list)
    shown: list[DeviceCode] = field(default_factory=list)
    beginnings: list[float] = field(default_factory=list)
    withins: list[float] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    debug: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lives: list[float] = field(default_factory=list)

    @property
    def gaps(self) -> list[float]:
        """Return the seconds from one poll to the next."""
        return [round(later - earlier, 3) for earlier, later in zip(self.polls, self.polls[1:], strict=False)]


@dataclass
class Virtual:
    """Answer a device flow's steps.

    Attributes:
        codes: what the authority answers to requests for a code, the last one for ever.
        replies: what it answers to polls, the last one for ever.
        latency: seconds that each request takes, or a function of the poll's number.
    """

    codes: list[DeviceCode | ServiceError | Fault] = field(default_factory=lambda: [code()])
    replies: Iterable[Tokens | ServiceError | Fault] = (PENDING,)
    latency: float | Callable[[int], float] = 0.0

    def drive(self, flow: Flow[R], *, most: int = 10_000) -> tuple[R, Timeline]:
        """Perform every step until the flow returns."""
        line = Timeline()
        replies = list(self.replies)
        try:
            step: Step[Any] = next(flow)
            for _ in range(most):
                answer = self._answer(step, line, replies)
                step = flow.send((line.now, answer))
        except StopIteration as stop:
            return stop.value, line
        message = f"the flow did not end within {most} steps"
        raise AssertionError(message)

    def _answer(self, step: Step[Any], line: Timeline, replies: list[Any]) -> object:
        if isinstance(step, Sleep):
            assert step.seconds >= 0
            line.slept.append(step.seconds)
            line.now += step.seconds
            return None
        if isinstance(step, (LogDebug, LogWarning)):
            (line.debug if isinstance(step, LogDebug) else line.warnings).append(step.message)
            return None
        if isinstance(step, PromptLives):
            line.lives.append(step.seconds)
            return None
        if isinstance(step, Show):
            line.shown.append(step.code)
            return None
        if isinstance(step, Begin):
            assert step.request is REQUEST
            line.begins.append(line.now)
            line.beginnings.append(step.within)
            self._pass(line, len(line.begins))
            return self.codes[min(len(line.begins), len(self.codes)) - 1]
        assert isinstance(step, Poll)
        assert step.request is REQUEST
        assert not line.shown or step.code is line.shown[-1]
        line.polls.append(line.now)
        line.withins.append(step.within)
        self._pass(line, len(line.polls))
        return replies[min(len(line.polls), len(replies)) - 1]

    def _pass(self, line: Timeline, number: int) -> None:
        line.now += self.latency(number) if callable(self.latency) else self.latency
