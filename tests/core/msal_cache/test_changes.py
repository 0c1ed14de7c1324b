from __future__ import annotations

import copy
import json
from typing import Any

import msal
import pytest

from doorcode._core.msal_cache.changes import fill_in, merge, remove_account, replace_refresh_token, with_asked_target
from doorcode._core.msal_cache.lookup import access_token, accounts, refresh_token
from doorcode._core.secret import Secret
from support.rows import ACCOUNT, CLIENT, HOST, TENANT, rows

NOW = 1_700_000_000
HOSTS = frozenset({HOST})
FOREIGN = {
    "Future": {},
    "AppMetadata": {"x": {"client_id": "other"}},
    "Account": {"odd": {"username": None}, "worse": None},
    "RefreshToken": {"odd": {"target": None}},
    "AccessToken": {"odd": {"expires_on": None}, "worse": [1]},
    "IdToken": [],
}


def found(state: Any, scopes: tuple[str, ...], tenant_id: str = TENANT) -> bool:
    """Return whether a token for scopes and tenant is found."""
    return access_token(state, CLIENT, HOSTS, ACCOUNT, tenant_id, scopes, NOW) is not None


def found_by_msal(state: Any, scopes: list[str], realm: str = TENANT) -> bool:
    """Return whether MSAL finds one in the same cache."""
    cache = msal.SerializableTokenCache()
    cache.deserialize(json.dumps(state))
    query = {"home_account_id": ACCOUNT, "environment": HOST, "client_id": CLIENT, "realm": realm}
    return any(cache.search("AccessToken", target=scopes, query=query, now=NOW))


# -- the asked spelling


@pytest.mark.parametrize(
    ("granted", "asked"),
    [
        pytest.param("User.Read openid profile", ("user.read",), id="other case"),
        pytest.param("user_impersonation", ("api://app/user_impersonation",), id="short form"),
        pytest.param("https://r/read https://r/write", ("https://r/.default",), id="default"),
        pytest.param("a b", ("b", "openid", "a"), id="reordered, with a reserved one"),
    ],
)
def test_tokens_answer_what_was_asked(granted: str, asked: tuple[str, ...]) -> None:
    """A token is found, by MSAL too, under the scopes as they were asked and as they were granted."""
    stored = with_asked_target(rows(NOW, scope=granted), asked)
    names = [scope for scope in asked if scope != "openid"]
    assert found(stored, tuple(names))
    assert found_by_msal(stored, names)
    assert found(stored, tuple(granted.split()))
    assert not found(stored, (*names, "more"))


@pytest.mark.parametrize(
    ("granted", "asked"),
    [
        pytest.param("a", ("a", "b"), id="narrower"),
        pytest.param("a", ("openid",), id="only reserved ones asked"),
        pytest.param("a b", ("b", "a"), id="nothing to add"),
    ],
)
def test_nothing_is_added_that_was_not_granted(granted: str, asked: tuple[str, ...]) -> None:
    """A smaller grant answers no more than it gave."""
    assert with_asked_target(rows(NOW, scope=granted), asked) == rows(NOW, scope=granted)


def test_tokens_answer_the_tenant_that_was_asked() -> None:
    """A tenant asked by a domain is stored by MSAL under its ID, and is found under both."""
    stored = with_asked_target(rows(NOW, scope="a"), ("A",), "contoso.com")
    assert found(stored, ("a",), "contoso.com")
    assert found(stored, ("a",))
    narrower = with_asked_target(rows(NOW, scope="a"), ("a", "b"), "contoso.com")
    assert found(narrower, ("a",), "contoso.com")
    assert not found(narrower, ("a", "b"), "contoso.com")


@pytest.mark.parametrize("state", [{}, {"AccessToken": {}}, {"RefreshToken": {"k": {}}}])
def test_rows_without_an_access_token_stay(state: Any) -> None:
    """Where there is no access token, there is nothing to add."""
    assert with_asked_target(state, ("a",)) == state


# -- merging


def test_what_is_foreign_is_kept() -> None:
    """Unknown sections, odd rows and other tools' data survive a merge as they were."""
    state = merge(FOREIGN, rows(NOW))  # type: ignore[arg-type]
    assert found(state, ("https://r/.default",))
    for section, entries in FOREIGN.items():
        if isinstance(entries, dict):
            assert {key: dict(state[section])[key] for key in entries} == entries


def test_what_is_no_row_is_not_merged() -> None:
    """Only rows are put into a cache."""
    assert merge({}, {"AccessToken": {"k": None}, "X": 3}) == {}  # type: ignore[dict-item]


