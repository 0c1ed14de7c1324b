"""The request of a person: one at a time in a process and among processes that share a cache."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Final

from doorcode._core.failures import timed_out
from doorcode._core.known import Again, PersonNeeded, find
from doorcode._core.lookup import StoredToken
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
    Role,
    Sleep,
    TakeLease,
    Tell,
    TokenRequest,
    ask,
)

PERSON_SECONDS: Final = 900.0
"""Seconds after which such a server's lease of a sign-in runs out: as long as a device code lives."""
LOOK_FOR_SIGN_IN: Final = 0.5
"""Seconds between looks while another process asks the person."""
ANOTHER_PROCESS_ASKS: Final = "Another process is asking to sign in; waiting for it."


def in_person(
    request: TokenRequest, needed: PersonNeeded | None, patience: float | None
) -> Flow[StoredToken | Failure | Ended | Again]:
    """Ask the person, unless somebody else does so already: then wait for that.

    Args:
        request: what the token is for.
        needed: why, and what was tried before; None to ask whatever is there.
        patience: seconds to wait for another process that asks the same person; None waits to its end.

    Returns:
        the token; or why there is none, what another request's sign-in ended with, or that somebody has signed in
        and one is to look again.
    """
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
    name = f"{client_id}\n{tenant_id.lower()}"
    return f"sign-in.{sha256(name.encode()).hexdigest()[:16]}"


def _somebody_signed_in(request: TokenRequest, needed: PersonNeeded) -> Flow[bool]:
    """Return whether a token is there that was not when silence failed."""
    known = yield from find(request, needed.refused)
    return not isinstance(known, PersonNeeded)
