"""An account is removed from both caches, whatever other processes store meanwhile."""

from __future__ import annotations

import pytest

from doorcode._core.msal_cache.rows import State
from doorcode.cache import StoreError
from doorcode.cache._every_store import Troubles
from doorcode.cache._removal import Removal, in_turn

HELD: State = {"RefreshToken": {"key": {}}}


def visits(held: list[bool], troubles: Troubles) -> list[bool]:
    """Return which caches are visited, where each visit finds the account or does not."""
    found, order = iter(held), []

    def visit(cae: bool, removal: Removal) -> None:  # noqa: FBT001 - the function's shape
        order.append(cae)
        removal(HELD if next(found, True) else {})

    in_turn(lambda state: {} if state else state, visit, troubles)
    return order


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ([False, False, False], [False, True, False]),
        ([True, True, False], [False, True, False]),
        ([True, True, True, False], [False, True, False, True]),
        ([True, True, True, True, False], [False, True, False, True, False]),
    ],
)
def test_the_caches_are_visited_until_one_stays_without_the_account(held: list[bool], expected: list[bool]) -> None:
    """A refresh of another process may bring the account back into the cache that was visited before."""
    troubles = Troubles()
    assert visits(held, troubles) == expected
    troubles.throw()


def test_an_account_that_comes_back_without_end_is_an_error() -> None:
    """A sign-out never returns as if it had worked."""
    troubles = Troubles()
    visits([], troubles)
    with pytest.raises(StoreError, match="again and again"):
        troubles.throw()


def test_a_store_that_fails_is_not_tried_without_end() -> None:
    """Its rows stay, so each visit would find them."""
    troubles = Troubles()
    troubles.add(StoreError("a locked keyring"))
    assert len(visits([], troubles)) == 3
