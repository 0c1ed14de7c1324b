"""What a reply of the token endpoint changes in a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode._core.msal_cache import lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from doorcode._core.msal_cache.lookup import State
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


class StoreSignIn:
    """The change that stores a sign-in.

    A change that could not be stored is applied again later. When the account has been removed from the cache by then,
    another process signed it out, and the change brings nothing back.

    Args:
        who: whose tokens the credential may use.
        tokens: the reply.
        home_account_id: the account that it is for.
        now: Unix seconds.
        is_signed_out: tells whether this credential has signed the account out since the sign-in began.
    """

    def __init__(
        self, who: Who, tokens: Tokens, home_account_id: str, now: float, is_signed_out: Callable[[], bool]
    ) -> None:
        self._who = who
        self._tokens = tokens
        self._account = home_account_id
        self._now = now
        self._is_signed_out = is_signed_out
        self._was_there = False
        self.again = False
        """Whether the change has been made, so that a later application is another try to store it."""

    def __call__(self, state: State) -> State:
        """Return the cache with the sign-in, or the very state that it was."""
        there = lookup.has_account(state, self._who.client_id, self._who.environments, self._account)
        removed = self.again and self._was_there and not there
        if removed or self._is_signed_out():
            return state
        self._was_there = there
        return with_sign_in(state, self._who, self._tokens, self._account, self._now)


class StoreRefresh:
    """The change that stores what a refresh brought, unless the account was signed out meanwhile.

    Args:
        who: whose tokens the credential may use.
        tokens: the reply.
        home_account_id: the account that it is for.
        spent: the refresh token that was redeemed, and those that were refused before it.
        now: Unix seconds.
        is_signed_out: tells whether this credential has signed the account out since the refresh token was read.
        elsewhere: what other caches held just now, where the account may be instead.
    """

    def __init__(
        self,
        who: Who,
        tokens: Tokens,
        home_account_id: str,
        spent: tuple[Secret, ...],
        now: float,
        is_signed_out: Callable[[], bool],
        elsewhere: Callable[[], Iterable[State]],
    ) -> None:
        self._who = who
        self._tokens = tokens
        self._account = home_account_id
        self._spent = spent
        self._now = now
        self._is_signed_out = is_signed_out
        self._elsewhere = elsewhere
        # Looked at before the commit: a change is applied under the cache's own lock.
        self._known: tuple[State, ...] = tuple(elsewhere())
        self._borrows = False
        self.stored = True

    def __call__(self, state: State) -> State:
        """Return the cache with the reply, or the very state that it was."""
        own = self._has(state)
        self.stored = not self._is_signed_out() and (own or any(map(self._has, self._known)))
        self._borrows = not own
        if not self.stored:
            return state
        return with_refresh(state, self._who, self._tokens, self._account, self._spent, self._now)

    def is_undone(self) -> bool:
        """Look once more, after the commit, where the account was known from another cache alone.

        That one may have been cleared between the look and the commit. From here on only the cache's own content
        counts: a change that could not be stored is applied again later.
        """
        self._known = ()
        return self.stored and self._borrows and not any(map(self._has, self._elsewhere()))

    def _has(self, state: State) -> bool:
        return lookup.has_account(state, self._who.client_id, self._who.environments, self._account)
