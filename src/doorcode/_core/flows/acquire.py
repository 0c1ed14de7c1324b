"""The order in which a token is looked for: memory, cache, refresh token, person."""

from __future__ import annotations

from doorcode._core.flows.cached import Again, PersonNeeded, Refreshable, find
from doorcode._core.msal_cache.lookup import StoredToken
from doorcode._core.steps import Ended, Failure, Flow, Recall, TokenRequest, ask


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
        found: StoredToken | Failure | Ended | Again | Refreshable | PersonNeeded = yield from find(request)
        if isinstance(found, Refreshable):
            found = yield from _renew(request, found)
        if isinstance(found, PersonNeeded):
            if not may_ask:
                return _required(request, found)
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


# What a token that is stored does without is loaded when it is needed: most processes find one.


def _renew(request: TokenRequest, known: Refreshable) -> Flow[StoredToken | Failure | Ended | Again | PersonNeeded]:
    from doorcode._core.flows.refresh import renew

    return (yield from renew(request, known))


def _required(request: TokenRequest, needed: PersonNeeded) -> Failure:
    from doorcode._core.messages.error_context import ErrorContext, Grant
    from doorcode._core.messages.failures import required

    context = ErrorContext(Grant.REFRESH_TOKEN, request.scopes, needed.home_account_id)
    return required(needed.error, needed.candidates, context, next_try=needed.next_try)


def _in_person(
    request: TokenRequest, needed: PersonNeeded | None, patience: float | None
) -> Flow[StoredToken | Failure | Ended | Again]:
    from doorcode._core.flows.interactive import in_person

    return (yield from in_person(request, needed, patience))
