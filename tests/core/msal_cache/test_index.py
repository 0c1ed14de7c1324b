"""Hints never lead astray: an indexed cache answers as one that is read from end to end."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from doorcode._core.msal_cache import changes, lookup
from doorcode._core.msal_cache.changes import LEFT_EXPIRED
from doorcode._core.msal_cache.index import Section, indexed, section_of
from doorcode._core.msal_cache.rows import State
from support.rows import CLIENT, HOST

NOW = 1_800_000_000
HOSTS = frozenset({HOST})
ACCOUNTS = st.sampled_from(["a.t", "b.t"])
SCOPES = st.sampled_from(["r/x", "r/X", "r/y", "r/x r/y"])
ROWS = st.fixed_dictionaries(
    {
        "secret": st.sampled_from(["1", "2"]),
        "home_account_id": ACCOUNTS,
        "environment": st.sampled_from([HOST, HOST.upper(), "other"]),
        "client_id": st.sampled_from([CLIENT, "other"]),
        "realm": st.just("t"),
        "target": SCOPES,
        "cached_at": st.just(str(NOW - 10)),
        "expires_on": st.sampled_from([str(NOW + 3600), str(NOW - 10), str(NOW - LEFT_EXPIRED - 10), "odd"]),
    }
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("klmn"), ROWS),
        st.tuples(st.just("remove"), ACCOUNTS, st.none()),
        st.tuples(st.just("look"), ACCOUNTS, st.none()),
    ),
    max_size=12,
)


def answers(state: State) -> list[Any]:
    """Return every answer that the index has a part in."""
    return [
        *(lookup.has_account(state, CLIENT, HOSTS, account) for account in ("a.t", "b.t")),
        {account.home_account_id for account in lookup.accounts(state, CLIENT, HOSTS)},
        *(
            lookup.access_token(state, CLIENT, HOSTS, account, "t", (scope,), NOW)
            for account in ("a.t", "b.t")
            for scope in ("r/x", "R/Y")
        ),
    ]


def plain(state: State) -> State:
    """Return a state without any index."""
    return {name: dict(section) for name, section in state.items()}


@given(STEPS)
def test_an_index_that_grew_answers_as_a_new_one(steps: list[tuple[str, str, Any]]) -> None:
    """Whatever was added, replaced and removed, and whenever it was looked at, also in states that came before."""
    state: State = {}
    history = []
    for kind, name, row in steps:
        if kind == "add":
            grown = changes.merge(state, {"AccessToken": {name: row}}, NOW)
            assert plain(grown) == plain(changes.merge(plain(state), {"AccessToken": {name: row}}, NOW))
            state = grown
        elif kind == "remove":
            state = changes.remove_account(state, CLIENT, HOSTS, name)
        else:
            answers(state)
        history.append(state)
    for each in history:
        assert answers(each) == answers(plain(each))


def test_what_is_no_row_is_kept_and_passed_over() -> None:
    """A section with odd things in it has an index of the rest."""
    odd: Any = {"AccessToken": {"k": "text", "l": None}, "More": 1}
    state = indexed(odd)
    assert state == odd
    assert lookup.accounts(state, CLIENT, HOSTS) == ()
    assert indexed({}) == {}


def test_an_index_shows_no_secret() -> None:
    """A section's ``repr`` has its keys."""
    assert repr(Section({"k": {"secret": "AT"}})) == "{'k': [secret]}"
    assert "AT" not in repr(section_of({"AccessToken": {"k": {"secret": "AT"}}}, "AccessToken"))
