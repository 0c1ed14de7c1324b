"""The file that names the accounts which signed in with ``doorcode login``, without any secret."""

# Paths are text here: with pathlib, a stored token would take twice as long.
# ruff: noqa: PTH103, PTH104, PTH111, PTH117, PTH118, PTH120

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from doorcode import AuthenticationRecord, TokenCachePersistenceOptions
from doorcode._core.authorities import parse_authority
from doorcode._core.checks import check_client_id, check_tenant
from doorcode._core.clouds import DEVELOPER_CLIENT_ID
from doorcode._core.display import LONGEST_NAME, lines, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from doorcode.cache import StoreError

VERSION: Final = 1
DEFAULT_CACHE: Final = "msal.cache"
"""The name of the library's default cache, which programs with ``TokenCachePersistenceOptions()`` share."""
DEFAULT_CLIENT_ID: Final = DEVELOPER_CLIENT_ID
"""The application of a sign-in that names none."""
_BROKEN: Final = "broken"
_MALFORMED: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
FOLDER_ERRORS: Final = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR}
"""Errors of a place that is no folder, or in which this user cannot write."""


class AccountFileError(Exception):
    """Say that the file cannot be read or written, and what to do."""


class NewerAccountFileError(AccountFileError):
    """Say that a newer doorcode wrote the file; this one leaves it as it is."""


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


def made_current(accounts: Accounts, account: SignedIn) -> Accounts:
    """Return the accounts with one of them, known before or not, as the current one."""
    return (account, *(each for each in accounts if each.key != account.key))


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
    home = _home()
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


def _home() -> str:
    """Return the user's home; as for the token cache, an empty HOME counts as not set."""
    if os.environ.get("HOME", "~"):
        return os.path.expanduser("~")
    from doorcode.cache._select import home_of_user

    return home_of_user() or ""


def read() -> Accounts:
    """Return the accounts in the file; none where there is no file.

    Raises:
        AccountFileError: it cannot be read, or is not what doorcode wrote.
    """
    accounts, error = read_legible()
    if error is not None:
        raise error
    return accounts


def read_legible() -> tuple[Accounts, AccountFileError | None]:
    """Return the accounts of a file that may be damaged, as far as they can be read.

    Returns:
        The accounts, and the error that ``read`` raises; None if the file is as doorcode wrote it.
    """
    accounts: list[SignedIn] = []
    try:
        _read_into(accounts)
    except AccountFileError as error:
        return tuple(accounts), error
    return tuple(accounts), None


def _read_into(accounts: list[SignedIn]) -> None:
    from doorcode.cache import StoreError
    from doorcode.cache._files.disk import read as read_private

    where = path()
    try:
        raw = read_private(where)
    except StoreError as error:
        advice = "Sign in again with `doorcode login`, which sets the file aside."
        advice = _folder_advice(where) if error.errno == errno.ENOTDIR else advice
        raise AccountFileError(f"The account file cannot be read: {error}.\n{advice}") from error
    if raw is None:
        return
    if raw.data is None:
        raise _damaged(where, f": {raw.reason}")
    try:
        _parse_into(accounts, json.loads(raw.data))
    except _MALFORMED as error:
        raise _damaged(where) from error


def _damaged(where: str, why: str = "") -> AccountFileError:
    return AccountFileError(
        f"The account file {where} is damaged{why}. Sign in again with `doorcode login`, which repairs it.\n"
        "To sign out instead, run `doorcode logout --all`."
    )


def check_writable() -> None:
    """Find out whether the file can be written, before a user signs in for it.

    Raises:
        AccountFileError: it cannot, or a newer doorcode wrote it.
    """
    from doorcode.cache import StoreError
    from doorcode.cache._locks.lock import CacheLock

    where = path()
    damage = read_legible()[1]
    if isinstance(damage, NewerAccountFileError):
        raise damage
    try:
        os.makedirs(os.path.dirname(where), mode=0o700, exist_ok=True)
        with CacheLock(f"{where}.lockfile").hold():
            pass
    except (OSError, StoreError) as error:
        raise _unwritable(where, error) from error


