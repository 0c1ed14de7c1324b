"""Every store that may hold a cache, whichever of them is used here and now: what a sign-out has to reach.

A user may have signed in on the desktop, over SSH and in a container under one name. Another node's sealed file is not
among the stores: it holds that node's sign-in, and can be opened there alone.
"""

# Text for paths, as in the system calls below it all.
# ruff: noqa: PTH120

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from doorcode._core.msal_cache.metadata import METADATA
from doorcode.cache._ciphers.cipher import KEYED_START, START_LENGTH, NoSeal, may_be_sealed
from doorcode.cache._content import parse
from doorcode.cache._errors import StoreError, StoreKeyError
from doorcode.cache._files import disk
from doorcode.cache._files.ownership import failure
from doorcode.cache._locks.lock import cache_lock
from doorcode.cache._select import Location, choose, locate
from doorcode.cache._stores.file import CacheFile, FileStore, is_json_object
from doorcode.cache._stores.nodes import NodeFiles, files_of_cache
from doorcode.cache._stores.signalled import SignalledStore, is_signal, may_have_secret
from doorcode.cache._token_cache import StoredCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from doorcode._core.msal_cache.lookup import State
    from doorcode.cache._options import TokenCachePersistenceOptions
    from doorcode.cache._protocol import TokenStore
    from doorcode.cache._token_cache import Change

__all__ = ["EveryStore", "Troubles"]

_OF_NOBODY: Final = {"AppMetadata", METADATA}
"""Sections of a cache that say nothing of any account."""

_LEFT: Final = (".tmp", ".lost-key", ".damaged-")
"""How the names of files go on that were set aside, or left by a process that was killed."""


class Troubles:
    """Collect what could not be reached, so that everything else is done first."""

    def __init__(self) -> None:
        self._errors: list[StoreError] = []

    def attempt(self, work: Callable[[], object], where: str = "") -> None:
        """Do something, and remember why it failed.

        Args:
            work: what to do.
            where: what to name in the error that does not name it itself.
        """
        try:
            work()
        except StoreError as error:
            self.add(error, where)

    def add(self, error: StoreError, where: str = "") -> None:
        """Remember an error."""
        text = str(error)
        if where and where not in text:
            named = StoreError(f"{where}: {text}", where=where, errno=error.errno)
            named.__cause__ = error
            error = named
        if str(error) not in map(str, self._errors):
            self._errors.append(error)

    def throw(self) -> None:
        """Raise what was remembered.

        Raises:
            StoreError: it names every store that could not be reached.
        """
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            first = self._errors[0]
            words = "\n".join(map(str, self._errors))
            raise StoreError(words, where=first.where, errno=first.errno) from first


