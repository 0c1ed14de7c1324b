from __future__ import annotations

import copy
from typing import Any, NoReturn

import pytest

from doorcode._core.msal_cache.changes import merge
from doorcode._core.msal_cache.lookup import Account, access_token, accounts, has_account, refresh_token
from doorcode._core.msal_cache.rows import State
from doorcode._core.secret import Secret
from support.rows import ACCOUNT, CLIENT, HOST, TENANT, id_token, rows

NOW = 1_700_000_000
HOSTS = frozenset({HOST, "alias.example"})
S = ("https://r/.default",)
ADA = Account(ACCOUNT, "ada@contoso.example", HOST, (TENANT,), "uid")
BOB = Account("bob.utid", "bob@contoso.example", HOST, (TENANT,), "bob")


def both(*states: Any) -> State:
    """Return the states merged into one."""
    merged: State = {}
    for state in states:
        merged = merge(merged, state)
    return merged


def with_row(section: str, **changed: object) -> Any:
    """Return a sign-in's state with one field of the only row of a section changed, under the same key."""
    state = copy.deepcopy(rows(NOW))
    for row in state[section].values():
        row.update(changed)
    return state


def found(state: State, scopes: tuple[str, ...] = S, tenant_id: str = TENANT, now: float = NOW) -> str | None:
    """Return the access token that answers, in clear."""
    token = access_token(state, CLIENT, HOSTS, ACCOUNT, tenant_id, scopes, now)
    return None if token is None else token.secret.reveal()


# -- accounts


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param({}, (), id="empty cache"),
        pytest.param(rows(NOW), (ADA,), id="one sign-in"),
        pytest.param(rows(NOW, access_token=None), (ADA,), id="only a refresh token"),
        pytest.param(rows(NOW, refresh_token=None), (ADA,), id="only an access token"),
        pytest.param(rows(NOW, client_id="other"), (), id="another client's"),
        pytest.param(rows(NOW, host="elsewhere.example"), (), id="another authority's"),
        pytest.param(
            rows(NOW, host="alias.example"),
            (Account(ACCOUNT, ADA.username, "alias.example", (TENANT,), "uid"),),
            id="alias",
        ),
        pytest.param(
            both(rows(NOW), rows(NOW, account="bob.utid", username=BOB.username)), (ADA, BOB), id="two people"
        ),
        pytest.param(
            both(rows(NOW), rows(NOW, realm="second")),
            (Account(ACCOUNT, ADA.username, HOST, (TENANT, "second"), "uid"),),
            id="one person in two tenants",
        ),
        pytest.param(
            {"RefreshToken": rows(NOW)["RefreshToken"]}, (Account(ACCOUNT, environment=HOST),), id="no details"
        ),
        pytest.param({"Account": rows(NOW)["Account"]}, (), id="details without a token"),
        pytest.param(
            with_row("Account", username=None, local_account_id=3, realm=None),
            (Account(ACCOUNT, environment=HOST),),
            id="null",
        ),
        pytest.param(with_row("RefreshToken", home_account_id=None), (ADA,), id="a refresh token of nobody's"),
    ],
)
def test_accounts(state: State, expected: tuple[Account, ...]) -> None:
    """An account is this client's when it has a token for it, and is counted once."""
    assert accounts(state, CLIENT, HOSTS) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(rows(NOW), True, id="signed in"),
        pytest.param(rows(NOW, refresh_token=None), True, id="only an access token"),
        pytest.param(rows(NOW, client_id="other"), False, id="another client's"),
        pytest.param(rows(NOW, account="bob.utid"), False, id="another account's"),
        pytest.param({}, False, id="nobody"),
    ],
)
def test_has_account(state: State, expected: bool) -> None:  # noqa: FBT001
    """A token of either kind is a sign-in."""
    assert has_account(state, CLIENT, HOSTS, ACCOUNT) is expected


# -- access tokens

TARGETED = rows(NOW, scope="b User.Read openid")


