"""The order in which a token is looked for: memory, cache, refresh token, person."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from doorcode._core import lookup
from doorcode._core.failures import refused, required, timed_out, unreachable
from doorcode._core.faults import Fault
from doorcode._core.lookup import Ambiguous, StoredToken
from doorcode._core.scopes import wanted
from doorcode._core.secret import Secret
from doorcode._core.service_errors import ServiceError
from doorcode._core.steps import (
    AskPerson,
    DropLease,
    End,
    Ended,
    Failure,
    Flow,
    Join,
    Keep,
    Look,
    Reason,
    Recall,
    Redeem,
    Reply,
    Role,
    Sleep,
    TakeLease,
    Tell,
    TokenRequest,
    Tokens,
    View,
    Warn,
    ask,
)
from doorcode._core.values import dataclass

REFRESH_LEASE: Final = "refresh"
LEASE_SECONDS: Final = 30.0
"""Seconds after which the lease of a server that cannot see its holder die runs out."""
LONGEST_WAIT: Final = 15.0
"""Seconds to wait for another process's refresh before refreshing alone."""
LOOK_AGAIN: Final = 0.05
LOOK_OFTEN: Final = 0.01
"""Seconds between looks while another process refreshes: the second where somebody has waited for long. Without that,
a process that gets many tokens in a row takes the lease again before anybody looks."""
PERSON_SECONDS: Final = 900.0
"""Seconds after which such a server's lease of a sign-in runs out: as long as a device code lives."""
LOOK_FOR_SIGN_IN: Final = 0.5
"""Seconds between looks while another process asks the person."""
ANOTHER_PROCESS_ASKS: Final = "Another process is asking to sign in; waiting for it."
CALM: Final = 30.0
"""Seconds for which a valid token is used without another try, after a refresh that failed."""


@dataclass(frozen=True, slots=True)
class PersonNeeded:
    """Silence is over: what was tried, and what the authority said to it."""

    home_account_id: str | None = None
    tried: Secret | None = None
    error: ServiceError | None = None
    candidates: tuple[lookup.Account, ...] = ()


@dataclass(frozen=True, slots=True)
class Again:
    """Somebody else changed what is known: look from the start."""


@dataclass(frozen=True, slots=True)
class _Refreshable:
    """An account whose refresh token may be redeemed, with the token that is valid meanwhile."""

    home_account_id: str
    refresh_token: Secret
    valid: StoredToken | None


def acquire(request: TokenRequest, *, may_ask: bool, patience: float | None = None) -> Flow[StoredToken | Failure]:
    """Get a token from the first place that has one.

    Args:
        request: what the token is for; with ``claims``, tokens that are there already do not answer it.
        may_ask: whether a person may be asked.
        patience: seconds to wait for another process that asks the same person; None waits to its end.
    """
    ended: Ended | None = None
    while True:
        if request.claims is None or (ended is not None and ended.request == request):
            _, kept = yield from ask(Recall(request))
            if kept is not None:
                return kept
        found = yield from _silently(request)
        if isinstance(found, PersonNeeded):
            if not may_ask:
                return required(found.error, found.candidates)
            found = yield from _in_person(request, found, patience)
        if isinstance(found, Again):
            ended = None
        elif isinstance(found, Ended):
            if found.failure is not None:
                return found.failure
            ended = found
        else:
            return found


def sign_in(request: TokenRequest, *, patience: float | None = None) -> Flow[StoredToken | Failure]:
    """Ask the person, whatever is cached; a sign-in that is under way in this process already counts.

    Args:
        request: what the token is for.
        patience: seconds to wait for another process that asks the same person; None waits to its end.
    """
    found: StoredToken | Failure | Ended | Again = Again()
    while isinstance(found, Again):
        found = yield from _in_person(request, None, patience)
    if not isinstance(found, Ended):
        return found
    return found.failure or (yield from acquire(request, may_ask=True))


def _silently(request: TokenRequest) -> Flow[StoredToken | Failure | Ended | Again | PersonNeeded]:
    known = yield from _known(request)
    if not isinstance(known, _Refreshable):
        return known
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


