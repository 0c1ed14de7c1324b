"""One flow's turn in a session: the steps that both shells perform alike, and what the flow holds."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from doorcode._core.flows.refusals import FindRefusal, NoteReply
from doorcode._core.json_values import vschars
from doorcode._core.secret import SecretDict
from doorcode._core.steps import (
    Begin,
    CacheSnapshot,
    DropLease,
    Exchange,
    Failure,
    FindLeaseHolder,
    FinishFlight,
    JoinFlight,
    LogDebug,
    LogWarning,
    Poll,
    PromptLives,
    ReadCache,
    ReadMemory,
    Reason,
    Redeem,
    Remember,
    RenewLease,
    Step,
    TakeLease,
    TokenRequest,
    Tokens,
    UseAccount,
    WarmUp,
)
from doorcode._session.leases import HeldLeases
from doorcode._session.nesting import held, holding, put_back, refuse_to_wait

if TYPE_CHECKING:
    from doorcode._core.flows.refusals import Refusal
    from doorcode._session.session import Session
    from doorcode._session.singleflight import Name, PendingFlight

_ASKING: Final[ContextVar[HeldLeases | None]] = ContextVar("doorcode_asking", default=None)
"""The leases of the flow that asks the user in this thread or task, that of the sign-in among them."""


class TokenResult(SecretDict):
    """A result of MSAL's shape that our own ``_request_token`` returns, with what it was read as."""

    __slots__ = ("tokens",)

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(tokens.result)
        self.tokens = tokens


