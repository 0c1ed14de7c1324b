"""The refresh of a token: one at a time in a process and among processes, whatever comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode._core.failures import refused, required, unreachable
from doorcode._core.faults import Fault
from doorcode._core.known import Again, PersonNeeded, Refreshable, find
from doorcode._core.service_errors import ServiceError
from doorcode._core.steps import (
    DropLease,
    End,
    Ended,
    Failure,
    Flow,
    Join,
    Keep,
    Look,
    Prepare,
    Reason,
    Redeem,
    Reply,
    Role,
    Sleep,
    TakeLease,
    TokenRequest,
    Tokens,
    Warn,
    ask,
)

if TYPE_CHECKING:
    from doorcode._core.lookup import StoredToken

REFRESH_LEASE: Final = "refresh"
LEASE_SECONDS: Final = 30.0
"""Seconds after which the lease of a server that cannot see its holder die runs out."""
LONGEST_WAIT: Final = 15.0
"""Seconds to wait for another process's refresh before refreshing alone."""
LOOK_AGAIN: Final = 0.02
LOOK_OFTEN: Final = 0.005
"""Seconds between looks while another process refreshes: the second where somebody has waited for some time. Without
that, a process that gets many tokens in a row takes the lease again before anybody looks."""
OUT_OF_LUCK: Final = 1.0
"""Seconds of waiting after which it is rather the authority that is slow: from here on looks become fewer again."""
PREPARE_AFTER: Final = 0.2
"""Seconds of such waiting after which one gets ready to refresh oneself: commonly the other process brings the token
before that; where each wants one of its own, nobody's turn is to be spent on loading."""
CALM: Final = 30.0
"""Seconds for which a valid token is used without another try, after a refresh that failed; longer with Retry-After."""


def renew(request: TokenRequest, known: Refreshable) -> Flow[StoredToken | Failure | Ended | Again | PersonNeeded]:
    """Redeem the refresh token, unless somebody else does so already.

    Args:
        request: what the token is for.
        known: the refresh token, and the token that is valid meanwhile.

    Returns:
        the token; or why there is none, what another request's refresh ended with, that things have changed and
        one is to look again, or that silence is over.
    """
    flight = (REFRESH_LEASE, known.home_account_id)
    _, role = yield from ask(Join(flight, request, wait=known.valid is None))
    if role is Role.BUSY and known.valid is not None:
        return known.valid
    if isinstance(role, Ended):
        return _shared(role, request, known)
    if role is not Role.LEAD:
        return Again()
    found = yield from _refresh(request, known)
    yield from ask(End(flight, found if isinstance(found, Failure) else _as_failure(found)))
    return found


def _as_failure(found: StoredToken | Again | PersonNeeded) -> Failure | None:
    return required(found.error) if isinstance(found, PersonNeeded) else None


def _shared(ended: Ended, request: TokenRequest, known: Refreshable) -> Ended | Again | PersonNeeded:
    """Return what another request's refresh means for this one: an outage is everybody's, a refusal its own."""
    failure = ended.failure
    if failure is not None and failure.reason is Reason.UNREACHABLE:
        return ended
    if ended.request != request:
        return Again()
    if failure is None:
        return ended
    return PersonNeeded(known.refresh_token, failure.error)


def _refresh(request: TokenRequest, known: Refreshable) -> Flow[StoredToken | Failure | Again | PersonNeeded]:
    leased = yield from _lease(known)
    if leased is None:
        assert known.valid is not None
        return known.valid
    again = yield from find(request)
    if not isinstance(again, Refreshable):
        yield from ask(DropLease(REFRESH_LEASE))
        return again
    reply = yield from _redeem(request, again)
    yield from ask(DropLease(REFRESH_LEASE))
    return (yield from _settle(request, again, reply))


def _lease(known: Refreshable) -> Flow[bool | None]:
    """Wait for one's turn among the processes; None says that another one refreshes and a valid token is there."""
    at, got = yield from ask(TakeLease(REFRESH_LEASE, LEASE_SECONDS))
    start, prepared = at, False
    while not got and at < start + LONGEST_WAIT:
        if known.valid is not None:
            return None
        if at < start + PREPARE_AFTER or prepared:
            yield from ask(Sleep(_until_next_look(at - start)))
        else:
            yield from ask(Prepare())
            prepared = True
        at, got = yield from ask(TakeLease(REFRESH_LEASE, LEASE_SECONDS))
    return got


def _until_next_look(waited: float) -> float:
    return max(LOOK_OFTEN * max(1.0, waited / OUT_OF_LUCK), LOOK_AGAIN / (1 + 10 * waited))


def _redeem(request: TokenRequest, known: Refreshable) -> Flow[Reply]:
    hurry = known.valid is not None
    _, reply = yield from ask(Redeem(request, known.refresh_token, known.home_account_id, hurry))
    if not (isinstance(reply, ServiceError) and reply.error == "invalid_grant"):
        return reply
    # Somebody who does not take our lease may have spent this token and stored its successor.
    again = yield from find(request)
    if not isinstance(again, Refreshable) or again.refresh_token == known.refresh_token:
        return reply
    _, reply = yield from ask(Redeem(request, again.refresh_token, again.home_account_id, hurry))
    return reply


def _settle(request: TokenRequest, known: Refreshable, reply: Reply) -> Flow[StoredToken | Failure | PersonNeeded]:
    if isinstance(reply, Tokens):
        yield from ask(Keep(request, reply.token, reply.token.fresh_until))
        return reply.token
    if known.valid is not None:
        return (yield from _make_do(request, known.valid, reply))
    if isinstance(reply, Fault):
        return unreachable(reply)
    return PersonNeeded(known.refresh_token, reply)


def _make_do(request: TokenRequest, valid: StoredToken, reply: ServiceError | Fault) -> Flow[StoredToken]:
    failure = unreachable(reply) if isinstance(reply, Fault) else refused(reply)
    yield from ask(Warn(f"A token could not be refreshed and is used on, since it is still valid. {failure.message}"))
    _, view = yield from ask(Look(request.enable_cae))
    calm = max(CALM, reply.retry_after or 0.0)
    yield from ask(Keep(request, valid, min(view.now + calm, valid.expires_on)))
    return valid