def _shared(ended: Ended, request: TokenRequest, known: _Refreshable) -> Ended | Again | PersonNeeded:
    """Return what another request's refresh means for this one: an outage is everybody's, a refusal its own."""
    failure = ended.failure
    if failure is not None and failure.reason is Reason.UNREACHABLE:
        return ended
    if ended.request != request:
        return Again()
    if failure is None:
        return ended
    return PersonNeeded(known.home_account_id, known.refresh_token, failure.error)


def _known(request: TokenRequest) -> Flow[StoredToken | _Refreshable | PersonNeeded]:
    _, view = yield from ask(Look(request.enable_cae))
    account = _account(view)
    other = None
    if not isinstance(account, str) or _refresh_token(view, account) is None:
        # One sign-in serves CAE and non-CAE requests: the refresh token is one grant.
        _, other = yield from ask(Look(not request.enable_cae))
    if other is not None and account is None:
        account = _account(other)
    if account is None:
        return PersonNeeded()
    if isinstance(account, Ambiguous):
        return PersonNeeded(candidates=account.candidates)
    token = None if request.claims else _access_token(view, request, account)
    if token is not None and token.fresh(view.now):
        yield from ask(Keep(request, token, token.fresh_until))
        return token
    valid = token if token is not None and token.valid(view.now) else None
    refresh_token = _refresh_token(view, account) or (_refresh_token(other, account) if other else None)
    if refresh_token is None:
        return valid or PersonNeeded(account)
    return _Refreshable(account, refresh_token, valid)


def _refresh(request: TokenRequest, known: _Refreshable) -> Flow[StoredToken | Failure | Again | PersonNeeded]:
    leased = yield from _lease(known)
    if leased is None:
        assert known.valid is not None
        return known.valid
    again = yield from _known(request)
    if not isinstance(again, _Refreshable):
        yield from ask(DropLease(REFRESH_LEASE))
        return again
    reply = yield from _redeem(request, again)
    yield from ask(DropLease(REFRESH_LEASE))
    return (yield from _settle(request, again, reply))


def _lease(known: _Refreshable) -> Flow[bool | None]:
    """Wait for one's turn among the processes; None says that another one refreshes and a valid token is there."""
    at, got = yield from ask(TakeLease(REFRESH_LEASE, LEASE_SECONDS))
    start = at
    while not got and at < start + LONGEST_WAIT:
        if known.valid is not None:
            return None
        yield from ask(Sleep(max(LOOK_OFTEN, LOOK_AGAIN / (1 + 10 * (at - start)))))
        at, got = yield from ask(TakeLease(REFRESH_LEASE, LEASE_SECONDS))
    return got


def _redeem(request: TokenRequest, known: _Refreshable) -> Flow[Reply]:
    hurry = known.valid is not None
    _, reply = yield from ask(Redeem(request, known.refresh_token, known.home_account_id, hurry))
    if not (isinstance(reply, ServiceError) and reply.error == "invalid_grant"):
        return reply
    # Somebody who does not take our lease may have spent this token and stored its successor.
    again = yield from _known(request)
    if not isinstance(again, _Refreshable) or again.refresh_token == known.refresh_token:
        return reply
    _, reply = yield from ask(Redeem(request, again.refresh_token, again.home_account_id, hurry))
    return reply


def _settle(request: TokenRequest, known: _Refreshable, reply: Reply) -> Flow[StoredToken | Failure | PersonNeeded]:
    if isinstance(reply, Tokens):
        yield from ask(Keep(request, reply.token, reply.token.fresh_until))
        return reply.token
    if known.valid is not None:
        return (yield from _make_do(request, known.valid, reply))
    if isinstance(reply, Fault):
        return unreachable(reply)
    return PersonNeeded(known.home_account_id, known.refresh_token, reply)


def _make_do(request: TokenRequest, valid: StoredToken, reply: ServiceError | Fault) -> Flow[StoredToken]:
    failure = unreachable(reply) if isinstance(reply, Fault) else refused(reply)
    yield from ask(Warn(f"A token could not be refreshed and is used on, since it is still valid. {failure.message}"))
    _, view = yield from ask(Look(request.enable_cae))
    yield from ask(Keep(request, valid, min(view.now + CALM, valid.expires_on)))
    return valid