def test_merge_shares_what_did_not_change() -> None:
    """The old state stays as it was, and sections that did not change are the same objects."""
    old = rows(NOW)
    before = copy.deepcopy(old)
    new = merge(old, {"RefreshToken": rows(NOW, refresh_token="new")["RefreshToken"]})
    assert old == before
    assert new["AccessToken"] is old["AccessToken"]
    assert refresh_token(new, CLIENT, HOSTS, ACCOUNT) == Secret("new")


def test_access_tokens_that_ended_long_ago_go() -> None:
    """With a time, this client's access tokens that ended more than a day before it are let go; others stay."""
    day, lifetime = 86400, 3600
    odd = {"AccessToken": {"odd": {"client_id": CLIENT, "expires_on": None, "target": "odd"}}}
    old = merge(merge(rows(NOW, scope="a"), rows(NOW, scope="x", client_id="other")), odd)
    fresh = rows(NOW + day + lifetime, scope="b")
    kept = merge(old, fresh, NOW + day + lifetime)
    gone = merge(old, fresh, NOW + day + lifetime + 1)
    assert {row["target"] for row in kept["AccessToken"].values()} == {"a", "b", "x", "odd"}
    assert {row["target"] for row in gone["AccessToken"].values()} == {"b", "x", "odd"}
    assert gone["RefreshToken"] == kept["RefreshToken"]


def test_fill_in() -> None:
    """Accounts that only the other state has come with all their rows; known ones stay as they are."""
    bob = rows(NOW, account="bob.utid", access_token="bob's")
    state = fill_in(rows(NOW), merge(rows(NOW, access_token="other", scope="b"), bob))
    assert not found(state, ("b",))
    assert found(state, ("https://r/.default",))
    assert {account.home_account_id for account in accounts(state, CLIENT, HOSTS)} == {ACCOUNT, "bob.utid"}
    assert fill_in({}, bob) == {name: section for name, section in bob.items() if name != "AppMetadata"}


# -- rotating


def test_a_rotated_refresh_token_replaces_the_old() -> None:
    """Every refresh token of the account becomes the new one, with the time; nothing else changes."""
    old = merge(rows(NOW), rows(NOW, scope="b"))
    new = replace_refresh_token(old, CLIENT, HOSTS, ACCOUNT, Secret("new"), NOW + 7.9)
    changed = [dict(row) for row in new["RefreshToken"].values()]
    assert [(row["secret"], row["last_modification_time"]) for row in changed] == [("new", str(NOW + 7))] * 2
    assert new["AccessToken"] is old["AccessToken"]
    assert json.dumps(old).count('"new"') == 0


@pytest.mark.parametrize(
    "state",
    [
        pytest.param({}, id="empty cache"),
        pytest.param(rows(NOW, account="bob.utid"), id="another account's"),
        pytest.param(rows(NOW, client_id="other", foci="1"), id="another client's"),
        pytest.param(rows(NOW, host="elsewhere.example"), id="another authority's"),
        pytest.param(rows(NOW, refresh_token=None), id="no refresh token"),
        pytest.param(rows(NOW, refresh_token="new"), id="the new one already"),
    ],
)
def test_nothing_to_rotate(state: Any) -> None:
    """Where there is no refresh token to replace, the state is the very same object."""
    assert replace_refresh_token(state, CLIENT, HOSTS, ACCOUNT, Secret("new"), NOW) is state


# -- removing


def test_remove_account() -> None:
    """Tokens of the client go, and with its last token the account."""
    bob = rows(NOW, account="bob.utid")
    state = merge(merge(rows(NOW), rows(NOW, realm="second")), bob)
    left = remove_account(state, CLIENT, HOSTS, ACCOUNT)
    assert left == bob


def test_an_account_stays_while_another_client_has_tokens() -> None:
    """Signing out of one program leaves the other signed in."""
    other = rows(NOW, client_id="other")
    state = merge(rows(NOW), other)
    left = remove_account(state, CLIENT, HOSTS, ACCOUNT)
    assert accounts(left, CLIENT, HOSTS) == ()
    assert [account.username for account in accounts(left, "other", HOSTS)] == ["ada@contoso.example"]
    assert remove_account(state, None, HOSTS, ACCOUNT)["Account"] == {}


def test_nothing_to_remove() -> None:
    """Where the account is not, the state is the very same object."""
    state = merge(FOREIGN, rows(NOW))  # type: ignore[arg-type]
    assert remove_account(state, CLIENT, HOSTS, "eve.utid") is state
