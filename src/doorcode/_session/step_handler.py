"""Perform the steps of one flow that both shells treat alike, and keep what the flow holds."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from doorcode._core.json_values import vschars
from doorcode._core.messages.descriptors import FREE_DESCRIPTORS, NO_DESCRIPTORS, is_without_descriptors
from doorcode._core.model import CacheSnapshot, Failure, Reason, TokenRequest, Tokens
from doorcode._core.secret import SecretDict
from doorcode._core.steps import (
    AcceptSignIn,
    Begin,
    DropLease,
    Exchange,
    FindLeaseHolder,
    FindUser,
    FinishFlight,
    JoinFlight,
    LogDebug,
    LogWarning,
    Poll,
    PromptLives,
    ReadCache,
    ReadMemory,
    Redeem,
    Remember,
    RenewLease,
    StartSignIn,
    Step,
    TakeLease,
    UseAccount,
    WarmUp,
)
from doorcode._entra.redemption import Redemption
from doorcode._session.leases import HeldLeases, longest_refresh
from doorcode._session.nesting import held, holding, put_back, refuse_to_wait
from doorcode._session.singleflight import Leader

if TYPE_CHECKING:
    from doorcode._core.flows.leases import LeaseHolder
    from doorcode._core.model import Reply
    from doorcode._session.leases import LeaseStep
    from doorcode._session.session import Session
    from doorcode._session.singleflight import Name, PendingFlight

_OUTER: Final[ContextVar[HeldLeases | None]] = ContextVar("doorcode_outer_leases", default=None)
"""The leases of the flow that has called a program's ``_request_token`` in this thread or task."""


class TokenResult(SecretDict):
    """A result of MSAL's shape that this library's own ``_request_token`` returns, with the parsed tokens."""

    __slots__ = ("tokens",)

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(tokens.result)
        self.tokens = tokens


