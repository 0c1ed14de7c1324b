"""How a reply of the token endpoint changes a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode._core.msal_cache import changes, lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from doorcode._core.model import Tokens, Who
    from doorcode._core.msal_cache.rows import State
    from doorcode._core.secret import Secret


def with_sign_in(state: State, who: Who, tokens: Tokens, home_account_id: str, now: float) -> State:
    """Return a cache with the reply of a user's sign-in.

    Args:
        state: what the cache holds.
        who: whose tokens the credential may use.
        tokens: the reply.
        home_account_id: the account that it is for.
        now: Unix seconds.
    """
    return renewed(changes.merge(state, tokens.rows, now), who, tokens, home_account_id, now)


def with_refresh(
    state: State, who: Who, tokens: Tokens, home_account_id: str, spent: tuple[Secret, ...], now: float
) -> State:
    """Return a cache with the reply to a refresh: its new refresh token replaces the spent one.

    Args:
        state: what the cache holds.
        who: whose tokens the credential may use.
        tokens: the reply.
        home_account_id: the account that it is for.
        spent: the refresh token that was redeemed, and those that were refused before it.
        now: Unix seconds.
    """
    if lookup.refresh_token(state, who.client_id, who.environments, home_account_id) is None:
        return changes.merge(state, tokens.rows, now)
    merged = changes.merge(state, changes.without_refresh_tokens(tokens.rows), now)
    return with_rotated(merged, who, tokens, home_account_id, spent, now)


def with_rotated(
    state: State, who: Who, tokens: Tokens, home_account_id: str, spent: tuple[Secret, ...], now: float
) -> State:
    """Return a cache with a refresh's new refresh token in the place of the spent one.

    A refresh token that another process has stored meanwhile stays: this reply may be delayed, and then its refresh
    token is the older of the two.
    """
    known = lookup.refresh_token(state, who.client_id, who.environments, home_account_id)
    return renewed(state, who, tokens, home_account_id, now) if known in spent else state


def renewed(state: State, who: Who, tokens: Tokens, home_account_id: str, now: float) -> State:
    """Return a cache with a reply's refresh token in the place of all earlier ones: MSAL keeps one for each scope."""
    new = lookup.refresh_token(tokens.rows, who.client_id, who.environments, home_account_id)
    if new is None:
        return state
    return changes.replace_refresh_token(state, who.client_id, who.environments, home_account_id, new, int(now))


class StoreReply:
    """A change that stores a reply, and is applied again later if it could not be written.

    If the cache has a newer refresh token by then, the change does not replace it.

    Args:
        who: whose tokens the credential may use.
        tokens: the reply.
        home_account_id: the account that it is for.
        now: Unix seconds.
        is_signed_out: returns whether this credential has signed the account out since the flow began.
    """

    def __init__(
        self, who: Who, tokens: Tokens, home_account_id: str, now: float, is_signed_out: Callable[[], bool]
    ) -> None:
        self._who = who
        self._tokens = tokens
        self._account = home_account_id
        self._now = now
        self._is_signed_out = is_signed_out
        self.again = False
        """Whether the change has been applied before; a later application is another attempt to write it."""

    def _has_account(self, state: State) -> bool:
        return lookup.has_account(state, self._who.client_id, self._who.environments, self._account)

    def _comes_too_late(self, state: State) -> bool:
        who = self._who
        return self.again and lookup.has_refresh_token_since(
            state, who.client_id, who.environments, self._account, self._now
        )


class StoreSignIn(StoreReply):
    """The change that stores a sign-in.

    If the account has been removed from the cache when the change is applied again, another process has signed it out,
    and the change does not bring it back.
    """

    _was_there = False

    def __call__(self, state: State) -> State:
        """Return the cache with the sign-in, or the same object if nothing changes."""
        there = self._has_account(state)
        removed = self.again and self._was_there and not there
        if removed or self._is_signed_out() or self._comes_too_late(state):
            return state
        self._was_there = there
        return with_sign_in(state, self._who, self._tokens, self._account, self._now)


class StoreInOtherCache(StoreReply):
    """The change that stores a sign-in's refresh token in the other cache, in the place of earlier ones."""

    def __call__(self, state: State) -> State:
        """Return the cache with the refresh token, or the same object if nothing changes."""
        if self._is_signed_out() or self._comes_too_late(state):
            return state
        return renewed(state, self._who, self._tokens, self._account, self._now)


class StoreRefresh(StoreReply):
    """The change that stores the reply to a refresh, unless the account was signed out meanwhile.

    If the cache has a newer refresh token when the change is applied again, the user may have signed out and in again
    in between, and the change does not bring back a token of the earlier sign-in.

    Args:
        who, tokens, home_account_id, now, is_signed_out: as for ``StoreReply``.
        spent: the refresh token that was redeemed, and those that were refused before it.
        elsewhere: what other caches held just now, if they may hold the account instead.
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
        super().__init__(who, tokens, home_account_id, now, is_signed_out)
        self._spent = spent
        self._elsewhere = elsewhere
        # Read before the commit, because a change is applied under the cache's own lock.
        self._known: tuple[State, ...] = tuple(elsewhere())
        self._borrows = False
        self.stored = True

    def __call__(self, state: State) -> State:
        """Return the cache with the reply, or the same object if nothing changes."""
        if self._comes_too_late(state):
            return state
        own = self._has_account(state)
        self.stored = not self._is_signed_out() and (own or any(map(self._has_account, self._known)))
        self._borrows = not own
        if not self.stored:
            return state
        return with_refresh(state, self._who, self._tokens, self._account, self._spent, self._now)

    def is_undone(self) -> bool:
        """Check once more, after the commit, an account that only another cache held.

        That cache may have been cleared between the check and the commit. From here on only the cache's own content
        counts, because a change that could not be written is applied again later.
        """
        self._known = ()
        return self.stored and self._borrows and not any(map(self._has_account, self._elsewhere()))
