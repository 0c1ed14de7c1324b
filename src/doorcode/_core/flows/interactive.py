"""Prompt the user: one prompt at a time in a process, and among processes that share a cache."""

from __future__ import annotations

import math
from hashlib import sha256
from typing import Final

from doorcode._core.account_selection import may_use_cache
from doorcode._core.flows.cached import InteractionRequired, Retry, find
from doorcode._core.flows.leases import LONGEST_PROMPT, waiting_for
from doorcode._core.messages.failures import timed_out
from doorcode._core.model import Failure, FlightResult, FlightRole, Reason, TokenRequest, Tokens, Who
from doorcode._core.msal_cache.rows import StoredToken
from doorcode._core.steps import (
    AcceptSignIn,
    DropLease,
    FindLeaseHolder,
    FinishFlight,
    FinishSignIn,
    Flow,
    JoinFlight,
    Notify,
    ReadCache,
    Remember,
    RequestToken,
    SignIn,
    Sleep,
    StartSignIn,
    TakeLease,
    ask,
)
from doorcode._core.values import replace, value_class

LOOK_FOR_SIGN_IN: Final = 0.5
"""Seconds between reads of the cache while another process prompts the user."""
TELL_AFTER: Final = 2.0
"""Seconds of waiting for another process's sign-in after which the user is told."""


@value_class(frozen=True, slots=True)
class PromptOptions:
    """How to prompt the user.

    Attributes:
        sign_in: prompts them.
        who: whose tokens the credential may use.
        started: when the wait for the user began, in monotonic seconds.
        timeout: seconds from then until the call ends, or None.
    """

    sign_in: SignIn
    who: Who
    started: float
    timeout: float | None


def by_request_token(request: TokenRequest, _started: float, _now: float) -> Flow[Tokens | Failure]:
    """Sign a user in with the ``_request_token`` of a program's subclass."""
    _, outcome = yield from ask(RequestToken(request))
    return outcome


def for_program_call(flow: Flow[Tokens | Failure]) -> Flow[Tokens | Failure]:
    """Sign a user in for a program that calls ``_request_token`` itself, and tell the prompts how it ended.

    If the call is a part of a larger sign-in, its prompts learn the end of that one instead.
    """
    outcome = yield from flow
    yield from ask(FinishSignIn(outcome))
    return outcome


def interactive(
    request: TokenRequest, needed: InteractionRequired | None, options: PromptOptions
) -> Flow[StoredToken | Failure | FlightResult | Retry]:
    """Prompt the user, or wait for another caller or process that already does.

    Args:
        request: what the token is for.
        needed: why interaction is required, and what was tried before; None to prompt whatever is stored.
        options: how to prompt.

    Returns:
        The token; or why there is none; or the result of another request's sign-in; or Retry, if another process has
        signed the user in and the caches are to be searched again.
    """
    yield from _check_caches(request, needed, options.who)
    flight = ("sign-in", options.who.home_account_id or options.who.username or "", request.tenant_id)
    _, role = yield from ask(JoinFlight(flight, request, outlives_call=True))
    if isinstance(role, FlightResult):
        return role
    if role is not FlightRole.LEAD:
        return Retry()
    lease = _user_lease(options.who, request.tenant_id)
    waited = None if lease is None else (yield from _wait_to_prompt(request, needed, lease, options))
    outcome: StoredToken | Failure | Retry = waited or (yield from _prompt(request, needed, lease, options))
    yield from ask(FinishFlight(flight, outcome if isinstance(outcome, Failure) else None))
    return outcome


def _check_caches(request: TokenRequest, needed: InteractionRequired | None, who: Who) -> Flow[None]:
    """Read the caches that were not read yet: if one cannot be used, fail before the user is asked."""
    if needed is None:
        yield from ask(ReadCache(request.enable_cae))
    if needed is None or not may_use_cache(who):
        yield from ask(ReadCache(not request.enable_cae))  # a sign-in is stored there too


def _wait_to_prompt(
    request: TokenRequest, needed: InteractionRequired | None, lease: str, options: PromptOptions
) -> Flow[Retry | Failure | None]:
    """Wait until no other process prompts the same user; None means that this process may, and holds the lease."""
    at, got = yield from ask(TakeLease(lease, LONGEST_PROMPT))
    tell_at: float | None = at + TELL_AFTER
    until = math.inf if options.timeout is None else options.started + options.timeout
    while not got:
        if at >= until:
            return timed_out(options.timeout or 0.0, None)
        if tell_at is not None and at >= tell_at:
            tell_at = None
            yield from _notify_of_wait(request, lease, until - at)
        yield from ask(Sleep(min(LOOK_FOR_SIGN_IN, until - at)))
        if needed is not None and (yield from _user_has_signed_in(request, needed)):
            return Retry()
        at, got = yield from ask(TakeLease(lease, LONGEST_PROMPT))
    if needed is not None and (yield from _user_has_signed_in(request, needed)):
        yield from ask(DropLease(lease))
        return Retry()
    return None


def _notify_of_wait(request: TokenRequest, lease: str, left: float) -> Flow[None]:
    _, holder = yield from ask(FindLeaseHolder(lease))
    _, view = yield from ask(ReadCache(request.enable_cae))
    yield from ask(Notify(waiting_for(holder, view.now, left)))


def _prompt(
    request: TokenRequest, needed: InteractionRequired | None, lease: str | None, options: PromptOptions
) -> Flow[StoredToken | Failure | Retry]:
    error = needed.error if needed is not None else None
    asked = replace(request, claims=request.claims or (error.claims if error is not None else None))
    now, sign_outs = yield from ask(StartSignIn())
    outcome = yield from options.sign_in(asked, options.started, now)
    if isinstance(outcome, Tokens):
        _, outcome = yield from ask(AcceptSignIn(asked, outcome))
    yield from ask(FinishSignIn(outcome))
    if lease is not None:
        yield from ask(DropLease(lease))
    if isinstance(outcome, Failure):
        # If this process was suspended meanwhile, its code has expired and the user may have signed in elsewhere.
        over = outcome.reason in (Reason.EXPIRED, Reason.TIMED_OUT) and needed is not None
        return Retry() if over and needed and (yield from _user_has_signed_in(request, needed)) else outcome
    yield from ask(Remember(request, outcome.token, outcome.token.fresh_until, sign_outs))
    return outcome.token


def _user_lease(who: Who, tenant_id: str) -> str | None:
    """Return the name of the lease for prompting a user to sign in to a tenant; None if no lease is needed.

    If any account in the cache would do, the name leaves the account out: one process may already know which account it
    is, and another may not. Otherwise there are many users, and the sign-in of one does not help another.
    """
    if not may_use_cache(who):
        return None
    name = f"{who.client_id}\n{tenant_id.lower()}"
    if not who.adopts:
        name += f"\n{who.home_account_id or who.username}"
    return f"sign-in.{sha256(name.encode()).hexdigest()[:16]}"


def _user_has_signed_in(request: TokenRequest, needed: InteractionRequired) -> Flow[bool]:
    """Return whether a token is stored now that was missing when interaction became required."""
    known = yield from find(request, needed.refused)
    return not isinstance(known, InteractionRequired)