class StepHandler:
    """Perform the steps of one flow that do not wait, and keep what the flow holds.

    Args:
        session: the credential's session.
        any_account: whether any account may sign in, as for ``authenticate``.

    Attributes:
        since: the number of sign-outs when the sign-in began; before a sign-in, when the flow began.
        keeps_tokens: whether the tokens of a sign-in are stored, or are being stored: ``cancel`` comes too late then,
            because the credential uses their account from here on.
    """

    def __init__(self, session: Session, *, any_account: bool = False) -> None:
        self.session = session
        self.any_account = any_account
        self.since: int = session.sign_outs.count
        self.keeps_tokens: bool = False
        self._led: dict[Name, PendingFlight] = {}
        self._ended: dict[Name, Failure | None] = {}
        self._redemption: Redemption = Redemption()
        self.leases: HeldLeases = HeldLeases(session, _OUTER.get())

    @property
    def holds_lease(self) -> bool:
        """Return whether :meth:`release` would give a lease back, which may block briefly."""
        return bool(self.leases)

    def perform(self, step: Step[Any]) -> object:
        """Perform a step that does not wait; stores may block briefly."""
        session = self.session
        answer: object = None
        match step:
            case ReadMemory(request):
                answer = session.remembered(request)
            case ReadCache(cae):
                before = session.sign_outs.count
                answer = CacheSnapshot(session.cache(cae=cae).state(), session.who, session.clock(), before)
            case WarmUp():
                _ = session.application
            case TakeLease() | RenewLease() | FindLeaseHolder() | PromptLives() | DropLease():
                answer = self._lease(step)
            case Remember(request, token, fresh_until, sign_outs):
                session.remember(request, token, fresh_until, sign_outs)
            case FindUser() | UseAccount() | StartSignIn() | AcceptSignIn():
                answer = self._account(step)
            case LogWarning() | LogDebug():
                self._log(step)
            case FinishFlight(name, failure):
                self._finish_flight(name, failure)
            case _:
                answer = session.refusals.perform(step)  # whose two steps a stored token does not import
        return answer

    def join(self, step: JoinFlight, is_over: Callable[[], bool] | None = None) -> PendingFlight | None:
        """Lead a flight (None), or return the future of its result.

        Args:
            step: the step.
            is_over: returns whether the caller's event loop is closed; None for a thread.
        """
        leader = None if is_over is None else Leader(is_over, self._release_apart)
        future, leads = self.session.flights.join(step.name, step.request, leader)
        if leads:
            self._led[step.name] = future
            return None
        if step.wait and future in held():
            refuse_to_wait()
        return future

    def inside(self) -> AbstractContextManager[None]:
        """Record what this flow holds, so that the program's code inside it does not wait for it."""
        return holding(*self._led.values(), self.leases) if self._led or self.leases else nullcontext()

    @contextmanager
    def calling_program(self) -> Generator[None]:
        """Let flows inside a program's ``_request_token`` know the leases of this flow."""
        token = _OUTER.set(self.leases)
        try:
            yield
        finally:
            put_back(_OUTER, token)

    def exchange(self, step: Exchange[Any]) -> object:
        """Send one request to the authority; blocks."""
        # What stores a reply or raises an error is imported before the request is sent: later, this process may have
        # too many files open to import anything.
        import_module("doorcode._error_mapping")
        import_module("doorcode._session.reply_storage")
        application = self.session.application
        if isinstance(step, Begin):
            return application.begin(step.request, step.within)
        if isinstance(step, Poll):
            return application.poll(step.request, step.code, step.within)
        assert isinstance(step, Redeem), f"no driver performs {type(step).__name__}"
        return self._redeem(step)

    def on_late_result(self, step: Exchange[Any]) -> Callable[[object], object]:
        """Return the function that receives a late answer: it stores a sign-in that the user finished."""
        since = self.since

        def keep(answer: object) -> None:
            late = step.late_sign_in(answer)
            if late is not None:
                request, tokens = late
                self.accept(tokens, request, since, any_account=False)

        return keep

    def on_timeout(self, step: Exchange[Any]) -> object:
        """Return the answer of a step that timed out."""
        return step.no_answer(self.session.config.authority.netloc)

    def read_result(self, result: Mapping[str, Any], request: TokenRequest) -> Tokens | Failure:
        """Read the result of a ``_request_token``, this library's or a subclass's."""
        if isinstance(result, TokenResult):
            return result.tokens
        if not isinstance(cast("object", result), Mapping):  # a subclass may return anything
            words = f"_request_token returned {type(result).__name__}, and must return a dict as MSAL's methods do"
            return Failure(Reason.REFUSED, f"Authentication failed: {words}")
        if vschars(result.get("access_token")):
            return self.session.application.tokens_of(request, result)
        from doorcode._core.messages.error_context import ErrorContext
        from doorcode._core.messages.failures import refused
        from doorcode._core.replies.service_errors import ServiceError, service_error

        said = service_error(result) or ServiceError("no_token", "The sign-in brought no access token.")
        return refused(said, context=ErrorContext(scopes=request.scopes))

    def accept(self, tokens: Tokens, request: TokenRequest, since: int, *, any_account: bool) -> Tokens | Failure:
        """Store a sign-in that a user finished; see :func:`doorcode._session.reply_storage.accept_sign_in`."""
        from doorcode._session.reply_storage import accept_sign_in

        return accept_sign_in(self.session, tokens, request, since, any_account=any_account)

    def release(self, ended_by: BaseException | None) -> None:
        """Give back leases, and end the flights that the flow still leads.

        An error ends them for all waiting callers; after an interruption or a cancellation, one of them takes over.
        While the call's refresh token is on its way, all of this happens later: when the request has ended.
        """
        failure = failure_of(ended_by)
        if self._redemption.is_under_way:
            self._redemption.at_end(lambda: self._release(failure), longest_refresh(self.session.limits))
        else:
            self._release(failure)

    def _release_apart(self) -> None:
        from doorcode._entra.worker import in_background

        in_background(lambda: self.release(None), "doorcode-release")

    def _release(self, failure: Failure | None) -> None:
        try:
            with self.inside():
                self.leases.release()
        finally:
            while self._led:
                self._end_flight(next(iter(self._led)), failure)

    def _end_flight(self, name: Name, failure: Failure | None) -> None:
        del self._led[name]
        if name not in self._ended and failure is None:
            self.session.flights.leave(name)
        else:
            ended_by = self._ended.get(name, failure)
            self.session.flights.end(name, None if self._redemption.stored else ended_by)

    def _lease(self, step: LeaseStep) -> bool | LeaseHolder | None:
        if isinstance(step, DropLease) and self._redemption.is_under_way:
            return None  # the request has timed out, and its reply may still come: see `release`
        return self.leases.perform(step)

    def _finish_flight(self, name: Name, failure: Failure | None) -> None:
        if self._redemption.is_under_way:
            self._ended[name] = failure  # as in `_lease`: the flight ends in `release`
        else:
            del self._led[name]
            self.session.flights.end(name, failure)

    def _redeem(self, step: Redeem) -> Reply:
        from doorcode._entra.worker import current_worker
        from doorcode._session.reply_storage import accept_refresh

        with self._redemption.request(current_worker()):
            reply: Reply = self.session.application.redeem(
                step.request, step.refresh_token, step.home_account_id, step.within, repeat=step.repeats
            )
            if isinstance(reply, Tokens):
                spent = (step.refresh_token, *step.refused)
                reply = accept_refresh(self.session, reply, step.request, step.home_account_id, spent, step.sign_outs)
                self._redemption.stored = isinstance(reply, Tokens)
        return reply

    def _account(self, step: FindUser | UseAccount | StartSignIn | AcceptSignIn) -> object:
        match step:
            case FindUser():
                return self.session.who
            case UseAccount(account):
                return self.session.use_account(account)
            case StartSignIn():
                self.since = self.session.sign_outs.count
                return self.since
            case AcceptSignIn(request, tokens):
                self.keeps_tokens = True
                accepted = self.accept(tokens, request, self.since, any_account=self.any_account)
                self.keeps_tokens = isinstance(accepted, Tokens)
                return accepted

    def _log(self, step: LogWarning | LogDebug) -> None:
        session = self.session
        if isinstance(step, LogDebug):
            session.log_debug(step.message)
        elif step.once:
            session.warn_once(step.message)
        else:
            session.warn(step.message)


def failure_of(error: BaseException | None) -> Failure | None:
    """Return what an error means for the callers that wait; None after an interruption or a cancellation."""
    failure = getattr(error, "_failure", None)
    if isinstance(failure, Failure) or not isinstance(error, Exception):
        return failure if isinstance(failure, Failure) else None
    if is_without_descriptors(error):
        return Failure(Reason.UNREACHABLE, f"{NO_DESCRIPTORS}.\n{FREE_DESCRIPTORS}", cause=error)
    return Failure(Reason.REFUSED, f"Authentication failed: {type(error).__name__}: {error}", cause=error)
