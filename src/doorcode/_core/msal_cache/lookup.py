"""Find the token, refresh token or account in a token cache that answers a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode._core.json_values import decode_claims
from doorcode._core.msal_cache.index import Holder, holder_of, section_of
from doorcode._core.msal_cache.rows import (
    ACCESS_TOKEN,
    ACCOUNT,
    BEARER,
    ID_TOKEN,
    REFRESH_TOKEN,
    Row,
    State,
    StoredToken,
    access_token_key,
    id_token_key,
    is_account,
    last_modified,
    row_at,
    rows_of,
    secret_of,
    stored_token,
    target_of,
    text_of,
)
from doorcode._core.scopes import answers
from doorcode._core.tenants import SHARED, same_tenant
from doorcode._core.values import value_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from doorcode._core.secret import Secret

# A token that is bound to a key, or was issued under conditions that this library did not request, is not used.
_BINDINGS: Final = ("ext_cache_key", "key_id", "user_assertion_hash")


@value_class(frozen=True, slots=True)
class Account:
    """An account that a client is signed in to.

    Attributes:
        home_account_id: the identifier of the account.
        username: as the cache has it, to be cleaned before it is shown; may be "".
        environment: the host of its authority.
        realms: the tenants that it was seen in.
        local_account_id: its object ID in the first of them; may be "".
    """

    home_account_id: str
    username: str = ""
    environment: str = ""
    realms: tuple[str, ...] = ()
    local_account_id: str = ""


def accounts(state: State, client_id: str, environments: frozenset[str]) -> tuple[Account, ...]:
    """Return the accounts that this client has a refresh or access token for, one per home_account_id."""
    hosts: dict[str, str] = {}
    for name, host in _signed_in(state, client_id, environments):
        hosts.setdefault(name, host)
    return _described(state, environments, hosts)


def account_with_id(state: State, client_id: str, environments: frozenset[str], home_account_id: str) -> Account | None:
    """Find the account with an identifier; usernames are not compared (OpenID Connect Core 5.7)."""
    # The first row of the account is enough: if it is a refresh token, no access token is read.
    for name, host in _signed_in(state, client_id, environments):
        if name == home_account_id:
            return _described(state, environments, {name: host})[0]
    return None


def has_account(state: State, client_id: str, environments: frozenset[str], home_account_id: str) -> bool:
    """Tell whether this client has a refresh or access token for an account."""
    return any(name == home_account_id for name, _ in _signed_in(state, client_id, environments))


def access_token(
    state: State,
    client_id: str,
    environments: frozenset[str],
    home_account_id: str,
    tenant_id: str,
    scopes: tuple[str, ...],
    now: float,
) -> StoredToken | None:
    """Find the access token that answers a request.

    A fresh one under MSAL's own key is found without reading another row; else the rows with the first scope are read.

    Args:
        state: what the cache holds.
        client_id: the application that asks.
        environments: the hosts of the authority, in lower case.
        home_account_id: the account.
        tenant_id: the tenant of the request.
        scopes: its scopes, without reserved ones.
        now: the time in Unix seconds.

    Returns:
        The token with every scope that stays fresh longest; None if each one has expired or there is none.
    """
    if not scopes:
        return None
    wish = _Wish(state, client_id, environments, home_account_id, tenant_id, scopes)
    for row in wish.under_own_keys():
        token = stored_token(row) if wish.is_met_by(row) else None
        if token is not None and token.fresh(now):
            return token
    rows = filter(wish.is_met_by, section_of(state, ACCESS_TOKEN).with_scope(scopes[0]))
    tokens = [token for token in map(stored_token, rows) if token is not None and token.valid(now)]
    return max(tokens, key=lambda token: (token.fresh(now), token.fresh_until), default=None)


def refresh_token(state: State, client_id: str, environments: frozenset[str], home_account_id: str) -> Secret | None:
    """Find the newest refresh token that an account has for this client.

    Refresh tokens of other clients are never used, whatever family of applications they belong to.
    """
    return next(iter(refresh_tokens((state,), client_id, environments, home_account_id)), None)


def refresh_tokens(
    states: Iterable[State], client_id: str, environments: frozenset[str], home_account_id: str
) -> list[Secret]:
    """Return the newest refresh token of each cache that has one, the newest first, as for ``refresh_token``."""
    found = [
        max(_refresh_token_rows(state, client_id, environments, home_account_id), key=last_modified, default=None)
        for state in states
    ]
    rows = sorted((row for row in found if row is not None), key=last_modified, reverse=True)
    return [secret for row in rows if (secret := secret_of(row)) is not None]


def has_refresh_token_since(
    state: State, client_id: str, environments: frozenset[str], home_account_id: str, since: float
) -> bool:
    """Return whether a refresh token of an account was stored later than ``since``, in Unix seconds."""
    rows = _refresh_token_rows(state, client_id, environments, home_account_id)
    return any(last_modified(row) > since for row in rows)


def _refresh_token_rows(
    state: State, client_id: str, environments: frozenset[str], home_account_id: str
) -> Iterator[Row]:
    return (
        row
        for _, row in rows_of(state, REFRESH_TOKEN)
        if text_of(row, "client_id") == client_id
        and secret_of(row) is not None
        and is_account(row, environments, home_account_id)
    )


@value_class(frozen=True, slots=True)
class _Wish:
    """The properties of the access token that a request needs."""

    state: State
    client_id: str
    environments: frozenset[str]
    home_account_id: str
    tenant_id: str
    scopes: tuple[str, ...]

    def under_own_keys(self) -> Iterator[Row]:
        target = target_of(self.scopes)
        for environment in self.environments:
            for realm in (self.tenant_id, *SHARED):
                key = access_token_key(self.home_account_id, environment, self.client_id, realm, target)
                row = row_at(self.state, ACCESS_TOKEN, key)
                if row is not None:
                    yield row

    def is_met_by(self, row: Row) -> bool:
        return (
            text_of(row, "client_id") == self.client_id
            and is_account(row, self.environments, self.home_account_id)
            and answers(text_of(row, "target"), self.scopes)
            and _is_bearer(row)
            and self._is_of_tenant(row)
        )

    def _is_of_tenant(self, row: Row) -> bool:
        realm = text_of(row, "realm")
        if same_tenant(realm, self.tenant_id):
            return True
        return realm.lower() in SHARED and self._issued_by(row, realm)

    def _issued_by(self, row: Row, realm: str) -> bool:
        key = id_token_key(self.home_account_id, text_of(row, "environment"), self.client_id, realm)
        claims = decode_claims(text_of(row_at(self.state, ID_TOKEN, key) or {}, "secret"))
        tid = (claims or {}).get("tid")
        return isinstance(tid, str) and same_tenant(tid, self.tenant_id)


def _is_bearer(row: Row) -> bool:
    if any(row.get(name) for name in _BINDINGS):
        return False
    kind = text_of(row, "credential_type") or ACCESS_TOKEN
    return kind == ACCESS_TOKEN and (text_of(row, "token_type") or BEARER).lower() == BEARER.lower()


def _signed_in(state: State, client_id: str, environments: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the home_account_id and host of each account that this client has tokens for."""
    for client, name, host in _holders(state):
        if name and client == client_id and host in environments:
            yield name, host


def _holders(state: State) -> Iterator[Holder]:
    """Yield the holders of tokens, those with refresh tokens first."""
    for _, row in rows_of(state, REFRESH_TOKEN):
        yield holder_of(row)
    yield from section_of(state, ACCESS_TOKEN).holders()


def _described(state: State, environments: frozenset[str], hosts: Mapping[str, str]) -> tuple[Account, ...]:
    """Return the accounts of these identifiers, with the details that the cache has."""
    described: dict[str, list[Row]] = {name: [] for name in hosts}
    for _, row in rows_of(state, ACCOUNT):
        if text_of(row, "environment").lower() in environments:
            described.get(text_of(row, "home_account_id"), []).append(row)
    return tuple(_account(name, hosts[name], rows) for name, rows in described.items())


def _account(home_account_id: str, environment: str, rows: list[Row]) -> Account:
    realms = dict.fromkeys(filter(None, (text_of(row, "realm") for row in rows)))
    return Account(
        home_account_id, _first(rows, "username"), environment, tuple(realms), _first(rows, "local_account_id")
    )


def _first(rows: list[Row], name: str) -> str:
    return next(filter(None, (text_of(row, name) for row in rows)), "")
