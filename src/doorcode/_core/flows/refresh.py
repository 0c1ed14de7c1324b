"""Refresh a token: one refresh at a time in a process and among processes, and every possible result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode._core.flows.cached import InteractionRequired, Refreshable, Retry, find
from doorcode._core.flows.leases import REFRESH_LEASE
from doorcode._core.flows.refusals import FindRefusal, NoteReply
from doorcode._core.messages.error_context import ErrorContext, GrantType
from doorcode._core.messages.failures import refused, required, unreachable
from doorcode._core.model import Failure, FlightResult, FlightRole, Reason, Reply, TokenRequest, Tokens
from doorcode._core.msal_cache.rows import StoredToken
from doorcode._core.replies.faults import Fault
from doorcode._core.replies.service_errors import ServiceError
from doorcode._core.steps import (
    DropLease,
    FinishFlight,
    Flow,
    JoinFlight,
    LogWarning,
    Redeem,
    Remember,
    RenewLease,
    Sleep,
    TakeLease,
    WarmUp,
    ask,
)
from doorcode._core.values import value_class

if TYPE_CHECKING:
    from doorcode._core.secret import Secret

LEASE_SECONDS: Final = 90.0
"""Seconds that one redemption may take: the request's own time limit, and two writes to caches that others may lock."""
LOOK_AGAIN: Final = 0.02
LOOK_OFTEN: Final = 0.005
LOOK_SELDOM: Final = 0.05
"""Seconds between tries to take the lease while another process refreshes: at first, after this process has waited for
some time, and once the authority appears to be slow. Without the second value, a process that gets many tokens in a row
takes the lease again before any other process tries."""
SLOW_AFTER: Final = 1.0
"""Seconds of waiting after which the authority appears to be slow: from here on the tries are less frequent."""
READ_AGAIN: Final = 0.1
"""Seconds between reads of the cache while another process refreshes, which may bring the token. Each refresh changes
the cache, so processes that read it at every try would slow down the one that refreshes."""
PREPARE_AFTER: Final = 0.2
"""After waiting this long for another process's refresh, in seconds, import MSAL and requests, so that this process can
refresh at once if the other one brings no token for it."""
BACKOFF: Final = 30.0
"""Seconds for which a valid token is used without another attempt after a failed refresh; longer with Retry-After."""


@value_class(frozen=True, slots=True)
class _Answered:
    """The authority's answer to a refresh token, now or before.

    Attributes:
        known: the redeemed refresh token, and the token that is still valid.
        reply: the answer.
        tried: the account's refresh tokens that were refused, including this one if it was.
        next_try: seconds until the same refresh may be sent again, if the authority has refused it.
        new: whether the request was sent just now.
    """

    known: Refreshable
    reply: Reply
    tried: tuple[Secret, ...]
    next_try: float | None
    new: bool


def refresh(
    request: TokenRequest, known: Refreshable
) -> Flow[StoredToken | Failure | FlightResult | Retry | InteractionRequired]:
    """Redeem the refresh token, unless another request does so already, or the authority has just refused it.

    Args:
        request: what the token is for.
        known: the refresh token, and the token that is still valid.

    Returns:
        The token; or why there is none; or the result of another request's refresh; or Retry, if the caches have
        changed and are to be searched again; or that interaction is required.
    """
    due = yield from _due(request, known, [])
    if isinstance(due, _Answered):
        return (yield from _settle(request, due))
    if not isinstance(due, Refreshable):
        return due
    known = due
    flight = (REFRESH_LEASE, known.home_account_id)
    _, role = yield from ask(JoinFlight(flight, request, wait=known.valid is None))
    if role is FlightRole.BUSY and known.valid is not None:
        return known.valid
    if isinstance(role, FlightResult):
        return _from_other_flight(role, request, known)
    if role is not FlightRole.LEAD:
        return Retry()
    found = yield from _refresh_as_leader(request, known)
    yield from ask(FinishFlight(flight, found if isinstance(found, Failure) else _as_failure(found)))
    return found


def _due(
    request: TokenRequest, known: Refreshable, tried: list[Secret]
) -> Flow[Refreshable | StoredToken | Retry | _Answered]:
    """Return the refresh token to redeem now, if the authority has not just refused the same refresh.

    Args:
        request: what the token is for.
        known: the refresh token, and the token that is still valid.
        tried: refresh tokens that were refused; those of earlier requests are added.
    """
    while True:
        at, past = yield from ask(FindRefusal(request, known.refresh_token))
        if past is None or at >= past.until:
            return known
        tried.append(known.refresh_token)
        found = yield from _next_token(request, _Answered(known, past.reply, tuple(tried), past.until - at, new=False))
        if not isinstance(found, Refreshable):
            return found
        known = found


def _next_token(request: TokenRequest, answered: _Answered) -> Flow[Refreshable | StoredToken | Retry | _Answered]:
    """Return what else the caches hold if a refresh token turned out to be spent; else the authority's answer."""
    reply = answered.reply
    if not (isinstance(reply, ServiceError) and reply.error == "invalid_grant"):
        return answered
    found = yield from find(request, answered.tried)
    if isinstance(found, InteractionRequired) or found == answered.known.valid:
        return answered
    return found