def _in_person(
    request: TokenRequest, needed: PersonNeeded | None, patience: float | None
) -> Flow[StoredToken | Failure | Ended | Again]:
    _, view = yield from ask(Look(request.enable_cae))
    whose = view.who.home_account_id or view.who.username or ""
    flight = ("person", whose, request.tenant_id)
    _, role = yield from ask(Join(flight, request))
    if isinstance(role, Ended):
        return role
    if role is not Role.LEAD:
        return Again()
    lease = _person_lease(view.who.client_id, request.tenant_id)
    waited = yield from _turn_to_ask(request, needed, lease, patience)
    outcome: StoredToken | Failure | Again = waited or (yield from _asked(request, needed, lease))
    yield from ask(End(flight, outcome if isinstance(outcome, Failure) else None))
    return outcome


def _turn_to_ask(
    request: TokenRequest, needed: PersonNeeded | None, lease: str, patience: float | None
) -> Flow[Again | Failure | None]:
    """Wait until no other process asks the same person; None says that it is one's turn, with the lease taken."""
    if needed is not None and (yield from _somebody_signed_in(request, needed)):
        return Again()
    at, got = yield from ask(TakeLease(lease, PERSON_SECONDS))
    if not got:
        yield from ask(Tell(ANOTHER_PROCESS_ASKS))
    until = None if patience is None else at + patience
    while not got:
        if until is not None and at >= until:
            return timed_out(patience or 0.0, None)
        yield from ask(Sleep(LOOK_FOR_SIGN_IN if until is None else min(LOOK_FOR_SIGN_IN, until - at)))
        if needed is not None and (yield from _somebody_signed_in(request, needed)):
            return Again()
        at, got = yield from ask(TakeLease(lease, PERSON_SECONDS))
    if needed is not None and (yield from _somebody_signed_in(request, needed)):
        yield from ask(DropLease(lease))
        return Again()
    return None


def _asked(request: TokenRequest, needed: PersonNeeded | None, lease: str) -> Flow[StoredToken | Failure]:
    error = needed.error if needed is not None else None
    claims = request.claims or (error.claims if error is not None else None)
    _, outcome = yield from ask(AskPerson(replace(request, claims=claims)))
    yield from ask(DropLease(lease))
    if isinstance(outcome, Failure):
        return outcome
    yield from ask(Keep(request, outcome.token, outcome.token.fresh_until))
    return outcome.token


def _person_lease(client_id: str, tenant_id: str) -> str:
    """Return the name of the lease of whoever asks a person for a tenant.

    The account is no part of it: one process may know already who signed in there, and another not yet.
    """
    from hashlib import sha256  # brings OpenSSL along, for a name that only a sign-in needs

    name = f"{client_id}\n{tenant_id.lower()}"
    return f"sign-in.{sha256(name.encode()).hexdigest()[:16]}"


def _somebody_signed_in(request: TokenRequest, needed: PersonNeeded) -> Flow[bool]:
    """Return whether a refresh token is there that was not when silence failed."""
    known = yield from _known(request)
    return isinstance(known, StoredToken) or (isinstance(known, _Refreshable) and known.refresh_token != needed.tried)


def _account(view: View) -> str | Ambiguous | None:
    who = view.who
    if not (who.home_account_id or who.username or who.adopts):
        return None
    found = lookup.find_account(view.state, who.client_id, who.environments, who.home_account_id, who.username)
    return found.home_account_id if isinstance(found, lookup.Account) else found


def _access_token(view: View, request: TokenRequest, account: str) -> StoredToken | None:
    who = view.who
    scopes = wanted(request.scopes)
    return lookup.access_token(
        view.state, who.client_id, who.environments, account, request.tenant_id, scopes, view.now
    )


def _refresh_token(view: View, account: str | Ambiguous | None) -> Secret | None:
    if not isinstance(account, str):
        return None
    who = view.who
    return lookup.refresh_token(view.state, who.client_id, who.environments, account)
