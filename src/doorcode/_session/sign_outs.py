"""Know which accounts a credential has signed out, so that a call that started earlier brings none of them back."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

EVERY_ACCOUNT: Final = ""
"""What stands for a sign-out that found no account: it ends the sign-ins that are under way, whoever's they are."""


class SignOuts:
    """Count a credential's sign-outs, and remember the last one of each account. Thread-safe.

    A flow notes the count before it looks at a cache or asks the user. What it learned is stored and remembered only
    where no sign-out has begun or ended since then.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """Guards what a sign-out forgets at once with being counted: the tokens in memory and the record."""
        self._one_at_a_time = threading.Lock()
        self._count = 0
        self._last: dict[str, float] = {}

    @property
    def count(self) -> int:
        """Return how many there have been; one that is under way counts once, and again when it has ended."""
        return self._count

    def include(self, home_account_id: str, since: int) -> bool:
        """Return whether an account was signed out since then, or is being signed out now.

        Args:
            home_account_id: the account.
            since: a ``count`` of earlier.
        """
        return max(self._last.get(name, 0) for name in (home_account_id, EVERY_ACCOUNT)) > since

    @contextmanager
    def under_way(self, home_account_id: str, forget: Callable[[], None]) -> Generator[None]:
        """Count a sign-out around the removal of what is stored.

        Args:
            home_account_id: whose; ``EVERY_ACCOUNT`` where none is known.
            forget: forgets what is in memory; called under the lock, before and after. What another call reads between
                the two may be of an account that is not removed yet.
        """
        with self._one_at_a_time:
            self._note(home_account_id, forget, ended=False)
            try:
                yield
            finally:
                self._note(home_account_id, forget, ended=True)

    def _note(self, home_account_id: str, forget: Callable[[], None], *, ended: bool) -> None:
        with self.lock:
            self._count += 1
            self._last[home_account_id] = self._count if ended else math.inf
            forget()
