"""MSAL's unified token cache on top of any store: reload, merge, write.

A cache holds a state (sections of rows, ``_core.lookup.State``). A change is a function from state to state; it may be
applied again to a newer state when another process has written meanwhile, and it returns the very state it was given
when there is nothing to change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from doorcode._core.msal_cache.changes import fill_in
from doorcode._core.msal_cache.lookup import State
from doorcode.cache._content import Content, serialize
from doorcode.cache._errors import StoreError, StoreKeyError, StoreUnreadable
from doorcode.cache._protocol import (
    Conflict,
    Lease,
    LeaseHolder,
    ReadOnlyStore,
    Stamp,
    TokenStore,
    UpdatingStore,
    WatchedStore,
)

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

    def remove(self, change: Change) -> None:
        """Apply a change that takes something away.

        Raises:
            StoreError: it is still stored, where this process or others can find it.
        """
        ...

    def borrowed(self) -> State:
        """Return what may be read of others' caches beside this one, and is never written to it."""
        ...

    def lease(self, name: str, seconds: float) -> Lease | None:
        """Try once to take a cross-process lease; None when another process holds it."""
        ...

    def lease_holder(self, name: str) -> LeaseHolder | None:
        """Return who holds a lease; None where that is not known."""
        ...


class WarnOnce:
    """Tell of the first trouble with the stores of a credential: what follows is the same for whoever reads it.

    Args:
        warn: tells of it.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._told = False

    def __call__(self, message: str) -> None:
        """Tell of it, unless something was told before."""
        if not self._told:
            self._told = True
            self._warn(message)


class NoLease:
    """A lease where there is no other process to exclude."""

    def release(self) -> None:
        """Do nothing."""


class StoredCache:
    """Keep tokens in a store that outlives the process.

    Args:
        store: where the bytes are.
        also: what may be read for accounts that the store lacks.
        warn: told of each content that was set aside.
        trouble: told whenever the store cannot be read or written; by default ``warn``, once.
        content: reads what is stored; the stores' own ``is_whole`` where they parse each content only once.
    """

    def __init__(
        self,
        store: TokenStore,
        also: tuple[ReadOnlyStore, ...],
        warn: Callable[[str], None],
        content: Content | None = None,
        trouble: Callable[[str], None] | None = None,
    ) -> None:
        self._store = store
        self._content = content or Content()
        self._also = tuple(_Reading(neighbour, self._content) for neighbour in also)
        self._warn = warn
        self._trouble = trouble or WarnOnce(warn)
        self._lock = threading.Lock()
        self._own = _Reading(store, self._content)
        self._unsaved: list[Change] = []

    def check_key(self) -> None:
        """Read what is stored, for a program that brings its own key.

        Raises:
            StoreKeyError: the key does not open it; without this, a user would be asked at every start.
        """
        with self._lock:
            self._reload(self._own, StoreKeyError)

    def read(self) -> State:
        """Return what is stored now; content that was damaged and is set aside counts as nothing.

        Raises:
            StoreError: the store cannot be read.
        """
        try:
            return self._content.parse(self._store.load().data)
        except StoreUnreadable as error:
            self._warn(str(error))
            return {}

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
            try:
                self._apply(change)
            except StoreError as error:
                self._trouble(f"Tokens are kept in memory only, for this process: {error}")

    def remove(self, change: Change) -> None:
        """Apply a change that takes something away, and see that it is gone.

        Raises:
            StoreError: it is still stored, or a neighbour has it too.
        """
        with self._lock:
            try:
                self._apply(change)
            except StoreError:
                self._own.reload()
                if change(self._own.state) is not self._own.state:
                    raise
            for neighbour in self._also:
                self._reload(neighbour)
                if change(neighbour.state) is not neighbour.state:
                    where = neighbour.store.describe()
                    raise StoreError(f"it is in {where} too, which other programs keep: remove it there", where=where)

    def _apply(self, change: Change) -> None:
        self._unsaved.append(change)
        try:
            self._save()
        except StoreError:
            del self._unsaved[:-MOST_UNSAVED]
            raise
        self._unsaved.clear()

    def lease(self, name: str, seconds: float) -> Lease | None:
        """Try once to take the store's lease; a store that cannot give one excludes nobody."""
        try:
            return self._store.lease(name, seconds)
        except StoreError as error:
            self._trouble(f"Other processes are not kept from doing the same: {error}")
            return NoLease()

    def lease_holder(self, name: str) -> LeaseHolder | None:
        """Return who holds the store's lease, where the store knows."""
        store = self._store
        try:
            return store.lease_holder(name) if isinstance(store, WatchedStore) else None
        except StoreError:
            return None

    def _borrowed(self) -> State:
        state: State = {}
        for neighbour in self._also:
            self._reload(neighbour)
            state = fill_in(state, neighbour.state)
        return state

    def _reload(self, reading: _Reading, *raised: type[StoreError]) -> None:
        try:
            reading.reload()
        except raised:
            raise
        except StoreUnreadable as error:
            self._warn(str(error))
        except StoreError as error:
            self._trouble(f"Stored tokens could not be read: {error}")

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


class _Reading:
    """The last look at one store: parsed, and read again only when its stamp has changed."""

    def __init__(self, store: TokenStore | ReadOnlyStore, content: Content) -> None:
        self.store = store
        self._content = content
        self.state: State = {}
        self.stamp: Stamp = None

    def reload(self) -> None:
        """Look again.

        Raises:
            StoreError: the store cannot be read; what is known of it stays, unless it was set aside.
        """
        if self.store.stamp() == self.stamp:
            return
        try:
            loaded = self.store.load()
        except StoreUnreadable:
            self.state, self.stamp = {}, None
            raise
        self.state, self.stamp = self._content.parse(loaded.data), loaded.stamp
