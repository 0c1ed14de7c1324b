"""The order in which a token is looked for: memory, cache, refresh token, user."""

from __future__ import annotations

from doorcode._core.flows.cached import InteractionRequired, Refreshable, Retry, find
from doorcode._core.model import Failure, FlightResult, TokenRequest
from doorcode._core.msal_cache.lookup import StoredToken
from doorcode._core.steps import Flow, ReadMemory, ask


def acquire(request: TokenRequest, *, may_ask: bool, wait_timeout: float | None = None) -> Flow[StoredToken | Failure]:
    """Get a token from the first source that has one.

    Args:
        request: what the token is for; with ``claims``, stored tokens do not answer it.
        may_ask: whether the user may be prompted.
        wait_timeout: seconds to wait for another process that prompts the same user; None waits until it ends.
    """
    ended: FlightResult | None = None
    while True:
        if request.claims is None or (ended is not None and ended.request == request):
            _, kept = yield from ask(ReadMemory(request))
            if kept is not None:
                return kept
        found: StoredToken | Failure | FlightResult | Retry | Refreshable | InteractionRequired = yield from find(
            request
        )
        if isinstance(found, Refreshable):
            found = yield from _renew(request, found)
        if isinstance(found, InteractionRequired):
            if not may_ask:
                return _required(request, found)
            found = yield from _in_person(request, found, wait_timeout)
        if isinstance(found, Retry):
            ended = None
        elif isinstance(found, FlightResult):
            if found.failure is not None:
                return found.failure
            ended = found
        else:
            return found


def sign_in(request: TokenRequest, *, wait_timeout: float | None = None) -> Flow[StoredToken | Failure]:
    """Prompt the user, whatever is cached; a sign-in that already runs in this process counts.

    Args:
        request: what the token is for.
        wait_timeout: seconds to wait for another process that prompts the same user; None waits until it ends.
    """
    found: StoredToken | Failure | FlightResult | Retry = Retry()
    while isinstance(found, Retry):
        found = yield from _in_person(request, None, wait_timeout)
    if not isinstance(found, FlightResult):
        return found
    return found.failure or (yield from acquire(request, may_ask=True))


# Modules that a stored token does not need are imported later: most processes find a stored token.


def _renew(
    request: TokenRequest, known: Refreshable
) -> Flow[StoredToken | Failure | FlightResult | Retry | InteractionRequired]:
    from doorcode._core.flows.refresh import renew

    return (yield from renew(request, known))


def _required(request: TokenRequest, needed: InteractionRequired) -> Failure:
    from doorcode._core.messages.error_context import ErrorContext, GrantType
    from doorcode._core.messages.failures import required

    context = ErrorContext(GrantType.REFRESH_TOKEN, request.scopes, needed.home_account_id)
    return required(needed.error, needed.candidates, context, next_try=needed.next_try)


def _in_person(
    request: TokenRequest, needed: InteractionRequired | None, wait_timeout: float | None
) -> Flow[StoredToken | Failure | FlightResult | Retry]:
    from doorcode._core.flows.interactive import interactive

    return (yield from interactive(request, needed, wait_timeout))