class EveryStore:
    """The stores of one cache.

    Args:
        options: as a credential has them.
        cae: for the cache of tokens whose clients handle claims challenges.
        warn: told of content that was damaged and is set aside.
        environ: the environment; by default this process's.
        platform: as ``sys.platform``, which is the default.

    Raises:
        NoDirectoryError: no directory is known.
    """

    def __init__(
        self,
        options: TokenCachePersistenceOptions,
        *,
        cae: bool,
        warn: Callable[[str], None],
        environ: Mapping[str, str] | None = None,
        platform: str | None = None,
    ) -> None:
        self._options = options
        self._cae = cae
        self._warn = warn
        self._location = (
            None if options.store is not None else locate(options, cae=cae, environ=environ, platform=platform)
        )

    def read(self, troubles: Troubles) -> tuple[State, ...]:
        """Return what each store holds.

        Args:
            troubles: told of each store that may hold something and cannot be looked into.
        """
        states: list[State] = []
        for store in self._stores(troubles):
            cache = StoredCache(store, (), self._warn)
            troubles.attempt(lambda cache=cache: states.append(cache.read()), store.describe())  # type: ignore[misc]
        return tuple(states)

    def remove(self, change: Change, troubles: Troubles) -> None:
        """Apply a change that takes something away to each store, and remove what was set aside.

        That may hold the same, and nobody can edit it.

        Args:
            change: the change.
            troubles: told of each store that may still hold it.
        """
        for store in self._stores(troubles):
            troubles.attempt(lambda store=store: self._remove_from(store, change), store.describe())  # type: ignore[misc]
        self._discard(troubles, everything=False)

    def clear(self, troubles: Troubles) -> None:
        """Remove each store's content as a whole, whoever's key it is under, and what was set aside.

        Args:
            troubles: told of each store that may still hold something.
        """
        for store in self._stores(troubles, files=False):
            troubles.attempt(store.delete, store.describe())
        self._discard(troubles, everything=True)

    def _remove_from(self, store: TokenStore, change: Change) -> None:
        try:
            StoredCache(store, (), self._warn).remove(change)
        except StoreError:
            if not isinstance(store, FileStore):
                raise
            # A full disk has no room for what would be written, and a file that nobody is in need not be written.
            store.delete_if(lambda data: _holds_nobody(change(parse(data))))
            StoredCache(store, (), self._warn).remove(change)
        if isinstance(store, (FileStore, SignalledStore)):
            # Elsewhere, nobody could tell any more that nothing is in it. What cannot be opened may hold anything.
            store.delete_if(lambda data: _holds_nobody(parse(data)))

    def _stores(self, troubles: Troubles, *, files: bool = True) -> Iterator[TokenStore]:
        location = self._location
        if location is None:
            yield choose(self._options, cae=self._cae).store
            return
        if not self._options.names_key:
            yield from self._vaults(location, troubles)
        if files:
            yield from self._files(location, troubles)

    def _discard(self, troubles: Troubles, *, everything: bool) -> None:
        """Remove files: those that were set aside, or all of them but what signals a keyring that was not reached."""
        location = self._location
        if location is None:
            return
        keyed = self._keyed_path(location)
        stems = [keyed] if self._options.names_key else [*_stems(location), keyed]
        for lock, of_lock in ((keyed, [keyed]), (location.base, [stem for stem in stems if stem != keyed])):
            troubles.attempt(lambda lock=lock, of_lock=of_lock: _remove_files(location.base, lock, of_lock, everything))  # type: ignore[misc]

    # -- the kinds of store

    def _vaults(self, location: Location, troubles: Troubles) -> Iterator[TokenStore]:
        if self._options.path is not None:
            return
        if location.platform == "darwin":
            from doorcode.cache._stores.keychain import KeychainVault, account_of

            keychain = KeychainVault(location.base, account_of(location.name))
            try:
                keychain.read()
            except StoreError as error:
                self._not_reached(location, keychain.describe(), error, troubles)
            else:
                yield SignalledStore(location.base, keychain)
        elif location.platform.startswith("linux"):
            yield from self._secret_service(location, troubles)

    def _secret_service(self, location: Location, troubles: Troubles) -> Iterator[TokenStore]:
        from doorcode.cache._stores.secret_service import SecretServiceVault
        from doorcode.cache._stores.session_bus import bus_address

        address = bus_address(location.environ)
        vault = SecretServiceVault(address or "", location.name)
        if address is None:
            away = StoreError("there is no D-Bus session (DBUS_SESSION_BUS_ADDRESS is not set)")
            self._not_reached(location, vault.describe(), away, troubles)
            return
        used = may_have_secret(location.base)
        try:
            held = vault.holds_anything()
            hidden = used and not held and vault.is_locked()
        except StoreError as error:
            self._not_reached(location, vault.describe(), error, troubles)
            return
        if hidden:
            locked = StoreError("the default keyring is locked, and unlocking it needs a desktop")
            self._not_reached(location, vault.describe(), locked, troubles)
        elif held or used:
            yield SignalledStore(location.base, vault)

    @staticmethod
    def _not_reached(location: Location, where: str, error: StoreError, troubles: Troubles) -> None:
        """Report a keyring that cannot be looked into, where anything shows that it was used for this cache."""
        if may_have_secret(location.base):
            words = f"{where} may hold sign-ins of this cache and cannot be looked into: {error}"
            troubles.add(StoreError(words, where=where, errno=error.errno))

    def _files(self, location: Location, troubles: Troubles) -> Iterator[TokenStore]:
        keyed = self._keyed_path(location)
        if os.path.lexists(keyed) and (self._options.names_key or keyed != location.base):
            yield from self._keyed(keyed, troubles)
        if self._options.names_key:
            return
        base = location.base
        start: list[bytes] = []
        troubles.attempt(lambda: start.append(_start_of(base)))
        if start and start[0].startswith(KEYED_START):
            yield from self._keyed(base, troubles)
        elif location.platform == "win32" and start and start[0] and not start[0].lstrip().startswith(b"{"):
            from doorcode.cache._stores.dpapi import DpapiSeal

            yield self._file(base, CacheFile(base, DpapiSeal()))
        elif start and start[0] and not may_be_sealed(start[0]):
            yield self._file(base, CacheFile(base, NoSeal(base)))
        if location.platform.startswith("linux"):
            yield from self._sealed(location)

    def _keyed(self, path: str, troubles: Troubles) -> Iterator[TokenStore]:
        from doorcode.cache._ciphers.keyed import KeyedSeal

        if self._options.has_key:
            yield self._file(path, CacheFile(path, KeyedSeal(path, self._options.reveal_key)))
        else:
            words = (
                f"{path} is encrypted with a key that this program was not given, so it cannot be looked into: give "
                "encryption_key or set DOORCODE_CACHE_KEY, or remove the file"
            )
            troubles.add(StoreKeyError(words, where=path))

    def _sealed(self, location: Location) -> Iterator[TokenStore]:
        files = _node_files(location)
        if files is None:
            return
        for place in dict.fromkeys((files.place(), *files.gos())):
            if os.path.lexists(place.path):
                yield self._file(location.base, place)

    def _file(self, path: str, place: CacheFile) -> FileStore:
        private = self._options.path is None
        return FileStore(path, where=lambda: place, private=private, is_whole=is_json_object, lock=cache_lock(path))

    def _keyed_path(self, location: Location) -> str:
        return location.base if self._options.path is not None else f"{location.base}.keyed"


