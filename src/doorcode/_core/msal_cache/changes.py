"""Compute the next state of a token cache; parts of it that are not understood stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from doorcode._core.json_values import as_object, instant
from doorcode._core.msal_cache.index import Section, section_of
from doorcode._core.msal_cache.rows import (
    ACCESS_TOKEN,
    ACCOUNT,
    ID_TOKEN,
    REFRESH_TOKEN,
    Row,
    State,
    access_token_key,
    is_account,
    rows_of,
    target_of,
    text_of,
)
from doorcode._core.scopes import covers, wanted
from doorcode._core.secret import Secret, SecretDict
from doorcode._core.values import value_class

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LEFT_EXPIRED: Final = 86400
"""How long an expired access token stays, in seconds, so that a clock that jumps loses no valid token."""

_TOKENS: Final = (ACCESS_TOKEN, REFRESH_TOKEN, ID_TOKEN)


def with_asked_target(rows: State, asked: tuple[str, ...], tenant_id: str | None = None) -> SecretDict:
    """Add a second row for the access token of a reply, under the requested scopes and tenant.

    MSAL stores scopes and tenant as the authority spells them, but looks for them as the program spells them.

    Args:
        rows: what MSAL's cache made of the reply.
        asked: the scopes of the request.
        tenant_id: the tenant of the request, if it may be another name of the row's realm.

    Returns:
        The rows and the added ones.
    """
    scopes = wanted(asked)
    added: dict[str, Row] = {}
    for _, row in rows_of(rows, ACCESS_TOKEN):
        granted = text_of(row, "target")
        target = target_of(scopes) if scopes and covers(scopes, granted) else granted
        copy = SecretDict(row, target=target, realm=tenant_id or text_of(row, "realm"))
        added[_key(copy)] = copy
    return SecretDict(merge({ACCESS_TOKEN: added}, rows) if added else rows)


def merge(state: State, rows: State, now: float | None = None) -> State:
    """Return the state with rows added or replaced.

    Args:
        state: what the cache holds.
        rows: the rows to store, under MSAL's keys.
        now: the time in Unix seconds, to drop access tokens of the same clients that expired
            more than a day ago; None keeps them.

    Returns:
        The next state, which shares the unchanged parts and the index with the old one.
    """
    merged: dict[str, Mapping[str, Row]] = dict(state)
    for section in rows:
        added = dict(rows_of(rows, section))
        if added:
            merged[section] = _grown(state, section, added)
    return merged if now is None else _without_ended(merged, rows, now)


def fill_in(state: State, other: State) -> State:
    """Return the state with the rows of accounts that only the other one has.

    Args:
        state: the state that takes precedence.
        other: the state that is used only for accounts that ``state`` does not have.
    """
    known = {text_of(row, "home_account_id") for section in _TOKENS for _, row in rows_of(state, section)}
    missing = {
        section: {key: row for key, row in rows_of(other, section) if text_of(row, "home_account_id") not in known}
        for section in (*_TOKENS, ACCOUNT)
    }
    return merge(state, missing)


def without_refresh_tokens(rows: State) -> State:
    """Return the rows of a reply without its refresh token, for a cache that has a row of the account already."""
    return {name: section for name, section in rows.items() if name != REFRESH_TOKEN}


def without_known_refresh_tokens(state: State, is_known: Callable[[str], bool]) -> State:
    """Return the state without the refresh tokens that a predicate knows."""
    return _without(state, (REFRESH_TOKEN,), lambda row: is_known(text_of(row, "secret")))


def replace_refresh_token(
    state: State, client_id: str, environments: frozenset[str], home_account_id: str, secret: Secret, now: float
) -> State:
    """Replace an account's refresh tokens by a rotated one.

    Args:
        state: what the cache holds.
        client_id: the application that the token was issued to.
        environments: the hosts of the authority, in lower case.
        home_account_id: the account.
        secret: the new refresh token.
        now: the time in Unix seconds.

    Returns:
        The next state; the same object if the account has no refresh token, or already has this one.
    """
    changed: dict[str, Row] = {}
    for key, row in rows_of(state, REFRESH_TOKEN):
        mine = text_of(row, "client_id") == client_id and is_account(row, environments, home_account_id)
        if mine and row.get("secret") != secret.reveal():
            changed[key] = SecretDict(row, secret=secret.reveal(), last_modification_time=str(int(now)))
    return merge(state, {REFRESH_TOKEN: changed}) if changed else state


@value_class(frozen=True, slots=True)
class RemoveAccount:
    """The change that removes an account's tokens for an application; see :func:`remove_account`.

    Attributes:
        client_id: the application.
        environments: the hosts of the authority, in lower case.
        home_account_id: the account.
    """

    client_id: str
    environments: frozenset[str]
    home_account_id: str

    def __call__(self, state: State) -> State:
        """Return the state without the account's tokens, or the same object if there are none."""
        return remove_account(state, self.client_id, self.environments, self.home_account_id)


def remove_account(state: State, client_id: str | None, environments: frozenset[str], home_account_id: str) -> State:
    """Remove an account's tokens, and the account unless another client still has tokens for it.

    Args:
        state: what the cache holds.
        client_id: the application whose tokens are removed; None for every application's.
        environments: the hosts of the authority, in lower case.
        home_account_id: the account.

    Returns:
        The next state; the same object if there is nothing to remove.
    """

    def is_theirs(row: Row) -> bool:
        return is_account(row, environments, home_account_id)

    def is_gone(row: Row) -> bool:
        return is_theirs(row) and (client_id is None or text_of(row, "client_id") == client_id)

    left = _without(state, _TOKENS, is_gone)
    if any(is_theirs(row) for section in _TOKENS for _, row in rows_of(left, section)):
        return left
    return _without(left, (ACCOUNT,), is_theirs)


def _key(row: Row) -> str:
    home, environment, client, realm, target = (
        text_of(row, name) for name in ("home_account_id", "environment", "client_id", "realm", "target")
    )
    return access_token_key(home, environment, client, realm, target)


def _section(state: State, name: str) -> Mapping[str, Row]:
    # Values in a section that are not rows are kept as well.
    return cast("Mapping[str, Row]", as_object(state.get(name)) or {})


def _grown(state: State, name: str, added: Mapping[str, Row]) -> Mapping[str, Row]:
    rows = _section(state, name)
    if name != ACCESS_TOKEN:
        return {**rows, **added}
    # Thousands of rows gather in this section, so it keeps its index.
    return (rows if isinstance(rows, Section) else Section(rows)).with_rows(added)


def _without(state: State, sections: tuple[str, ...], is_gone: Callable[[Row], bool]) -> State:
    gone = {name: {key for key, row in rows_of(state, name) if is_gone(row)} for name in sections}
    left = {
        name: {key: row for key, row in _section(state, name).items() if key not in keys}
        for name, keys in gone.items()
        if keys
    }
    return {**state, **left} if left else state


def _without_ended(state: State, rows: State, now: float) -> State:
    clients = {text_of(row, "client_id") for _, row in rows_of(rows, ACCESS_TOKEN)}
    if not section_of(state, ACCESS_TOKEN).may_have_ended(clients, now - LEFT_EXPIRED):
        return state

    def is_gone(row: Row) -> bool:
        end = instant(row.get("expires_on"))
        return text_of(row, "client_id") in clients and end is not None and end + LEFT_EXPIRED < now

    return _without(state, (ACCESS_TOKEN,), is_gone)