@pytest.mark.parametrize(
    ("state", "scopes", "expected"),
    [
        pytest.param(rows(NOW), S, "AT", id="the same"),
        pytest.param(rows(NOW), ("HTTPS://R/.default",), "AT", id="other case"),
        pytest.param(rows(NOW), ("https://r//.default",), None, id="another number of slashes"),
        pytest.param(TARGETED, ("user.read",), "AT", id="one of several"),
        pytest.param(TARGETED, ("user.read", "b"), "AT", id="reordered"),
        pytest.param(TARGETED, ("b", "c"), None, id="more than was granted"),
        pytest.param(TARGETED, (), None, id="nothing asked"),
        pytest.param({}, S, None, id="empty cache"),
        pytest.param(rows(NOW, client_id="other"), S, None, id="another client's"),
        pytest.param(rows(NOW, account="bob.utid"), S, None, id="another account's"),
        pytest.param(rows(NOW, host="elsewhere.example"), S, None, id="another authority's"),
        pytest.param(rows(NOW, host="alias.example"), S, "AT", id="an alias's"),
        pytest.param(with_row("AccessToken", environment="LOGIN.example"), S, "AT", id="a host in other case"),
        pytest.param(rows(NOW, realm="other"), S, None, id="another tenant's"),
        pytest.param(rows(NOW, realm="TID"), S, "AT", id="the tenant in other case"),
        pytest.param(with_row("AccessToken", token_type="pop"), S, None, id="bound to a key"),
        pytest.param(with_row("AccessToken", token_type="BEARER"), S, "AT", id="type in other case"),
        pytest.param(with_row("AccessToken", token_type=None), S, "AT", id="no type"),
        pytest.param(with_row("AccessToken", key_id="k"), S, None, id="of a key"),
        pytest.param(with_row("AccessToken", ext_cache_key="k"), S, None, id="of other conditions"),
        pytest.param(with_row("AccessToken", user_assertion_hash="k"), S, None, id="on behalf of"),
        pytest.param(
            with_row("AccessToken", credential_type="AccessToken_With_AuthScheme"), S, None, id="another kind"
        ),
        pytest.param(with_row("AccessToken", credential_type=None), S, "AT", id="no kind"),
        pytest.param(with_row("AccessToken", secret=None), S, None, id="secret null"),
        pytest.param(with_row("AccessToken", secret="a\nb"), S, None, id="a secret that cannot be sent"),
        pytest.param(with_row("AccessToken", target=None), S, None, id="target null"),
        pytest.param(with_row("AccessToken", expires_on=None), S, None, id="no end"),
        pytest.param(with_row("AccessToken", expires_on="soon"), S, None, id="an end that cannot be read"),
        pytest.param(with_row("AccessToken", expires_on=NOW + 900.0), S, "AT", id="an end that is a number"),
        pytest.param(with_row("AccessToken", expires_on=str(NOW)), S, None, id="ended"),
        pytest.param(with_row("AccessToken", client_id=None), S, None, id="client null"),
        pytest.param({"AccessToken": []}, S, None, id="a section that is a list"),
        pytest.param({"AccessToken": {"k": None, "l": [], "m": 3}}, S, None, id="rows that are none"),
        pytest.param({"Future": {"x": 1}, **rows(NOW)}, S, "AT", id="an unknown section"),
    ],
)
def test_access_token(state: State, scopes: tuple[str, ...], expected: str | None) -> None:
    """A token answers for its client, account, authority, tenant and scopes; odd rows are none."""
    assert found(state, scopes) == expected
    # The same rows under keys of another library's making.
    moved = {"AccessToken": {f"x{n}": row for n, row in enumerate(dict(state.get("AccessToken") or {}).values())}}
    assert found(moved, scopes) == expected


def test_times_of_a_stored_token() -> None:
    """What MSAL wrote as text is read as instants."""
    token = access_token(rows(NOW, refresh_in=1800), CLIENT, HOSTS, ACCOUNT, TENANT, S, NOW)
    assert token is not None
    assert (token.expires_on, token.refresh_on, token.cached_at, token.token_type) == (
        NOW + 3600,
        NOW + 1800,
        NOW,
        "Bearer",
    )


SHORT = rows(NOW, access_token="short", scope="b", expires_in=400)
LONG = rows(NOW, access_token="long", scope="b c", expires_in=4000)
FUTURE = rows(NOW + 86400, access_token="future", scope="b")


@pytest.mark.parametrize(
    ("state", "now", "expected"),
    [
        pytest.param(both(SHORT, LONG), NOW, "short", id="fresh, under the very key"),
        pytest.param(both(SHORT, LONG), NOW + 200, "long", id="not fresh any more: the one that is"),
        pytest.param(both(SHORT, LONG), NOW + 3800, "long", id="none fresh: the one that lives longer"),
        pytest.param(both(SHORT, LONG), NOW + 4000, None, id="all ended"),
        pytest.param(both(FUTURE, LONG), NOW, "long", id="a token of the future comes after a fresh one"),
        pytest.param(FUTURE, NOW, "future", id="and is better than none"),
    ],
)
def test_the_freshest_counts(state: State, now: float, expected: str | None) -> None:
    """Of several tokens that answer, a fresh one is taken, else the one that is fresh for longest."""
    assert found(state, ("b",), now=now) == expected


