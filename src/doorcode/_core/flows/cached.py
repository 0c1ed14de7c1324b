"""Search the caches: for a token that answers a request, or a refresh token that may get one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode._core.account_selection import Ambiguous, find_account, may_use_cache
from doorcode._core.model import CacheSnapshot, TokenRequest
from doorcode._core.msal_cache import lookup
from doorcode._core.msal_cache.rows import StoredToken
from doorcode._core.scopes import wanted
from doorcode._core.steps import Flow, LogWarning, ReadCache, Remember, UseAccount, ask
from doorcode._core.values import value_class

if TYPE_CHECKING:
    from doorcode._core.replies.service_errors import ServiceError
    from doorcode._core.secret import Secret


@value_class(frozen=True, slots=True)
class InteractionRequired:
    """Interaction is required: no token can be had without the user.

    Attributes:
        refused: the account's refresh tokens that were refused.
        error: the authority's answer to the last of them.
        candidates: the accounts that the program has to choose from.
        home_account_id: the account, if it is known.
        next_try: seconds until the refused refresh may be sent again.
    """

    refused: tuple[Secret, ...] = ()
    error: ServiceError | None = None
    candidates: tuple[lookup.Account, ...] = ()
    home_account_id: str | None = None
    next_try: float | None = None


@value_class(frozen=True, slots=True)
class Retry:
    """The caches have changed meanwhile: start again."""


@value_class(frozen=True, slots=True)
class Refreshable:
    """An account whose refresh token may be redeemed, with the token that is still valid until then.

    Attributes:
        home_account_id: the account.
        refresh_token: the refresh token to redeem.
        valid: a token that is still valid meanwhile, or None.
        now: the wall clock when the caches were read, in Unix seconds.
        sign_outs: the number of sign-outs of this credential before that.
    """

    home_account_id: str
    refresh_token: Secret
    valid: StoredToken | None
    now: float
    sign_outs: int


def find(
    request: TokenRequest, refused: tuple[Secret, ...] = ()
) -> Flow[StoredToken | Refreshable | InteractionRequired | Retry]:
    """Search the caches.

    Args:
        request: what the token is for; with ``claims``, no stored access token answers it.
        refused: refresh tokens that the authority has refused; they are skipped.
    """
    _, view = yield from ask(ReadCache(request.enable_cae))
    other = None
    if _needs_other(view, refused):
        _, other = yield from ask(ReadCache(not request.enable_cae))
    account = yield from _account(view, other)
    if not isinstance(account, str):
        return account
    token = None if request.claims else _access_token(view, request, account)
    if token is not None and token.fresh(view.now):
        yield from ask(Remember(request, token, token.fresh_until, view.sign_outs))
        return token
    valid = token if token is not None and token.valid(view.now) else None
    if other is None and may_use_cache(view.who):
        _, other = yield from ask(ReadCache(not request.enable_cae))
    refresh_token = _newest_refresh_token([view] if other is None else [view, other], account, refused)
    if refresh_token is None:
        return valid or InteractionRequired(refused)
    return Refreshable(account, refresh_token, valid, view.now, view.sign_outs)


def _needs_other(view: CacheSnapshot, refused: tuple[Secret, ...]) -> bool:
    """Return whether the other cache may know more about the account; its refresh token works for both caches."""
    account = view.who.home_account_id
    return may_use_cache(view.who) and (account is None or _newest_refresh_token([view], account, refused) is None)


def _account(view: CacheSnapshot, other: CacheSnapshot | None) -> Flow[str | InteractionRequired | Retry]:
    """Return the ``home_account_id`` of the account to use, or why there is none."""
    who = view.who
    found = find_account(who, view.state, {} if other is None else other.state)
    if isinstance(found, Ambiguous):
        if who.insists:
            yield from _warn_of_several(found.candidates)
        return InteractionRequired(candidates=found.candidates)
    if found is None:
        return InteractionRequired()
    if who.home_account_id is None:
        _, used = yield from ask(UseAccount(found))
        if not used:
            return Retry()
    return found.home_account_id


def _warn_of_several(candidates: tuple[lookup.Account, ...]) -> Flow[None]:
    from doorcode._core.messages.failures import several_accounts  # a stored token needs no words of failures

    words = f"use_cached_account=True takes no account from the cache. {several_accounts(candidates)}"
    yield from ask(LogWarning(words, once=True))


def _access_token(view: CacheSnapshot, request: TokenRequest, account: str) -> StoredToken | None:
    who = view.who
    scopes = wanted(request.scopes)
    return lookup.access_token(
        view.state, who.client_id, who.environments, account, request.tenant_id, scopes, view.now
    )


def _newest_refresh_token(views: list[CacheSnapshot], account: str, refused: tuple[Secret, ...]) -> Secret | None:
    """Return the newest refresh token of the caches: of two writes of a reply, one may have failed or may be late."""
    who = views[0].who
    states = [view.state for view in views]
    # If the newest refresh token of a cache was refused, an older one certainly would be.
    found = lookup.refresh_tokens(states, who.client_id, who.environments, account)
    return next((secret for secret in found if secret not in refused), None)
