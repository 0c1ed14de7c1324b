"""The order in which a token is looked for: memory, cache, refresh token, user."""

from __future__ import annotations

from doorcode._core.flows.cached import InteractionRequired, Refreshable, Retry, find
from doorcode._core.model import Failure, FlightResult, TokenRequest, Who
from doorcode._core.msal_cache.rows import StoredToken
from doorcode._core.steps import FindUser, Flow, ReadMemory, SignIn, ask


def acquire(
    request: TokenRequest, sign_in: SignIn, *, may_ask: bool, timeout: float | None = None
) -> Flow[StoredToken | Failure]:
    """Get a token from the first source that has one.

    Args:
        request: what the token is for; with ``claims``, stored tokens do not answer it.
        sign_in: prompts the user.
        may_ask: whether the user may be prompted.
        timeout: seconds for another process that prompts the same user, and then for this one; None sets no limit.
    """
    ended: FlightResult | None = None
    started: float | None = None
    while True:
        if request.claims is None or (ended is not None and ended.request == request):
            _, kept = yield from ask(ReadMemory(request))
            if kept is not None:
                return kept
        found: StoredToken | Failure | FlightResult | Retry | Refreshable | InteractionRequired = yield from find(
            request
        )
        if isinstance(found, Refreshable):
            found = yield from _refresh(request, found)
        if isinstance(found, InteractionRequired):
            if not may_ask:
                return _required(request, found)
            at, who = yield from ask(FindUser())
            started = at if started is None else started
            found = yield from _interactive(request, found, sign_in, who, started, timeout)
        if isinstance(found, Retry):
            ended = None
        elif isinstance(found, FlightResult):
            if found.failure is not None:
                return found.failure
            ended = found
        else:
            return found


def prompt(request: TokenRequest, sign_in: SignIn, *, timeout: float | None = None) -> Flow[StoredToken | Failure]:
    """Prompt the user, whatever is cached; a sign-in that already runs in this process counts.

    Args:
        request: what the token is for.
        sign_in: prompts the user.
        timeout: seconds for another process that prompts the same user, and then for this one; None sets no limit.
    """
    started: float | None = None
    found: StoredToken | Failure | FlightResult | Retry = Retry()
    while isinstance(found, Retry):
        at, who = yield from ask(FindUser())
        started = at if started is None else started
        found = yield from _interactive(request, None, sign_in, who, started, timeout)
    if not isinstance(found, FlightResult):
        return found
    return found.failure or (yield from acquire(request, sign_in, may_ask=True, timeout=timeout))


# Modules that a stored token does not need are imported later: most processes find a stored token.


def _refresh(
    request: TokenRequest, known: Refreshable
) -> Flow[StoredToken | Failure | FlightResult | Retry | InteractionRequired]:
    from doorcode._core.flows.refresh import refresh

    return (yield from refresh(request, known))


def _required(request: TokenRequest, needed: InteractionRequired) -> Failure:
    from doorcode._core.messages.error_context import ErrorContext, GrantType
    from doorcode._core.messages.failures import required

    context = ErrorContext(GrantType.REFRESH_TOKEN, request.scopes, needed.home_account_id)
    return required(needed.error, needed.candidates, context, next_try=needed.next_try)


def _interactive(
    request: TokenRequest,
    needed: InteractionRequired | None,
    sign_in: SignIn,
    who: Who,
    started: float,
    timeout: float | None,
) -> Flow[StoredToken | Failure | FlightResult | Retry]:
    from doorcode._core.flows.interactive import PromptOptions, interactive

    return (yield from interactive(request, needed, PromptOptions(sign_in, who, started, timeout)))
