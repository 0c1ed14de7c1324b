"""What a refresh changes in a cache, late replies included."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from doorcode._core import lookup
from doorcode._core.cache_replies import with_refresh, with_rotated, with_sign_in
from doorcode._core.secret import Secret
from doorcode._core.steps import Tokens, Who
from support import rows
from support.virtual import WALL, tokens

WHO = Who(rows.CLIENT, frozenset({rows.HOST}), rows.ACCOUNT)
SPENT = (Secret("RT"),)


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
