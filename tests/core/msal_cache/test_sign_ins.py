"""What a reply changes in a cache, a late one included, and what it no longer changes after a sign-out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doorcode._core.model import Tokens, Who
from doorcode._core.msal_cache import lookup
from doorcode._core.msal_cache.sign_ins import (
    StoreInOtherCache,
    StoreRefresh,
    StoreSignIn,
    with_refresh,
    with_rotated,
    with_sign_in,
)
from doorcode._core.secret import Secret
from support import rows
from support.virtual import WALL, tokens

WHO = Who(rows.CLIENT, frozenset({rows.HOST}), rows.ACCOUNT)
SPENT = (Secret("RT"),)
SIGNED_IN: Any = rows.rows(WALL)


def reply(access_token: str = "AT2", refresh_token: str | None = "RT2") -> Tokens:
    """Return a reply to the refresh token ``RT``."""
    made = rows.rows(WALL, access_token=access_token, refresh_token=refresh_token)
    return replace(tokens(access_token), rows=made)


def refresh_tokens(state: Any) -> set[str]:
    """Return the refresh tokens of a state."""
    return {row["secret"] for row in state.get("RefreshToken", {}).values()}


def access_tokens(state: Any) -> set[str]:
    """Return the access tokens of a state."""
    return {row["secret"] for row in state.get("AccessToken", {}).values()}


@pytest.mark.parametrize(
    ("stored", "spent", "left"),
    [
        ("RT", SPENT, "RT2"),
        ("RT3", SPENT, "RT3"),
        ("RT3", (Secret("RT3"), *SPENT), "RT2"),
        (None, SPENT, "RT2"),
    ],
    ids=["the one that was spent", "a newer one", "one that was refused before", "none"],
)
def test_a_new_refresh_token_takes_the_place_of_a_spent_one_alone(
    stored: str | None, spent: tuple[Secret, ...], left: str
) -> None:
    """A late reply does not bring back what another process has replaced; its access token is good all the same."""
    state = rows.rows(WALL - 60, access_token="AT", refresh_token=stored)
    after = with_refresh(state, WHO, reply(), rows.ACCOUNT, spent, WALL)
    assert refresh_tokens(after) == {left}
    assert access_tokens(after) == {"AT2"}


@pytest.mark.parametrize(("stored", "left"), [("RT", {"RT2"}), ("RT3", {"RT3"}), (None, set())])
def test_the_other_cache_is_given_the_new_one_where_it_has_the_spent_one(stored: str | None, left: set[str]) -> None:
    """Both caches hold one grant; access tokens never meet."""
    state = rows.rows(WALL - 60, refresh_token=stored)
    after = with_rotated(state, WHO, reply(), rows.ACCOUNT, SPENT, WALL)
    assert refresh_tokens(after) == left
    assert access_tokens(after) == {"AT"}


def test_a_reply_without_a_refresh_token_leaves_the_one_that_is_there() -> None:
    """The authority need not issue a new one (RFC 6749 6)."""
    state = rows.rows(WALL - 60)
    assert refresh_tokens(with_refresh(state, WHO, reply(refresh_token=None), rows.ACCOUNT, SPENT, WALL)) == {"RT"}


def test_a_sign_in_replaces_whatever_is_there() -> None:
    """It is the newest by its nature."""
    state = rows.rows(WALL - 60, refresh_token="RT3")
    after = with_sign_in(state, WHO, reply(), rows.ACCOUNT, WALL)
    assert lookup.refresh_token(after, rows.CLIENT, WHO.environments, rows.ACCOUNT) == Secret("RT2")
    assert refresh_tokens(after) == {"RT2"}


def sign_in(*, signed_out: bool = False) -> StoreSignIn:
    """Return the change that stores a sign-in."""
    return StoreSignIn(WHO, reply(), rows.ACCOUNT, WALL, lambda: signed_out)


def refresh(elsewhere: list[Any], *, signed_out: bool = False) -> StoreRefresh:
    """Return the change that stores a refresh."""
    return StoreRefresh(WHO, reply(), rows.ACCOUNT, SPENT, WALL, lambda: signed_out, lambda: tuple(elsewhere))


@pytest.mark.parametrize("state", [{}, SIGNED_IN], ids=["nobody", "the account"])
def test_a_sign_in_is_stored_whoever_was_there(state: Any) -> None:
    """Until this credential has signed the account out."""
    assert sign_in()(state) is not state
    assert sign_in(signed_out=True)(state) is state


def test_a_sign_in_that_waits_to_be_stored_brings_no_account_back() -> None:
    """An account that was in the cache and is not any more was signed out by another process."""
    change = sign_in()
    change(SIGNED_IN)
    assert change({}) != {}, "another try of the same commit, after a conflict"
    change(SIGNED_IN)
    change.again = True
    assert change(SIGNED_IN) is not SIGNED_IN
    assert change({}) == {}


def test_a_sign_in_that_waits_to_be_stored_is_the_first_of_its_account() -> None:
    """Where the account never was in the cache, nothing was signed out."""
    change = sign_in()
    change({})
    change.again = True
    assert change({}) != {}


@pytest.mark.parametrize("kind", [StoreSignIn, StoreInOtherCache])
@pytest.mark.parametrize(
    ("again", "stored_at", "left"),
    [(False, WALL + 60, "RT2"), (True, WALL - 60, "RT2"), (True, WALL + 60, "RT3")],
    ids=["at once", "later, over an older one", "later, beside a newer one"],
)
def test_a_sign_in_that_waits_to_be_stored_replaces_no_newer_refresh_token(
    kind: type[StoreSignIn | StoreInOtherCache],
    again: bool,  # noqa: FBT001 - a column
    stored_at: float,
    left: str,
) -> None:
    """Another process may have spent the waiting one, which this process stored elsewhere, and have its successor."""
    change = kind(WHO, reply(), rows.ACCOUNT, WALL, lambda: False)
    change.again = again
    assert refresh_tokens(change(rows.rows(stored_at, refresh_token="RT3"))) == {left}


def test_a_sign_in_is_not_stored_in_the_other_cache_after_a_sign_out() -> None:
    """The account is gone from both."""
    change = StoreInOtherCache(WHO, reply(), rows.ACCOUNT, WALL, lambda: True)
    assert change(SIGNED_IN) is SIGNED_IN


def test_a_refresh_is_stored_where_its_account_is() -> None:
    """In this cache or in another; not for an account that is nowhere."""
    for state, elsewhere in ((SIGNED_IN, []), ({}, [{}, SIGNED_IN])):
        change = refresh(elsewhere)
        assert change(state) is not state
        assert change.stored
        assert not change.is_undone()
    nowhere = refresh([{}])
    assert nowhere({}) == {}
    assert not nowhere.stored
    assert not nowhere.is_undone()


def test_a_refresh_that_waits_to_be_stored_brings_nothing_back_after_another_sign_in() -> None:
    """The user may have signed out and in again in another process; until then its token is stored."""
    change = refresh([])
    change.again = True
    anew = rows.rows(WALL + 60, access_token="AT3", refresh_token="RT3")
    assert access_tokens(change(anew)) == {"AT3"}
    assert access_tokens(change(SIGNED_IN)) == {"AT2"}


def test_a_refresh_is_not_stored_for_an_account_that_this_credential_signed_out() -> None:
    """Though it is there: it has been signed in anew, and what the old grant brought is no part of that."""
    change = refresh([SIGNED_IN], signed_out=True)
    assert change(SIGNED_IN) is SIGNED_IN
    assert not change.stored


def test_a_refresh_that_believed_another_cache_looks_again() -> None:
    """That cache may have been cleared meanwhile; what waits to be stored does not believe it any longer."""
    elsewhere = [SIGNED_IN]
    change = refresh(elsewhere)
    assert change({}) != {}
    elsewhere.clear()
    assert change.is_undone()
    assert change({}) == {}
    assert change(SIGNED_IN) is not SIGNED_IN
