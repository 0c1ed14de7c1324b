"""The sign-outs of a credential, so that a call that started earlier does not bring an account back."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

EVERY_ACCOUNT: Final = ""
"""The name of a sign-out that found no account; it ends all sign-ins that are under way."""


class SignOuts:
    """Count a credential's sign-outs, and remember the last one of each account. Thread-safe.

    A flow notes the count before it reads a cache or prompts the user. Its result is stored and remembered only if no
    sign-out has begun or ended since then.
    """

    def __init__(self) -> None:
        self.lock: threading.Lock = threading.Lock()
        """Guards the tokens in memory and the record, which a sign-out forgets at the moment when it is counted."""
        self._one_at_a_time = threading.RLock()
        self._count = 0
        self._last: dict[str, float] = {}

    @property
    def count(self) -> int:
        """Return the number of sign-outs; each counts once when it begins, and again when it ends."""
        return self._count

    def include(self, home_account_id: str, since: int) -> bool:
        """Return whether an account was signed out since then, or is being signed out now.

        Args:
            home_account_id: the account.
            since: an earlier ``count``.
        """
        return max(self._last.get(name, 0) for name in (home_account_id, EVERY_ACCOUNT)) > since

    @contextmanager
    def under_way(self, find: Callable[[], str], forget: Callable[[str], None]) -> Generator[str]:
        """Count a sign-out, before and after the caller removes the stored tokens.

        Args:
            find: returns the account, or ``EVERY_ACCOUNT`` if none is known. Called when no other sign-out is under
                way, because a cache may hold an account whose tokens are being removed.
            forget: clears the memory; called with the account and under the lock, before and after the removal, because
                a call between the two may read a token that is not removed yet.

        Yields:
            the account.
        """
        with self._one_at_a_time:
            home_account_id = find()
            self._note(home_account_id, forget, ended=False)
            try:
                yield home_account_id
            finally:
                self._note(home_account_id, forget, ended=True)

    def _note(self, home_account_id: str, forget: Callable[[str], None], *, ended: bool) -> None:
        with self.lock:
            self._count += 1
            self._last[home_account_id] = self._count if ended else math.inf
            forget(home_account_id)
