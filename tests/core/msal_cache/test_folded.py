"""Changes that a store could not take, folded into one: what other processes did meanwhile still counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from doorcode._core.msal_cache import changes, lookup
from doorcode._core.msal_cache.changes import RemoveAccount
from doorcode._core.msal_cache.folded import Folded
from doorcode._core.msal_cache.rows import State
from support import rows

NOW = 1_700_000_000
HOSTS = frozenset({rows.HOST})
OTHER = "other.utid"
SIGN_OUT = RemoveAccount(rows.CLIENT, HOSTS, rows.ACCOUNT)


def storing(at: float = NOW, **fields: Any) -> Callable[[State], State]:
    """Return the change that stores a reply."""
    return lambda state: changes.merge(state, rows.rows(at, **fields), at)


def refresh_token(state: State, account: str = rows.ACCOUNT) -> str | None:
    """Return the refresh token of an account."""
    found = lookup.refresh_token(state, rows.CLIENT, HOSTS, account)
    return None if found is None else found.reveal()


def names(state: State) -> set[str]:
    """Return the accounts in a state."""
    return {account.home_account_id for account in lookup.accounts(state, rows.CLIENT, HOSTS)}


def test_it_does_what_the_changes_did() -> None:
    """The result is theirs, with accounts, ID tokens and access tokens, in an empty state and in one that has grown."""
    changes = [storing(refresh_token=f"RT{each}", scope=f"https://r{each}/.default") for each in range(3)]
    folded = Folded({}, changes, ())
    expected: State = {}
    for change in changes:
        expected = change(expected)
    assert folded({}) == expected
    assert folded(folded({})) == expected
    other = storing(account=OTHER)({})
    assert names(folded(other)) == {rows.ACCOUNT, OTHER}


def test_nothing_to_do_returns_the_same_state() -> None:
    """A store is not written for nothing."""
    before = storing()({})
    assert Folded(before, [lambda state: state], ())(before) is before
    folded = Folded({}, [storing()], ())
    after = folded({})
    assert folded(after) is after


def test_a_removal_reaches_an_account_that_could_not_be_read() -> None:
    """The store was not readable when the program signed the user out."""
    folded = Folded({}, [SIGN_OUT], [SIGN_OUT])
    assert names(folded(storing()({}))) == set()


def test_a_sign_in_after_a_removal_stays() -> None:
    """The user signed out and in again: the earlier tokens go, and the later ones come."""
    folded = Folded({}, [SIGN_OUT, storing(refresh_token="RT2")], [SIGN_OUT])
    stored = storing(refresh_token="RT1", access_token="AT1", scope="https://old/.default")({})
    after = folded(stored)
    assert refresh_token(after) == "RT2"
    assert "AT1" not in {row["secret"] for row in after["AccessToken"].values()}


def test_a_removal_that_another_change_made_is_kept() -> None:
    """Rows that went are removed, unless another process has replaced them by others."""
    before = storing(refresh_token="RT1")({})
    folded = Folded(before, [SIGN_OUT], ())
    assert names(folded(before)) == set()
    assert refresh_token(folded(storing(NOW + 1, refresh_token="RT2")(before))) == "RT2"


def test_an_account_that_another_process_signed_out_is_not_brought_back() -> None:
    """It was stored when the changes were made, and is not any more; other accounts are stored."""
    before = storing()({})
    folded = Folded(before, [storing(NOW + 5, refresh_token="RT2"), storing(account=OTHER)], ())
    after = folded({})
    assert names(after) == {OTHER}
    assert {row["home_account_id"] for row in after["Account"].values()} == {OTHER}


def test_a_newer_refresh_token_stays() -> None:
    """Another process has signed the user in since; an older refresh token of another process is replaced."""
    before = storing(refresh_token="RT1")({})
    folded = Folded(before, [storing(NOW + 5, refresh_token="RT2")], ())
    assert refresh_token(folded(storing(NOW + 9, refresh_token="RT3")(before))) == "RT3"
    assert refresh_token(folded(storing(NOW + 1, refresh_token="RT0")(before))) == "RT2"


def test_access_tokens_are_stored_beside_any_refresh_token() -> None:
    """A reply without a refresh token says nothing about which one is newer."""
    before = storing(refresh_token="RT1")({})
    folded = Folded(before, [storing(NOW + 5, refresh_token=None, scope="https://s/.default")], ())
    after = folded(storing(NOW + 9, refresh_token="RT3")(before))
    assert refresh_token(after) == "RT3"
    assert len(after["AccessToken"]) == 2


def test_folding_again_loses_nothing() -> None:
    """What was folded before is one of the changes."""
    sign_in, removal = storing(account=OTHER), [SIGN_OUT]
    once = Folded({}, [sign_in, SIGN_OUT], removal)
    twice = Folded({}, [once, storing(account=OTHER, refresh_token=None, scope="https://s/.default")], removal)
    assert names(twice(storing()({}))) == {OTHER}
    assert "RT" not in repr(vars(twice))
