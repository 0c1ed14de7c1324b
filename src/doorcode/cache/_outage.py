"""What a process may do while its store's server does not answer: other machines go on using the server."""

from __future__ import annotations

from typing import Final

from doorcode import _clock
from doorcode._core.msal_cache.changes import without_known_refresh_tokens
from doorcode._core.msal_cache.rows import REFRESH_TOKEN, State, rows_of, text_of
from doorcode.cache._protocol import TokenStore, is_remote

__all__ = ["ServedRefreshTokens", "ServerOutage"]

PAUSE: Final = 2.0
"""Seconds after a failed lease, or a failed write, until the next attempt."""


class ServerOutage:
    """Remember the last failures of a store's server. A store without a server has no outage.

    Args:
        store: the store.
    """

    def __init__(self, store: TokenStore) -> None:
        self.possible = is_remote(store)
        self._unreadable: str | None = None
        self._leaseless: tuple[float, str] = (0.0, "")
        self._next_write = 0.0

    @property
    def reason(self) -> str | None:
        """Return why the refresh tokens that the store held may not be redeemed now; None if they may."""
        if not self.possible:
            return None
        until, why = self._leaseless
        return self._unreadable or (why if _clock.monotonic() < until else None)

    def read(self, error: Exception | None) -> None:
        """Note that the store was read, or why it was not."""
        self._unreadable = None if error is None else str(error)

    def leased(self, error: Exception | None) -> None:
        """Note that the store answered a request for a lease, or why it did not."""
        self._leaseless = (0.0, "") if error is None else (_clock.monotonic() + PAUSE, str(error))

    def may_write_again(self) -> bool:
        """Tell whether to try again to store what could not be stored: at most once in ``PAUSE`` seconds."""
        now = _clock.monotonic()
        if not self.possible or self.reason is not None or now < self._next_write:
            return False
        self._next_write = now + PAUSE
        return True


class ServedRefreshTokens:
    """Remember the refresh tokens that a server has held, or perhaps holds: other machines may redeem them.

    The two caches of a credential share one object, because a sign-in gives both of them the same refresh token.
    """

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        """Of the tokens, which are not kept themselves: this set is never emptied."""

    def add(self, state: State) -> None:
        """Note the refresh tokens that the server holds, or has perhaps stored."""
        self._hashes.update(hash(text_of(row, "secret")) for _, row in rows_of(state, REFRESH_TOKEN))

    def taken_from(self, state: State) -> State:
        """Return a state without these refresh tokens."""
        return without_known_refresh_tokens(state, lambda secret: hash(secret) in self._hashes)
