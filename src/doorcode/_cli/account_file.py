"""The file that names the accounts which signed in with ``doorcode login``, without any secret."""

# Text for paths, as in the system calls below: pathlib would double what a stored token costs.
# ruff: noqa: PTH103, PTH111, PTH117, PTH118, PTH120

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from doorcode import AuthenticationRecord, TokenCachePersistenceOptions
from doorcode._core.authorities import parse_authority
from doorcode._core.checks import check_client_id, check_tenant
from doorcode._core.display import LONGEST_NAME, lines, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION: Final = 1
DEFAULT_CACHE: Final = "msal.cache"
"""The name of the library's default cache, which programs with ``TokenCachePersistenceOptions()`` share."""
_BROKEN: Final = "broken"


class AccountFileError(Exception):
    """Say that the file cannot be read or written, and what to do."""


class SignedIn(NamedTuple):
    """An account, and the options of its sign-in.

    Attributes:
        record: the account.
        cache: the name of the token cache.
        allow_unencrypted_storage: whether the cache may be a plain file.
        disable_instance_discovery: whether the authority is one that Microsoft's list does not have.
    """

    record: AuthenticationRecord
    cache: str = DEFAULT_CACHE
    allow_unencrypted_storage: bool = False
    disable_instance_discovery: bool = False

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What identifies the entry: the account, the application, the authority and the cache."""
        record = self.record
        return record.home_account_id, record.client_id, record.authority, self.cache

    @property
    def name(self) -> str:
        """The name of the account in messages."""
        return shown(self.record.username or self.record.home_account_id)

    @property
    def tenant(self) -> str:
        """Its tenant in messages."""
        return shown(self.record.tenant_id)

    @property
    def authority(self) -> str:
        """Its authority in messages."""
        return shown(self.record.authority)

    @property
    def cache_name(self) -> str:
        """The name of its token cache in messages."""
        return shown(self.cache)

    def cache_options(self) -> TokenCachePersistenceOptions:
        """Return the options of its token cache."""
        return cache_options(self.cache, plain=self.allow_unencrypted_storage)

    def answers_to(self, name: str) -> bool:
        """Tell whether a name of the user's means this account: its user name in any case, or its identifier."""
        return name.lower() == self.record.username.lower() or name == self.record.home_account_id


Accounts = tuple[SignedIn, ...]
"""The accounts; the first is the current one."""


def shown(text: str) -> str:
    """Return text of an authority or a file as one line that a terminal can show."""
    return one_line(text, LONGEST_NAME)


def shown_text(text: str) -> str:
    """Return text of several lines, which may name a cache or a file, without what a terminal acts on."""
    return lines(text)


def cache_options(name: str, *, plain: bool = False) -> TokenCachePersistenceOptions:
    """Return the options of a token cache.

    Args:
        name: of the cache.
        plain: whether it may be a plain file.

    Raises:
        ValueError: no cache can have this name.
    """
    return TokenCachePersistenceOptions(name=name, allow_unencrypted_storage=plain)


def path() -> str:
    """Return where the file is: in the user's folder for configuration.

    Raises:
        AccountFileError: no such folder is known.
    """
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        folder = os.environ.get("APPDATA") or home
    elif sys.platform == "darwin":
        folder = os.path.join(home, "Library", "Application Support")
    else:
        folder = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    if not os.path.isabs(folder):
        message = "No folder is known for doorcode's account file: set HOME, or XDG_CONFIG_HOME to an absolute path."
        raise AccountFileError(message)
    return os.path.join(folder, "doorcode", "accounts.json")


def read() -> Accounts:
    """Return the accounts in the file; none where there is no file.

    Raises:
        AccountFileError: it cannot be read, or is not what doorcode wrote.
    """
    from doorcode.cache import StoreError
    from doorcode.cache._files.disk import read as read_private

    where = path()
    try:
        raw = read_private(where)
    except StoreError as error:
        message = f"The account file cannot be read: {error}"
        raise AccountFileError(message) from error
    if raw is None:
        return ()
    try:
        return _parsed(json.loads(raw.data or b""))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        message = f"The account file {where} is damaged. Sign in again with `doorcode login`, which repairs it."
        raise AccountFileError(message) from error


def check_writable() -> None:
    """Find out whether the file can be written, before a user signs in for it.

    Raises:
        AccountFileError: it cannot.
    """
    from doorcode.cache import StoreError
    from doorcode.cache._locks.lock import CacheLock

    where = path()
    try:
        os.makedirs(os.path.dirname(where), mode=0o700, exist_ok=True)
        with CacheLock(f"{where}.lockfile").hold():
            pass
    except (OSError, StoreError) as error:
        raise _unwritable(where, error) from error


def _unwritable(where: str, error: Exception) -> AccountFileError:
    reason = getattr(error, "strerror", None) or error
    return AccountFileError(f"The account file {where} cannot be written: {reason}")


def update(change: Callable[[Accounts], Accounts], *, repair: bool = False) -> None:
    """Replace what the file holds, while no other process does.

    Args:
        change: takes the accounts in the file, and returns those to write.
        repair: whether a damaged file is set aside, with ``.broken`` after its name, and begun anew.

    Raises:
        AccountFileError: nothing was changed.
    """
    from doorcode.cache import StoreError
    from doorcode.cache._files.disk import replace
    from doorcode.cache._locks.lock import CacheLock

    where = path()
    try:
        os.makedirs(os.path.dirname(where), mode=0o700, exist_ok=True)
        with CacheLock(f"{where}.lockfile").hold():
            replace(where, _text(change(_readable(where, repair=repair))), time.time_ns())
    except (OSError, StoreError) as error:
        raise _unwritable(where, error) from error


def _readable(where: str, *, repair: bool) -> Accounts:
    try:
        return read()
    except AccountFileError:
        if not repair:
            raise
        from doorcode.cache._files.disk import move_aside

        move_aside(where, _BROKEN, None)
        return ()


def _parsed(content: Any) -> Accounts:
    if content["version"] != VERSION:
        raise ValueError(content["version"])
    return tuple(_signed_in(entry) for entry in content["accounts"])


def _signed_in(entry: dict[str, Any]) -> SignedIn:
    cache, plain, alone = (
        entry["cache"],
        entry["allow_unencrypted_storage"],
        entry["disable_instance_discovery"],
    )
    if not (isinstance(cache, str) and isinstance(plain, bool) and isinstance(alone, bool)):
        raise TypeError(entry)
    record = AuthenticationRecord.deserialize(json.dumps(cast("dict[str, str]", entry["record"])))
    parse_authority(record.authority)
    check_tenant(record.tenant_id)
    check_client_id(record.client_id)
    return SignedIn(record, cache, plain, alone)


def _text(accounts: Accounts) -> bytes:
    entries = [{**each._asdict(), "record": json.loads(each.record.serialize())} for each in accounts]
    return json.dumps({"version": VERSION, "accounts": entries}, indent=2).encode() + b"\n"
