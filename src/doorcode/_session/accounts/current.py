"""The account that a credential currently uses, and which tokens may be remembered for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from doorcode._core.account_selection import AccountInUse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from doorcode._core.msal_cache.lookup import Account
    from doorcode._core.msal_cache.rows import StoredToken
    from doorcode._record import AuthenticationRecord
    from doorcode._session.memory import Entry, Key

FIRST_LOOK: Final = 64
"""The number of remembered tokens at which those that have ended are first looked for."""


class _Choice(NamedTuple):
    """What a credential knows of its account, replaced as a whole so that no thread sees half of a change.

    Attributes:
        record: of the latest sign-in, or the one that the program gave, or None.
        found: the ``home_account_id`` that was found in the cache instead, or None.
        asks: whether the program shows codes itself.
        signed_out: whether the program signed its account out.
    """

    record: AuthenticationRecord | None
    found: str | None = None
    asks: bool = False
    signed_out: bool = False


class CurrentAccount:
    """Hold the account of one credential. Thread-safe.

    Args:
        given: the record that the program gave.
        memory: the remembered tokens, of this account only.
    """

    def __init__(self, given: AuthenticationRecord | None, memory: MutableMapping[Key, Entry]) -> None:
        self._given = given
        self._choice = _Choice(given)
        self._records: dict[str, AuthenticationRecord] = {}
        self._memory = memory
        self._look_at = FIRST_LOOK
        self._lock = threading.Lock()

    def after_fork(self) -> None:
        """Replace a lock that another thread of the parent may have held at the fork."""
        self._lock = threading.Lock()

    def kept(self) -> dict[str, Any]:
        """Return the attributes that a pickled credential contains."""
        return self._choice._asdict()

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Restore what :meth:`kept` returned in the pickled credential."""
        self._choice = _Choice(**kept)

    @property
    def record(self) -> AuthenticationRecord | None:
        """Return the record of the latest sign-in, or the one that the program gave, or None."""
        return self._choice.record

    @property
    def in_use(self) -> AccountInUse:
        """Return the account for the rules of ``account_selection``."""
        record, found, asks, signed_out = self._choice
        return AccountInUse(None if record is None else record.home_account_id, found, asks, signed_out)

    def record_of(self, token: StoredToken) -> AuthenticationRecord | None:
        """Return the record of the account that signed in for a token; the latest one if the token names none."""
        return self._records.get(token.home_account_id, self.record)

    def remember(self, token: StoredToken, entries: Mapping[Key, Entry], now: float) -> None:
        """Remember a token, unless this credential has changed to another account since the token was requested.

        Args:
            token: the token.
            entries: the token under each of its keys.
            now: Unix seconds; tokens that are no longer fresh are forgotten whenever the memory has doubled.
        """
        with self._lock:
            if token.home_account_id in {"", self.in_use.home_account_id}:
                self._memory.update(entries)
                if len(self._memory) >= self._look_at:
                    self._forget_ended(now)

    def _forget_ended(self, now: float) -> None:
        for key, entry in list(self._memory.items()):
            if entry.fresh_until <= now:
                del self._memory[key]
        self._look_at = max(FIRST_LOOK, 2 * len(self._memory))

    def use(self, account: Account, may_use_cache: Callable[[], bool]) -> tuple[bool, bool]:
        """Change to an account that was found in the cache.

        Args:
            account: the account to use.
            may_use_cache: returns whether that is still allowed.

        Returns:
            Whether it is this credential's account now, and whether it was not before.
        """
        with self._lock:
            current = self.in_use.home_account_id
            if current is not None or not may_use_cache():
                return current == account.home_account_id, False
            self._choice = self._choice._replace(found=account.home_account_id)
            return True, True

    def sign_in(self, record: AuthenticationRecord) -> None:
        """Change to the account that a user signed in with."""
        with self._lock:
            if self.record is None or self.record.home_account_id != record.home_account_id:
                # Without a record, the remembered tokens may belong to an account that was found in the cache.
                self._memory.clear()
            self._choice = self._choice._replace(record=record, found=None)
            self._records[record.home_account_id] = record

    def sign_out(self, home_account_id: str) -> None:
        """Forget an account. No other account in the cache replaces it, because the user would not notice."""
        with self._lock:
            self._memory.clear()
            if self.in_use.home_account_id == home_account_id:
                self._choice = _Choice(self._given, asks=self._choice.asks, signed_out=True)

    def ask_elsewhere(self) -> None:
        """Record that the program itself shows codes to users; they have to sign in unless it names an account."""
        with self._lock:
            choice = self._choice._replace(asks=True)
            if choice.record is None:
                choice = choice._replace(found=None)
                self._memory.clear()
            self._choice = choice