def _as_failure(found: StoredToken | Retry | InteractionRequired) -> Failure | None:
    return required(found.error, next_try=found.next_try) if isinstance(found, InteractionRequired) else None


def _from_other_flight(
    ended: FlightResult, request: TokenRequest, known: Refreshable
) -> FlightResult | Retry | InteractionRequired:
    """Return what another request's refresh means for this one: it shares an outage, but not a refusal."""
    failure = ended.failure
    if failure is not None and failure.reason is Reason.UNREACHABLE:
        return ended
    if ended.request != request:
        return Retry()
    if failure is None:
        return ended
    return InteractionRequired((known.refresh_token,), failure.error, home_account_id=known.home_account_id)


def _refresh_as_leader(
    request: TokenRequest, known: Refreshable
) -> Flow[StoredToken | Failure | Retry | InteractionRequired]:
    found = yield from _wait_for_lease(request, known)
    if not isinstance(found, Refreshable):
        return found
    outcome = yield from _redeem(request, found)
    yield from ask(DropLease(REFRESH_LEASE))
    if not isinstance(outcome, _Answered):
        return outcome
    return (yield from _settle(request, outcome))


def _wait_for_lease(
    request: TokenRequest, known: Refreshable
) -> Flow[StoredToken | InteractionRequired | Retry | Refreshable]:
    """Wait for the lease to refresh, for as long as that takes: each holder keeps it for a limited time.

    Returns:
        The refresh token to redeem, with the lease taken; or, without the lease, what has made that unnecessary.
    """
    at, got = yield from ask(TakeLease(REFRESH_LEASE, LEASE_SECONDS))
    start, next_read, prepared = at, at + READ_AGAIN, False
    while not got:
        if known.valid is not None:
            return known.valid
        if at < start + PREPARE_AFTER or prepared:
            yield from ask(Sleep(_until_next_look(at - start)))
        else:
            yield from ask(WarmUp())
            prepared = True
        at, got = yield from ask(TakeLease(REFRESH_LEASE, LEASE_SECONDS))
        if not got and at >= next_read:
            found = yield from find(request)
            if not isinstance(found, Refreshable):
                return found
            known, next_read = found, at + READ_AGAIN
    found = yield from find(request)
    if not isinstance(found, Refreshable):
        yield from ask(DropLease(REFRESH_LEASE))
    return found


def _until_next_look(waited: float) -> float:
    return max(min(LOOK_OFTEN * max(1.0, waited / SLOW_AFTER), LOOK_SELDOM), LOOK_AGAIN / (1 + 10 * waited))


def _redeem(request: TokenRequest, known: Refreshable) -> Flow[_Answered | StoredToken | Retry]:
    """Redeem the refresh token and, if it turns out to be spent, one that another process has stored."""
    tried: list[Secret] = []
    while True:
        due = yield from _due(request, known, tried)
        if not isinstance(due, Refreshable):
            return due
        # If this process was suspended meanwhile, it has lost the lease, and another one may have spent the token.
        _, held = yield from ask(RenewLease(REFRESH_LEASE, LEASE_SECONDS))
        if not held:
            return Retry()
        found = yield from _next_token(request, (yield from _redeem_once(request, due, tried)))
        if not isinstance(found, Refreshable):
            return found
        known = found


def _redeem_once(request: TokenRequest, known: Refreshable, tried: list[Secret]) -> Flow[_Answered]:
    secret, no_retry = known.refresh_token, known.valid is not None
    at, reply = yield from ask(Redeem(request, secret, known.home_account_id, no_retry, tuple(tried), known.sign_outs))
    tried.append(secret)
    _, refusal = yield from ask(NoteReply(request, secret, reply, at))
    return _Answered(known, reply, tuple(tried), None if refusal is None else refusal.until - at, new=True)


def _settle(request: TokenRequest, answered: _Answered) -> Flow[StoredToken | Failure | InteractionRequired]:
    known, reply, next_try = answered.known, answered.reply, answered.next_try
    if isinstance(reply, Tokens):
        yield from ask(Remember(request, reply.token, reply.token.fresh_until, known.sign_outs))
        return reply.token
    if known.valid is not None:
        return (yield from _use_stale(request, known, known.valid, reply)) if answered.new else known.valid
    if isinstance(reply, Fault):
        return unreachable(reply, next_try=next_try)
    return InteractionRequired(answered.tried, reply, home_account_id=known.home_account_id, next_try=next_try)


def _use_stale(
    request: TokenRequest, known: Refreshable, valid: StoredToken, reply: ServiceError | Fault
) -> Flow[StoredToken]:
    context = ErrorContext(GrantType.REFRESH_TOKEN, request.scopes, known.home_account_id)
    failure = unreachable(reply) if isinstance(reply, Fault) else refused(reply, context=context)
    yield from ask(
        LogWarning(f"A token could not be refreshed and is used on, since it is still valid. {failure.message}")
    )
    again = yield from find(request)
    if isinstance(again, StoredToken):
        return again
    if isinstance(again, Refreshable) and again.valid == valid:  # otherwise the account was signed out meanwhile
        until = min(again.now + max(BACKOFF, reply.retry_after or 0.0), valid.expires_on)
        yield from ask(Remember(request, valid, until, again.sign_outs))
    return valid