def _holds_nobody(state: State) -> bool:
    return not any(rows for section, rows in state.items() if section not in _OF_NOBODY)


def _node_files(location: Location) -> NodeFiles | None:
    from doorcode.cache._ciphers.keyctl import key_calls
    from doorcode.cache._errors import StoreUnavailable
    from doorcode.cache._stores.kernel_keyring import KernelKeys

    try:
        return NodeFiles(location.base, location.name, KernelKeys(key_calls()))
    except StoreUnavailable:  # a machine on which no file was ever sealed so
        return None


def _stems(location: Location) -> list[str]:
    """Return the files whose content is this machine's to remove: not what another node sealed."""
    files = _node_files(location) if location.platform.startswith("linux") else None
    return [location.base] if files is None else [*files.of_this_node()]


def _is_doomed(path: str, stems: Iterable[str], everything: bool) -> bool:  # noqa: FBT001 - passed on
    if path in stems:
        return everything and not is_signal(path)  # which stays until that keyring is reached
    return any(path.startswith(f"{stem}{left}") for stem in stems for left in _LEFT)


def _remove_files(base: str, lock: str, stems: list[str], everything: bool) -> None:  # noqa: FBT001 - passed on
    try:
        doomed = [path for path in files_of_cache(base) if _is_doomed(path, stems, everything)]
    except OSError as error:
        raise failure("look into", os.path.dirname(base), error) from error
    if not doomed:
        return
    troubles = Troubles()
    with cache_lock(lock).hold():
        for path in doomed:
            troubles.attempt(lambda path=path: disk.remove(path))  # type: ignore[misc]
    troubles.throw()


def _start_of(path: str) -> bytes:
    raw = disk.read(path, START_LENGTH)
    return b"" if raw is None else raw.data or b""
