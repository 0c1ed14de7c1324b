"""The account that a credential currently uses, and which tokens may be remembered for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from doorcode._core.account_selection import AccountInUse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from doorcode._core.msal_cache.lookup import Account, StoredToken
    from doorcode._record import AuthenticationRecord
    from doorcode._session.memory import Entry, Key

_KEPT: Final = ("record", "_found", "_asks")
"""The attributes that a pickled credential contains."""


class CurrentAccount:
    """Hold the account of one credential. Thread-safe.

    ``record`` is that of the latest sign-in, or the one that the program gave, or None.

    Args:
        given: the record that the program gave.
        memory: the remembered tokens, of this account only.
    """

    def __init__(self, given: AuthenticationRecord | None, memory: MutableMapping[Key, Entry]) -> None:
        self._given = given
        self.record = given
        self._records: dict[str, AuthenticationRecord] = {}
        self._found: str | None = None
        self._asks = False
        self._memory = memory
        self._lock = threading.Lock()

    def after_fork(self) -> None:
        """Replace a lock that another thread of the parent may have held at the fork."""
        self._lock = threading.Lock()

    def kept(self) -> dict[str, Any]:
        """Return the attributes that a pickled credential contains."""
        return {name: getattr(self, name) for name in _KEPT}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Restore what :meth:`kept` returned in the pickled credential."""
        self.__dict__.update(kept)

    @property
    def in_use(self) -> AccountInUse:
        """Return the account for the rules of ``account_selection``."""
        record = self.record
        return AccountInUse(None if record is None else record.home_account_id, self._found, self._asks)

    def record_of(self, token: StoredToken) -> AuthenticationRecord | None:
        """Return the record of the account that signed in for a token; the latest one if the token names none."""
        return self._records.get(token.home_account_id, self.record)

    def remember(self, token: StoredToken, entries: Mapping[Key, Entry]) -> None:
        """Remember a token, unless this credential has changed to another account since the token was requested."""
        with self._lock:
            if token.home_account_id in {"", self.in_use.home_account_id}:
                self._memory.update(entries)

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
            self._found = account.home_account_id
            return True, True

    def sign_in(self, record: AuthenticationRecord) -> None:
        """Change to the account that a user signed in with."""
        with self._lock:
            if self.record is None or self.record.home_account_id != record.home_account_id:
                # Without a record, the remembered tokens may belong to an account that was found in the cache.
                self._memory.clear()
            self.record, self._found = record, None
            self._records[record.home_account_id] = record

    def sign_out(self, home_account_id: str) -> None:
        """Forget an account. No other account in the cache replaces it, because the user would not notice."""
        with self._lock:
            self._memory.clear()
            if self.in_use.home_account_id == home_account_id:
                self.record, self._found, self._asks = self._given, None, True

    def ask_elsewhere(self) -> None:
        """Record that the program itself shows codes to users; they have to sign in unless it names an account."""
        with self._lock:
            self._asks = True
            if self.record is None:
                self._found = None
                self._memory.clear()
