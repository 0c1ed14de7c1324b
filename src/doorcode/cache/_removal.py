"""Remove an account from the two caches of one name, whatever other processes store meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode.cache._errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from doorcode._core.msal_cache.rows import State
    from doorcode.cache._every_store import Troubles
    from doorcode.cache._token_cache import Change

__all__ = ["Removal", "in_turn"]

_MOST_VISITS: Final = 20
"""Visits after which other processes count as storing the account without end; a race needs three or four."""


class Removal:
    """A change that removes rows, and that notes whether there were any. Equal to one that removes the same rows.

    Args:
        change: removes the rows.
    """

    def __init__(self, change: Change) -> None:
        self._change = change
        self.made = False
        """Whether a cache held any of the rows."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Removal) and self._change == other._change

    def __hash__(self) -> int:
        return hash((Removal, self._change))

    def __call__(self, state: State) -> State:
        """Return the state without the rows."""
        after = self._change(state)
        self.made = self.made or after is not state
        return after


def in_turn(change: Change, visit: Callable[[bool, Removal], None], troubles: Troubles) -> None:
    """Remove rows from the two caches in turn, until a cache is found without them after both have been visited.

    A refresh of another process stores its reply in one cache also while only the other cache holds the account. So
    the account may be back in a cache that was visited before.

    Args:
        change: removes the rows.
        visit: takes whether it is the turn of the CAE cache, and the change; removes the rows there.
        troubles: collects the errors of stores that may still hold the rows; if there are any, each cache is visited
            once or twice.
    """
    for number in range(_MOST_VISITS):
        removal = Removal(change)
        visit(number % 2 == 1, removal)
        if number > 1 and (troubles or not removal.made):
            return
    troubles.add(StoreError("other processes store the account again and again: end them, and sign out once more"))
