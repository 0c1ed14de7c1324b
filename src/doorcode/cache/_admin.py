"""List and remove the accounts of a token cache, without a credential."""

from __future__ import annotations

from typing import Final

from doorcode._core.checks import home_account_id_of
from doorcode._core.clouds import aliases
from doorcode._core.display import LONGEST_NAME, log_line, one_line
from doorcode._core.msal_cache.changes import remove_account
from doorcode._core.msal_cache.rows import ACCESS_TOKEN, ACCOUNT, REFRESH_TOKEN, State, rows_of, text_of
from doorcode._core.values import value_class
from doorcode._frames import clears_frames
from doorcode._log import logger
from doorcode.cache._every_store import EveryStore, Troubles
from doorcode.cache._options import TokenCachePersistenceOptions, resolve_options
from doorcode.cache._removal import in_turn

__all__ = ["CachedAccount", "accounts", "clear", "sign_out"]

_LOGGER: Final = logger("doorcode.cache")


@value_class(frozen=True, slots=True)
class CachedAccount:
    """An account with tokens in a cache.

    Attributes:
        home_account_id: the account's identifier.
        username: the account's name, for display; may be empty.
        environment: the host of the account's authority.
        client_ids: the applications that have tokens of the account.
    """

    home_account_id: str
    username: str
    environment: str
    client_ids: tuple[str, ...]


@clears_frames
def accounts(options: object | None = None) -> tuple[CachedAccount, ...]:
    """Return the accounts of all applications in a cache; makes no request.

    It reads every store that may hold the cache, not only the store that this process would use.

    Args:
        options: as for ``cache_persistence_options``; by default the cache that Microsoft's tools share.

    Raises:
        StoreError: a store that may hold more accounts cannot be read, such as a locked keyring.
        TypeError: the options have another type.
        ValueError: no directory is known for the cache.
    """
    troubles = Troubles()
    states = [state for stores in _both(options) for state in stores.read(troubles)]
    troubles.throw()
    found: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for state in states:
        names = _usernames(state)
        for section in (REFRESH_TOKEN, ACCESS_TOKEN):
            for _, row in rows_of(state, section):
                key = text_of(row, "home_account_id"), text_of(row, "environment").lower()
                _, clients = found.setdefault(key, (names.get(key[0], ""), set()))
                clients.add(text_of(row, "client_id"))
    return tuple(
        CachedAccount(account, username, environment, tuple(sorted(clients)))
        for (account, environment), (username, clients) in found.items()
        if account
    )


@clears_frames
def sign_out(account: CachedAccount, options: object | None = None, *, client_id: str | None = None) -> None:
    """Remove an account's tokens from a cache, in every store that may hold it.

    Damaged content that was set aside is removed too, since it may hold the same tokens. Access tokens that a program
    has received stay valid until they expire.

    Args:
        account: one of the result of ``accounts``, or an AuthenticationRecord.
        options: as for ``accounts``.
        client_id: remove only this application's tokens; by default those of every application.

    Raises:
        StoreError: the stores that the message names may still hold the tokens; all others no longer do.
        TypeError: the options or the account have another type.
        ValueError: no directory is known for the cache.
    """
    home_account_id = home_account_id_of(account)
    environments = aliases(str(getattr(account, "environment", None) or getattr(account, "authority", "")))
    troubles, both = Troubles(), _both(options)
    in_turn(
        lambda state: remove_account(state, client_id, environments, home_account_id),
        lambda cae, removal: both[cae].remove(removal, troubles),
        troubles,
    )
    troubles.throw()


@clears_frames
def clear(options: object | None = None) -> None:
    """Delete a cache, with the tokens of every application that shares it, in every store that may hold it.

    Args:
        options: as for ``accounts``.

    Raises:
        StoreError: the stores that the message names may still hold content; all others were deleted.
        TypeError: the options have another type.
        ValueError: no directory is known for the cache.
    """
    troubles = Troubles()
    without_cae, with_cae = _both(options)
    # While the second cache was there, another process's refresh may have stored its reply in the first one.
    for stores in (without_cae, with_cae, without_cae):
        stores.clear(troubles)
    troubles.throw()


def _both(options: object | None) -> tuple[EveryStore, EveryStore]:
    resolved = _resolved(options)
    return EveryStore(resolved, cae=False, warn=_warn), EveryStore(resolved, cae=True, warn=_warn)


def _warn(message: str) -> None:
    _LOGGER.warning("%s", log_line(message))


def _resolved(options: object | None) -> TokenCachePersistenceOptions:
    return TokenCachePersistenceOptions() if options is None else resolve_options(options)


def _usernames(state: State) -> dict[str, str]:
    rows = (row for _, row in rows_of(state, ACCOUNT))
    return {text_of(row, "home_account_id"): one_line(text_of(row, "username"), LONGEST_NAME) for row in rows}
