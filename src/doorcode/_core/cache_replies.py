"""What a reply of the token endpoint changes in a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode._core import lookup

if TYPE_CHECKING:
    from doorcode._core.lookup import State
    from doorcode._core.secret import Secret
    from doorcode._core.steps import Tokens, Who


def with_sign_in(state: State, who: Who, tokens: Tokens, home_account_id: str, now: float) -> State:
    """Return a cache with what a person's sign-in brought.

    Args:
        state: what the cache holds.
        who: whose tokens the credential may use.
        tokens: the reply.
        home_account_id: the account that it is for.
        now: Unix seconds.
    """
    return renewed(lookup.merge(state, tokens.rows, now), who, tokens, home_account_id, now)


def with_refresh(
    state: State, who: Who, tokens: Tokens, home_account_id: str, spent: tuple[Secret, ...], now: float
) -> State:
    """Return a cache with what a refresh brought: a new refresh token in the place of the spent one, not beside it.

    Args:
        state: what the cache holds.
        who: whose tokens the credential may use.
        tokens: the reply.
        home_account_id: the account that it is for.
        spent: the refresh token that was redeemed, and those that were refused before it.
        now: Unix seconds.
    """
    if lookup.refresh_token(state, who.client_id, who.environments, home_account_id) is None:
        return lookup.merge(state, tokens.rows, now)
    merged = lookup.merge(state, lookup.without_refresh_tokens(tokens.rows), now)
    return with_rotated(merged, who, tokens, home_account_id, spent, now)


def with_rotated(
    state: State, who: Who, tokens: Tokens, home_account_id: str, spent: tuple[Secret, ...], now: float
) -> State:
    """Return a cache with a refresh's new refresh token in the place of a spent one.

    A refresh token that another process has stored meanwhile stays: this reply may be late, and then its refresh token
    is the older of the two.
    """
    known = lookup.refresh_token(state, who.client_id, who.environments, home_account_id)
    return renewed(state, who, tokens, home_account_id, now) if known in spent else state


def renewed(state: State, who: Who, tokens: Tokens, home_account_id: str, now: float) -> State:
    """Return a cache with a reply's refresh token in the place of all earlier ones: MSAL keeps one for each scope."""
    new = lookup.refresh_token(tokens.rows, who.client_id, who.environments, home_account_id)
    if new is None:
        return state
    return lookup.replace_refresh_token(state, who.client_id, who.environments, home_account_id, new, int(now))