def _unwritable(where: str, error: OSError | StoreError) -> AccountFileError:
    reason = error if error.errno is None else os.strerror(error.errno)
    message = f"The account file {where} cannot be written: {reason}."
    if error.errno in FOLDER_ERRORS:
        message += f"\n{_folder_advice(where)}"
    return AccountFileError(message)


def _folder_advice(where: str) -> str:
    chosen_by = "HOME or XDG_CONFIG_HOME, on Windows APPDATA, choose it"
    return f"{os.path.dirname(where)} must be a folder in which this user may write ({chosen_by})."


def update(change: Callable[[Accounts], Accounts], *, repair: bool = False) -> str | None:
    """Replace what the file holds, while no other process does.

    Args:
        change: takes the accounts in the file, and returns those to write.
        repair: whether a damaged file is kept with ``.broken`` after its name, and a new one begun with the accounts
            that can be read.

    Returns:
        Where a damaged file is kept; None if it was not damaged.

    Raises:
        AccountFileError: nothing was changed, or the message says where the damaged file is.
    """
    from doorcode.cache import StoreError
    from doorcode.cache._files.disk import replace
    from doorcode.cache._locks.lock import CacheLock

    where = path()
    try:
        os.makedirs(os.path.dirname(where), mode=0o700, exist_ok=True)
        with CacheLock(f"{where}.lockfile").hold():
            accounts, damage = read_legible()
            if damage is not None and (not repair or isinstance(damage, NewerAccountFileError)):
                raise damage
            text = _text(change(accounts))
            if damage is not None:
                return _replace_damaged(where, text)
            replace(where, text, time.time_ns())
    except (OSError, StoreError) as error:
        raise _unwritable(where, error) from error
    return None


def _replace_damaged(where: str, text: bytes) -> str:
    """Write a new file in the place of a damaged one, and return where that is kept; it stays in place on an error."""
    from doorcode.cache._files.disk import replace

    aside = ""

    def set_aside() -> None:
        nonlocal aside
        aside = aside or _set_aside(where)  # once, though putting the new file in place may take several attempts

    try:
        replace(where, text, time.time_ns(), set_aside)  # which calls it when the new content is on the disk
    except BaseException:
        if aside and not os.path.lexists(where):
            _put_back(aside, where)
        raise
    return aside


def _set_aside(where: str) -> str:
    from doorcode.cache import StoreError
    from doorcode.cache._files.disk import move_aside

    try:
        return move_aside(where, _BROKEN, None)
    except StoreError:  # a directory cannot replace an earlier .broken
        return move_aside(where, _BROKEN, time.time())


def _put_back(aside: str, where: str) -> None:
    try:
        os.rename(aside, where)
    except OSError as error:
        message = f"The account file {where} cannot be written: {error.strerror}.\nThe damaged file is kept as {aside}."
        raise AccountFileError(message) from error


def _parse_into(accounts: list[SignedIn], content: Any) -> None:
    version = content["version"]
    if isinstance(version, int) and version > VERSION:
        message = (
            f"The account file {path()} was written by a newer doorcode (version {version} of the file, not {VERSION})."
            "\nUpgrade doorcode, or move the file away and run `doorcode login`."
        )
        raise NewerAccountFileError(message)
    if version != VERSION:
        raise ValueError(version)
    entries = content["accounts"]
    for entry in entries:
        with contextlib.suppress(*_MALFORMED):
            accounts.append(_signed_in(entry))
    if len(accounts) != len(entries):
        raise ValueError("an entry cannot be read")


def _signed_in(entry: dict[str, Any]) -> SignedIn:
    cache, plain, alone = (entry[name] for name in ("cache", "allow_unencrypted_storage", "disable_instance_discovery"))
    if not (isinstance(cache, str) and isinstance(plain, bool) and isinstance(alone, bool)):
        raise TypeError(entry)
    record = AuthenticationRecord.deserialize(json.dumps(cast("dict[str, str]", entry["record"])))
    parse_authority(record.authority)
    check_tenant(record.tenant_id)
    check_client_id(record.client_id)
    cache_options(cache)
    return SignedIn(record, cache, plain, alone)


def _text(accounts: Accounts) -> bytes:
    entries = [{**each._asdict(), "record": json.loads(each.record.serialize())} for each in accounts]
    return json.dumps({"version": VERSION, "accounts": entries}, indent=2).encode() + b"\n"
