"""MSAL's unified token cache on top of any store: reload, merge, write.

A cache holds a state (sections of rows, ``_core.lookup.State``). A change is a function from state to state; it may be
applied again to a newer state when another process has written meanwhile, and it returns the very state it was given
when there is nothing to change.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, cast

from doorcode._core.cache_changes import fill_in
from doorcode._core.cache_index import indexed
from doorcode._core.lookup import State
from doorcode.cache._errors import StoreError, StoreUnreadable
from doorcode.cache._protocol import Conflict, Lease, ReadOnlyStore, Stamp, TokenStore, UpdatingStore

if TYPE_CHECKING:
    import msal

Change: TypeAlias = Callable[[State], State]
MOST_ATTEMPTS: Final = 1000
"""Conflicts in a row after which something other than contention is wrong with a store."""

MOST_UNSAVED: Final = 64
"""Changes that are kept for a store that takes none; later ones supersede the first."""


class TokenCache(Protocol):
    """What a credential needs of a cache. Thread-safe."""

    def state(self) -> State:
        """Return what is cached now; never raises."""
        ...

    def commit(self, change: Change) -> None:
        """Apply a change; what cannot be stored is kept in memory and warned about once."""
        ...

    def borrowed(self) -> State:
        """Return what may be read of others' caches beside this one, and is never written to it."""
        ...

    def lease(self, name: str, seconds: float) -> Lease | None:
        """Try once to take a cross-process lease; None when another process holds it."""
        ...


class _NoLease:
    """A lease where there is no other process to exclude."""

    def release(self) -> None:
        """Do nothing."""


class MemoryCache:
    """Keep tokens for as long as the credential lives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: State = {}

    def state(self) -> State:
        """Return what is cached."""
        return self._state

    def commit(self, change: Change) -> None:
        """Apply a change."""
        with self._lock:
            self._state = change(self._state)

    def borrowed(self) -> State:
        """Return nothing: there is no cache beside this one."""
        return {}

    def lease(self, name: str, seconds: float) -> Lease | None:  # noqa: ARG002 - the Protocol's shape
        """Grant the lease: nobody else sees this cache."""
        return _NoLease()


class MsalCache:
    """Keep tokens in a token cache of the program's own.

    Args:
        cache: any ``msal.TokenCache``; only its documented methods are used.
    """

    def __init__(self, cache: msal.TokenCache) -> None:
        self._cache = cache
        self._lock = threading.Lock()

    def state(self) -> State:
        """Return the rows that the cache finds."""
        sections = vars(self._cache.CredentialType)
        names = [name for key, name in sections.items() if key.isupper() and name in self._cache.key_makers]
        return {name: self._rows(name) for name in names}

    def commit(self, change: Change) -> None:
        """Hand the rows that changed to the cache, one by one, as MSAL does."""
        with self._lock:
            before = self.state()
            after = change(before)
            for section, rows in after.items():
                for key, row in rows.items():
                    if before.get(section, {}).get(key) != row:
                        self._cache.modify(section, dict(row), dict(row))
            for section, rows in before.items():
                for key, row in rows.items():
                    if key not in after.get(section, {}):
                        self._cache.modify(section, dict(row))

    def borrowed(self) -> State:
        """Return nothing: there is no cache beside this one."""
        return {}

    def lease(self, name: str, seconds: float) -> Lease | None:  # noqa: ARG002 - the Protocol's shape
        """Grant the lease: MSAL's caches know of none."""
        return _NoLease()

    def _rows(self, section: str) -> dict[str, dict[str, object]]:
        make_key = cast("Callable[..., str]", self._cache.key_makers[section])
        return {make_key(**row): row for row in self._cache.search(section, query={})}


