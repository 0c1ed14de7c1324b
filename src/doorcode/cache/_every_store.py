"""Every store that may hold a cache, not only the one that this process would use: a sign-out must reach them all.

A user may have signed in on the desktop, over SSH and in a container, under one cache name. Another node's encrypted
file is left out: it holds that node's sign-in, and only that node can decrypt it.
"""

# Paths are text here, as the system calls of the stores take them.
# ruff: noqa: PTH120

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from doorcode._core.msal_cache.metadata import METADATA
from doorcode.cache._ciphers.cipher import KEYED_START, START_LENGTH, NoCipher, may_be_encrypted
from doorcode.cache._content import parse
from doorcode.cache._errors import StoreError, StoreKeyError, called
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

    from doorcode._core.msal_cache.rows import State
    from doorcode.cache._options import TokenCachePersistenceOptions
    from doorcode.cache._protocol import TokenStore
    from doorcode.cache._token_cache import Change

__all__ = ["EveryStore", "Troubles"]

_WITHOUT_ACCOUNTS: Final = {"AppMetadata", METADATA}
"""Sections of a cache that hold nothing about accounts."""

_LEFT: Final = (".tmp", ".lost-key", ".damaged-")
"""Suffixes of files that were set aside, or that a killed process left behind."""


class Troubles:
    """Collect the errors of stores that fail, so that all other stores are handled first."""

    def __init__(self) -> None:
        self._errors: list[StoreError] = []

    def attempt(self, work: Callable[[], object], where: str = "") -> None:
        """Call a function and collect its StoreError.

        Args:
            work: the function.
            where: the store's name, added to an error that does not name the store.
        """
        try:
            work()
        except StoreError as error:
            self.add(error, where)

    def add(self, error: StoreError, where: str = "") -> None:
        """Collect an error."""
        text = str(error)
        if where and where not in text:
            named = StoreError(f"{where}: {text}", where=where, errno=error.errno)
            named.__cause__ = error
            error = named
        if str(error) not in map(str, self._errors):
            self._errors.append(error)

    def __bool__(self) -> bool:
        """Return whether a store failed."""
        return bool(self._errors)

    def throw(self) -> None:
        """Raise the collected errors as one, if there are any.

        Raises:
            StoreError: a store failed; the message names every store that did.
        """
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            first = self._errors[0]
            words = "\n".join(map(str, self._errors))
            raise StoreError(words, where=first.where, errno=first.errno) from first


