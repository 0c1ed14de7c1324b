"""Look at and clear a whole token cache, without a credential."""

from __future__ import annotations

from typing import Final

from doorcode._core.cache_changes import remove_account
from doorcode._core.cache_rows import ACCESS_TOKEN, ACCOUNT, REFRESH_TOKEN, rows_of, text_of
from doorcode._core.clouds import aliases
from doorcode._core.display import LONGEST_NAME, log_line, one_line
from doorcode._core.lookup import State
from doorcode._core.values import dataclass
from doorcode._log import logger
from doorcode.cache._options import TokenCachePersistenceOptions, resolve_options
from doorcode.cache._select import choose
from doorcode.cache._tokens import Once, StoredCache, remove_from

__all__ = ["CachedAccount", "accounts", "clear", "sign_out"]

_LOGGER: Final = logger("doorcode.cache")


@dataclass(frozen=True, slots=True)
class CachedAccount:
    """An account that a cache holds tokens of, of any application.

    Attributes:
        home_account_id: the account's own identifier.
        username: its name, for display; may be empty.
        environment: the host of its authority.
        client_ids: the applications that hold its tokens.
    """

    home_account_id: str
    username: str
    environment: str
    client_ids: tuple[str, ...]


def accounts(options: object | None = None) -> tuple[CachedAccount, ...]:
    """Return every account in a cache, of whichever application; makes no request.

    Args:
        options: as for ``cache_persistence_options``; by default the cache that Microsoft's tools share.

    Raises:
        TypeError: the options are of another kind.
        ValueError: no store can be used here.
    """
    found: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for cache in _both(options):
        state = cache.state()
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


def sign_out(account: CachedAccount, options: object | None = None, *, client_id: str | None = None) -> None:
    """Remove an account's tokens from a cache.

    Access tokens that were handed out live on until they expire.

    Args:
        account: one of :func:`accounts`.
        options: as there.
        client_id: only this application's tokens; by default every application's.

    Raises:
        StoreError: they are still stored.
        TypeError: the options are of another kind.
        ValueError: no store can be used here.
    """
    environments = aliases(account.environment)
    remove_from(_both(options), lambda state: remove_account(state, client_id, environments, account.home_account_id))


def clear(options: object | None = None) -> None:
    """Delete a cache with everything in it, of every application that shares it.

    Args:
        options: as for :func:`accounts`.

    Raises:
        StoreError: it is still there.
        TypeError: the options are of another kind.
        ValueError: no store can be used here.
    """
    for cae in (False, True):
        choose(_resolved(options), cae=cae).store.delete()


def _both(options: object | None) -> tuple[StoredCache, ...]:
    choices = [choose(_resolved(options), cae=cae) for cae in (False, True)]
    trouble = Once(_warn)
    return tuple(StoredCache(choice.store, choice.also, _warn, trouble=trouble) for choice in choices)


def _warn(message: str) -> None:
    _LOGGER.warning("%s", log_line(message))


def _resolved(options: object | None) -> TokenCachePersistenceOptions:
    return TokenCachePersistenceOptions() if options is None else resolve_options(options)


def _usernames(state: State) -> dict[str, str]:
    rows = (row for _, row in rows_of(state, ACCOUNT))
    return {text_of(row, "home_account_id"): one_line(text_of(row, "username"), LONGEST_NAME) for row in rows}