def realm_state(realm: str, tid: object = TENANT, **changed: object) -> Any:
    """Return a sign-in at a shared realm whose ID token names a tenant."""
    state = copy.deepcopy(rows(NOW, realm=realm, id_token=id_token(sub="s", tid=tid)))
    for row in state["IdToken"].values():
        row.update(changed)
    return state


@pytest.mark.parametrize(
    ("state", "tenant_id", "expected"),
    [
        pytest.param(realm_state("organizations"), "organizations", "AT", id="the realm itself"),
        pytest.param(realm_state("organizations"), TENANT, "AT", id="the tenant of the ID token"),
        pytest.param(realm_state("Common"), "TID", "AT", id="common, in other case"),
        pytest.param(realm_state("consumers"), TENANT, "AT", id="consumers"),
        pytest.param(realm_state("organizations"), "other", None, id="another tenant"),
        pytest.param(realm_state("organizations"), "common", None, id="another shared realm"),
        pytest.param(realm_state("organizations", tid="other"), TENANT, None, id="the ID token of another tenant"),
        pytest.param(realm_state("organizations", tid=3), TENANT, None, id="tid a number"),
        pytest.param(realm_state("organizations", secret="x"), TENANT, None, id="an ID token that is none"),
        pytest.param(realm_state("organizations", secret="a.%.c"), TENANT, None, id="one that does not decode"),
        pytest.param(realm_state("organizations", secret=None), TENANT, None, id="secret null"),
        pytest.param({"AccessToken": realm_state("organizations")["AccessToken"]}, TENANT, None, id="no ID token"),
        pytest.param(realm_state("real", tid=TENANT), TENANT, None, id="a realm that is a tenant's"),
    ],
)
def test_shared_realms(state: State, tenant_id: str, expected: str | None) -> None:
    """A token stored under a shared realm answers the tenant that its ID token names."""
    assert found(state, tenant_id=tenant_id) == expected


class _Unscanned(dict[str, Any]):
    def values(self) -> NoReturn:
        raise AssertionError

    items = values
    __iter__ = values


@pytest.mark.parametrize("realm", [TENANT, "organizations"])
def test_a_fresh_token_is_found_without_a_scan(realm: str) -> None:
    """Under MSAL's own key the number of rows does not matter."""
    state = rows(NOW, realm=realm)
    unscanned = {name: _Unscanned(section) for name, section in state.items()}
    token = access_token(unscanned, CLIENT, frozenset({HOST}), ACCOUNT, TENANT if realm == TENANT else "utid", S, NOW)
    assert token is not None


def test_a_key_is_only_a_hint() -> None:
    """Keys run together, so what is found under one is checked like any other row."""
    state = rows(NOW)
    [key] = state["AccessToken"]
    wrong = {
        "AccessToken": {key: next(iter(rows(NOW, access_token="other", account="bob.utid")["AccessToken"].values()))}
    }
    assert found(wrong) is None


# -- refresh tokens


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(rows(NOW), "RT", id="the only one"),
        pytest.param(
            both(rows(NOW + 5, refresh_token="new", scope="b"), rows(NOW, refresh_token="old")), "new", id="the newest"
        ),
        pytest.param(
            both(rows(NOW, refresh_token="old"), rows(NOW + 5, refresh_token="new", host="alias.example")),
            "new",
            id="an alias's",
        ),
        pytest.param(
            both(with_row("RefreshToken", last_modification_time=None), rows(NOW, refresh_token="dated", scope="b")),
            "dated",
            id="one without a date is old",
        ),
        pytest.param(rows(NOW, foci="1"), "RT", id="an own one of a family"),
        pytest.param(rows(NOW, foci="1", client_id="other"), None, id="a family's, of another client"),
        pytest.param(rows(NOW, account="bob.utid"), None, id="another account's"),
        pytest.param(rows(NOW, host="elsewhere.example"), None, id="another authority's"),
        pytest.param(with_row("RefreshToken", secret=None), None, id="secret null"),
        pytest.param(with_row("RefreshToken", secret="\ud800"), None, id="a secret that cannot be sent"),
        pytest.param(
            both(with_row("RefreshToken", secret=None, last_modification_time=str(NOW + 9)), rows(NOW, scope="b")),
            "RT",
            id="an odd one is not the newest",
        ),
        pytest.param(with_row("RefreshToken", target=None), "RT", id="target null"),
        pytest.param({}, None, id="empty cache"),
    ],
)
def test_refresh_token(state: State, expected: str | None) -> None:
    """The newest refresh token of the client's own is taken, and never another client's."""
    assert refresh_token(state, CLIENT, HOSTS, ACCOUNT) == (None if expected is None else Secret(expected))