class EveryStore:
    """Read, change and clear every store that may hold one cache.

    Args:
        options: the options of the cache.
        cae: whether this is the CAE cache: the tokens of clients that handle claims challenges.
        warn: called with a message about damaged content that was set aside.
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
        """Return the content of each store.

        Args:
            troubles: collects the errors of stores that may hold content and cannot be read.
        """
        states: list[State] = []
        for store in self._stores(troubles):
            cache = StoredCache(store, (), self._warn)
            troubles.attempt(lambda cache=cache: states.append(cache.read()), store.describe())  # type: ignore[misc]
        return tuple(states)

    def remove(self, change: Change, troubles: Troubles) -> None:
        """Apply a change that removes rows to each store, and delete content that was set aside.

        Content that was set aside may hold the same rows, and cannot be edited.

        Args:
            change: removes the rows.
            troubles: collects the errors of stores that may still hold the rows.
        """
        for store in self._stores(troubles):
            troubles.attempt(lambda store=store: self._remove_from(store, change), store.describe())  # type: ignore[misc]
        self._discard(troubles, everything=False)

    def clear(self, troubles: Troubles) -> None:
        """Delete the content of each store, whichever key it is encrypted with, and content that was set aside.

        Args:
            troubles: collects the errors of stores that may still hold content.
        """
        for store in self._stores(troubles, files=False):
            troubles.attempt(lambda store=store: called(store.delete), store.describe())  # type: ignore[misc]
        self._discard(troubles, everything=True)

    def _remove_from(self, store: TokenStore, change: Change) -> None:
        try:
            StoredCache(store, (), self._warn).remove(change)
        except StoreError:
            if not isinstance(store, FileStore):
                raise
            # A full disk has no room for a write; a file that would hold no account any more can be deleted instead.
            store.delete_if(lambda data: _holds_no_account(change(parse(data))))
            StoredCache(store, (), self._warn).remove(change)
        if isinstance(store, (FileStore, SignalledStore)):
            # Another machine could not tell that an encrypted cache is empty. Content without its key is deleted too.
            store.delete_if(lambda data: _holds_no_account(parse(data)))

    def _stores(self, troubles: Troubles, *, files: bool = True) -> Iterator[TokenStore]:
        location = self._location
        if location is None:
            yield choose(self._options, cae=self._cae).store
            return
        if not self._options.names_key:
            yield from self._keyrings(location, troubles)
        if files:
            yield from self._files(location, troubles)

    def _discard(self, troubles: Troubles, *, everything: bool) -> None:
        """Delete the files that were set aside; or all files, except the signal of a keyring that was not reached."""
        location = self._location
        if location is None:
            return
        keyed = location.keyed
        stems = [keyed] if self._options.names_key else [*_stems(location), keyed]
        for lock, of_lock in ((keyed, [keyed]), (location.base, [stem for stem in stems if stem != keyed])):
            troubles.attempt(lambda lock=lock, of_lock=of_lock: _remove_files(location.base, lock, of_lock, everything))  # type: ignore[misc]

    # -- the kinds of store

    def _keyrings(self, location: Location, troubles: Troubles) -> Iterator[TokenStore]:
        if self._options.path is not None:
            return
        if location.platform == "darwin":
            from doorcode.cache._stores.keychain import KeychainBackend, account_of

            keychain = KeychainBackend(location.base, account_of(location.name))
            try:
                keychain.read()
            except StoreError as error:
                self._not_reached(location, keychain.describe(), error, troubles)
            else:
                yield SignalledStore(location.base, keychain)
        elif location.platform.startswith("linux"):
            yield from self._secret_service(location, troubles)

    def _secret_service(self, location: Location, troubles: Troubles) -> Iterator[TokenStore]:
        from doorcode.cache._stores.secret_service import LOCKED, SecretServiceBackend
        from doorcode.cache._stores.session_bus import NO_SESSION, bus_address

        address = bus_address(location.environ)
        backend = SecretServiceBackend(address or "", location.name)
        if address is None:
            away = StoreError(NO_SESSION)
            self._not_reached(location, backend.describe(), away, troubles)
            return
        used = may_have_secret(location.base)
        try:
            held = backend.holds_anything()
            hidden = used and not held and backend.is_locked()
        except StoreError as error:
            self._not_reached(location, backend.describe(), error, troubles)
            return
        if hidden:
            locked = StoreError(LOCKED)
            self._not_reached(location, backend.describe(), locked, troubles)
        elif held or used:
            yield SignalledStore(location.base, backend)

    @staticmethod
    def _not_reached(location: Location, where: str, error: StoreError, troubles: Troubles) -> None:
        """Report a keyring that cannot be read, if a file shows that it was used for this cache."""
        if may_have_secret(location.base):
            words = f"{where} may hold sign-ins of this cache and cannot be looked into: {error}"
            troubles.add(StoreError(words, where=where, errno=error.errno))

    def _files(self, location: Location, troubles: Troubles) -> Iterator[TokenStore]:
        keyed = location.keyed
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
            from doorcode.cache._stores.dpapi import DpapiCipher

            yield self._file(base, CacheFile(base, DpapiCipher()))
        elif start and start[0] and not may_be_encrypted(start[0]):
            yield self._file(base, CacheFile(base, NoCipher(base)))
        if location.platform.startswith("linux"):
            yield from self._sealed(location)

    def _keyed(self, path: str, troubles: Troubles) -> Iterator[TokenStore]:
        from doorcode.cache._ciphers.keyed import KeyedCipher

        if self._options.has_key:
            yield self._file(path, CacheFile(path, KeyedCipher(path, self._options.reveal_key)))
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


def _holds_no_account(state: State) -> bool:
    return not any(rows for section, rows in state.items() if section not in _WITHOUT_ACCOUNTS)


def _node_files(location: Location) -> NodeFiles | None:
    from doorcode.cache._ciphers.keyctl import key_calls
    from doorcode.cache._errors import StoreUnavailable
    from doorcode.cache._stores.kernel_keyring import KernelKeys

    try:
        return NodeFiles(location.base, location.name, KernelKeys(key_calls()))
    except StoreUnavailable:  # no file was ever encrypted in this way on such a machine
        return None


def _stems(location: Location) -> list[str]:
    """Return the paths of the files that this machine may delete: all but those that another node encrypted."""
    files = _node_files(location) if location.platform.startswith("linux") else None
    return [location.base] if files is None else [*files.of_this_node()]


def _is_doomed(path: str, stems: Iterable[str], everything: bool) -> bool:  # noqa: FBT001 - passed on
    if path in stems:
        return everything and not is_signal(path)  # the signal stays until its keyring can be reached
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
