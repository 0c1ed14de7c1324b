"""Read the rows of MSAL's unified token cache; malformed rows count as missing, never as an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from doorcode._core.json_values import as_object, instant, vschars
from doorcode._core.secret import Secret
from doorcode._core.values import value_class

State: TypeAlias = Mapping[str, Mapping[str, Mapping[str, object]]]
"""A token cache as MSAL serializes it: rows by section and key. Other values in it are skipped and kept."""

Row: TypeAlias = Mapping[str, object]

ACCESS_TOKEN: Final = "AccessToken"  # noqa: S105 - the name of a section, as the next two
REFRESH_TOKEN: Final = "RefreshToken"  # noqa: S105
ID_TOKEN: Final = "IdToken"  # noqa: S105
ACCOUNT: Final = "Account"

BEARER: Final = "Bearer"
"""The type of a token that is sent as it is (RFC 6750)."""

REFRESH_EARLY: Final = 300
"""How long before it expires a token without ``refresh_on`` is refreshed, in seconds."""
CLOCK_SKEW: Final = 120
"""Seconds by which the clocks of the machines and programs that share a cache may differ; @azure/identity rounds up."""


@value_class(frozen=True, slots=True)
class StoredToken:
    """An access token with its times.

    Attributes:
        secret: the token.
        expires_on: when it expires, in Unix seconds.
        refresh_on: when the authority wants it refreshed, in Unix seconds; None if it did not say.
        cached_at: when it was stored, in Unix seconds.
        token_type: how it is sent, such as ``Bearer``.
        home_account_id: the account that it was issued for; "" if the reply named none.
    """

    secret: Secret
    expires_on: int
    refresh_on: int | None = None
    cached_at: int = 0
    token_type: str = BEARER
    home_account_id: str = ""

    @property
    def fresh_until(self) -> int:
        """When it should be refreshed, in Unix seconds."""
        if self.refresh_on is None:
            return self.expires_on - REFRESH_EARLY
        return min(self.refresh_on, self.expires_on)

    @property
    def trusted_from(self) -> int:
        """When the clock must be at least, in Unix seconds; if it shows less, it has been set back."""
        return self.cached_at - CLOCK_SKEW

    def fresh(self, now: float) -> bool:
        """Return whether it can be used without a refresh; a token that was stored in the future is not trusted."""
        return self.trusted_from <= now < self.fresh_until

    def valid(self, now: float) -> bool:
        """Return whether it has not expired."""
        return now < self.expires_on


def rows_of(state: State, section: str) -> Iterator[tuple[str, Row]]:
    """Yield the keys and rows of a section."""
    for key, value in (as_object(state.get(section)) or {}).items():
        row = as_object(value)
        if row is not None:
            yield key, row


def row_at(state: State, section: str, key: str) -> Row | None:
    """Return one row by its key."""
    return as_object((as_object(state.get(section)) or {}).get(key))


def text_of(row: Row, name: str) -> str:
    """Return a field's text; "" when it has none."""
    value = row.get(name)
    return value if isinstance(value, str) else ""


def secret_of(row: Row) -> Secret | None:
    """Return a row's token; None if it has none that can be sent."""
    secret = vschars(row.get("secret"))
    return Secret(secret) if secret else None


def is_account(row: Row, environments: frozenset[str], home_account_id: str) -> bool:
    """Tell whether a row is an account's, at an authority or one of its aliases."""
    return text_of(row, "home_account_id") == home_account_id and text_of(row, "environment").lower() in environments


def last_modified(row: Row) -> float:
    """Return when a refresh token's row was stored, in Unix seconds; 0 if the row does not say."""
    return instant(row.get("last_modification_time")) or 0


def stored_token(row: Row) -> StoredToken | None:
    """Read an access token's row; return None if it has no token or no expiry."""
    secret, expires_on = secret_of(row), instant(row.get("expires_on"))
    if secret is None or expires_on is None:
        return None
    return StoredToken(
        secret=secret,
        expires_on=expires_on,
        refresh_on=instant(row.get("refresh_on")),
        cached_at=instant(row.get("cached_at")) or 0,
        token_type=text_of(row, "token_type") or BEARER,
        home_account_id=text_of(row, "home_account_id"),
    )


def access_token_key(home_account_id: str, environment: str, client_id: str, realm: str, target: str) -> str:
    """Return the key under which MSAL keeps an access token; ``target`` is its scopes, sorted."""
    return f"{home_account_id}-{environment}-{ACCESS_TOKEN}-{client_id}-{realm}-{target}".lower()


def id_token_key(home_account_id: str, environment: str, client_id: str, realm: str) -> str:
    """Return the key under which MSAL keeps an ID token."""
    return f"{home_account_id}-{environment}-{ID_TOKEN}-{client_id}-{realm}-".lower()


def target_of(scopes: tuple[str, ...]) -> str:
    """Return the ``target`` under which MSAL would look for scopes."""
    return " ".join(sorted(scopes))