class StoredCache:
    """Keep tokens in a store that outlives the process.

    Args:
        store: where the bytes are.
        also: what may be read for accounts that the store lacks.
        warn: told once when the store cannot be read or written, and of each content that was set aside.
        content: reads what is stored; the stores' own ``is_whole`` where they parse each content only once.
    """

    def __init__(
        self,
        store: TokenStore,
        also: tuple[ReadOnlyStore, ...],
        warn: Callable[[str], None],
        content: Content | None = None,
    ) -> None:
        self._store = store
        self._content = content or Content()
        self._also = tuple(_Reading(neighbour, self._content) for neighbour in also)
        self._warn = warn
        self._lock = threading.Lock()
        self._own = _Reading(store, self._content)
        self._unsaved: list[Change] = []
        self._warned = False

    def state(self) -> State:
        """Return what is stored, read anew when its stamp has changed, with what could not be stored."""
        with self._lock:
            self._reload(self._own)
            own = self._with_unsaved(self._own.state)
            return fill_in(own, self._borrowed()) if self._also else own

    def borrowed(self) -> State:
        """Return what the neighbours hold."""
        with self._lock:
            return self._borrowed()

    def commit(self, change: Change) -> None:
        """Apply a change to what is stored now, in one locked write."""
        with self._lock:
            self._unsaved.append(change)
            try:
                self._save()
            except StoreError as error:
                del self._unsaved[:-MOST_UNSAVED]
                self._warn_once(f"Tokens are kept in memory only, for this process: {error}")
            else:
                self._unsaved.clear()

    def lease(self, name: str, seconds: float) -> Lease | None:
        """Try once to take the store's lease; a store that cannot give one excludes nobody."""
        try:
            return self._store.lease(name, seconds)
        except StoreError:
            return _NoLease()

    def _borrowed(self) -> State:
        state: State = {}
        for neighbour in self._also:
            self._reload(neighbour)
            state = fill_in(state, neighbour.state)
        return state

    def _reload(self, reading: _Reading) -> None:
        try:
            reading.reload()
        except StoreUnreadable as error:
            self._warn(str(error))
        except StoreError as error:
            self._warn_once(f"Stored tokens could not be read: {error}")

    def _save(self) -> None:
        if isinstance(self._store, UpdatingStore):
            self._update(self._store)
            return
        self._reload(self._own)
        own = self._own
        for _ in range(MOST_ATTEMPTS):
            changed = self._with_unsaved(own.state)
            if changed is own.state:
                return
            try:
                answer = self._store.save(serialize(changed), own.stamp)
            except StoreUnreadable as error:
                self._warn(str(error))
                own.state, own.stamp = {}, None
                continue
            if not isinstance(answer, Conflict):
                own.state, own.stamp = changed, answer
                return
            own.state, own.stamp = self._content.parse(answer.data), answer.stamp
        message = f"{self._store.describe()} reported a conflict {MOST_ATTEMPTS} times in a row"
        raise StoreError(message)

    def _update(self, store: UpdatingStore) -> None:
        changed: State = {}

        def change(data: bytes | None) -> bytes | None:
            nonlocal changed
            before = self._content.parse(data)
            changed = self._with_unsaved(before)
            return None if changed is before else serialize(changed)

        try:
            loaded = store.update(change)
        except StoreUnreadable as error:
            self._warn(str(error))
            loaded = store.update(change)
        self._own.state, self._own.stamp = changed, loaded.stamp

    def _with_unsaved(self, state: State) -> State:
        for change in self._unsaved:
            state = change(state)
        return state

    def _warn_once(self, message: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(message)


class _Reading:
    """The last look at one store: parsed, and read again only when its stamp has changed."""

    def __init__(self, store: TokenStore | ReadOnlyStore, content: Content) -> None:
        self._store = store
        self._content = content
        self.state: State = {}
        self.stamp: Stamp = None

    def reload(self) -> None:
        """Look again.

        Raises:
            StoreError: the store cannot be read; what is known of it stays, unless it was set aside.
        """
        if self._store.stamp() == self.stamp:
            return
        try:
            loaded = self._store.load()
        except StoreUnreadable:
            self.state, self.stamp = {}, None
            raise
        self.state, self.stamp = self._content.parse(loaded.data), loaded.stamp


class Content:
    """Read the content of stores: each once, though it is asked first whether it is whole and then what it holds.

    Not thread-safe: one for each cache, under its lock.
    """

    def __init__(self) -> None:
        self._seen: tuple[bytes, State] | None = None

    def is_whole(self, data: bytes) -> bool:
        """Tell whether bytes are one whole JSON object in UTF-8."""
        try:
            state = json.loads(data)
        except (ValueError, RecursionError):
            return False
        if not isinstance(state, dict):
            return False
        self._seen = data, indexed(cast("State", state))
        return True

    def parse(self, data: bytes | None) -> State:
        """Return the state that bytes hold; whatever is not a cache reads as an empty one."""
        seen, self._seen = self._seen, None
        return seen[1] if seen is not None and seen[0] is data else parse(data)


def parse(data: bytes | None) -> State:
    """Return the state that bytes hold; whatever is not a cache reads as an empty one."""
    if not data:
        return {}
    try:
        state = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return indexed(cast("State", state)) if isinstance(state, dict) else {}


def serialize(state: State) -> bytes:
    """Return a state in MSAL's form, on one line: with ``indent``, Python's JSON is written without its C encoder."""
    return json.dumps(state).encode()