class StepHandler:
    """One flow's turn: performs the steps that do not wait, and knows what the flow holds.

    Args:
        session: of the credential.
        anybody: whether whoever signs in is accepted, as ``authenticate`` does.

    Attributes:
        since: how many sign-outs there had been when the sign-in began, or else the turn.
    """

    def __init__(self, session: Session, *, anybody: bool = False) -> None:
        self.session = session
        self.anybody = anybody
        self.since = session.sign_outs.count
        self._led: dict[Name, PendingFlight] = {}
        self.leases: HeldLeases = HeldLeases(session, _ASKING.get())

    @property
    def holds_lease(self) -> bool:
        """Return whether :meth:`release` would give a lease back, which may block for a moment."""
        return bool(self.leases)

    def perform(self, step: Step[Any]) -> object:
        """Perform a step that waits for nobody; stores may block for a moment."""
        session = self.session
        answer: object = None
        match step:
            case ReadMemory(request):
                answer = session.recall(request)
            case ReadCache(cae):
                before = session.sign_outs.count
                answer = CacheSnapshot(session.cache(cae=cae).state(), session.who, session.clock(), before)
            case WarmUp():
                _ = session.application
            case TakeLease() | RenewLease() | FindLeaseHolder() | PromptLives() | DropLease():
                answer = self.leases.perform(step)
            case Remember(request, token, fresh_until, sign_outs):
                session.keep(request, token, fresh_until, sign_outs)
            case FindRefusal() | NoteReply():
                answer = self._refusal(step)
            case UseAccount(account):
                answer = session.use_account(account)
            case LogWarning() | LogDebug():
                self._log(step)
            case FinishFlight(name, failure):
                del self._led[name]
                session.flights.end(name, failure)
            case _:
                message = f"no driver performs {type(step).__name__}"
                raise AssertionError(message)
        return answer

    def join(self, step: JoinFlight) -> PendingFlight | None:
        """Lead a flight (None), or learn how it will end."""
        landing, leads = self.session.flights.join(step.name, step.request)
        if leads:
            self._led[step.name] = landing
            return None
        if step.wait and landing in held():
            refuse_to_wait()
        return landing

    def inside(self) -> AbstractContextManager[None]:
        """Let code of the program's that is called inside know what it would wait for in vain."""
        return holding(*self._led.values(), self.leases) if self._led or self.leases else nullcontext()

    @contextmanager
    def asking(self) -> Generator[None]:
        """Let flows inside know that they are part of this sign-in; an earlier sign-out does not concern it."""
        self.since = self.session.sign_outs.count
        asking = _ASKING.set(self.leases)
        try:
            yield
        finally:
            put_back(_ASKING, asking)

    def exchange(self, step: Exchange[Any]) -> object:
        """Make one request of the authority; blocks."""
        application = self.session.application
        if isinstance(step, Begin):
            return application.begin(step.request, step.within)
        if isinstance(step, Poll):
            return application.poll(step.request, step.code, step.within)
        assert isinstance(step, Redeem), f"no driver performs {type(step).__name__}"
        reply = application.redeem(
            step.request, step.refresh_token, step.home_account_id, step.within, repeat=step.repeats
        )
        if isinstance(reply, Tokens):
            spent = (step.refresh_token, *step.refused)
            return self.session.refreshed(reply, step.request, step.home_account_id, spent, step.sign_outs)
        return reply

    def late(self, step: Exchange[Any]) -> Callable[[object], object]:
        """Return what becomes of an answer that nobody waits for any more: a token is stored."""
        since = self.since

        def keep(answer: object) -> None:
            if isinstance(step, Poll) and isinstance(answer, Tokens):
                self.session.accept(answer, step.request, since, anybody=False)

        return keep

    def within(self, step: Exchange[Any]) -> float:
        """Return the seconds after which an answer is not waited for any more."""
        return min(step.within, self._longest(step))

    def kept(self, step: Exchange[Any]) -> float:
        """Return the seconds for which a request goes on that nobody waits for: what works once is not thrown away."""
        return self._longest(step) if step.redeems else 0.0

    def _longest(self, step: Exchange[Any]) -> float:
        """Return the seconds that a step may take, whatever else is waited for."""
        if not step.asks_authority:
            return step.within
        return self.session.limits.whole(redeems=step.redeems, repeats=step.repeats)

    def silence(self, step: Exchange[Any]) -> object:
        """Return what stands for an answer that did not come in time: for a request, a fault."""
        from doorcode._core.replies.faults import Endpoint, Fault, FaultKind

        endpoint = Endpoint.DEVICE if isinstance(step, Begin) else Endpoint.TOKEN
        words = f"No answer in time while asking {self.session.config.authority.netloc} for {endpoint.value}"
        return Fault(FaultKind.TIMEOUT, endpoint, words)

    def signed_in(self, result: Mapping[str, Any], request: TokenRequest) -> Tokens | Failure:
        """Accept what ``_request_token`` returned, ours or a subclass's."""
        if isinstance(result, TokenResult):
            tokens = result.tokens
        elif vschars(result.get("access_token")):
            tokens = self.session.application.tokens_of(request, result)
        else:
            from doorcode._core.messages.error_context import ErrorContext
            from doorcode._core.messages.failures import refused
            from doorcode._core.replies.service_errors import ServiceError, service_error

            said = service_error(result) or ServiceError("no_token", "The sign-in brought no access token.")
            return refused(said, context=ErrorContext(scopes=request.scopes))
        return self.session.accept(tokens, request, self.since, anybody=self.anybody)

    def release(self, ended_by: BaseException | None) -> None:
        """Give back leases, and end the flights that the flow still leads.

        An error ends them for everybody; whoever was interrupted or cancelled hands over.
        """
        self.leases.release()
        failure = getattr(ended_by, "_failure", None)
        if failure is None and isinstance(ended_by, Exception):
            words = f"Authentication failed: {type(ended_by).__name__}: {ended_by}"
            failure = Failure(Reason.REFUSED, words, cause=ended_by)
        while self._led:
            flight, _ = self._led.popitem()
            if isinstance(failure, Failure):
                self.session.flights.end(flight, failure)
            else:
                self.session.flights.leave(flight)

    def _refusal(self, step: FindRefusal | NoteReply) -> Refusal | None:
        refusals = self.session.refusals
        if isinstance(step, FindRefusal):
            return refusals.find(step.request, step.refresh_token)
        return refusals.note(step.request, step.refresh_token, step.reply, step.at)

    def _log(self, step: LogWarning | LogDebug) -> None:
        session = self.session
        if isinstance(step, LogDebug):
            session.log_debug(step.message)
        elif step.once:
            session.warn_once(step.message)
        else:
            session.warn(step.message)
