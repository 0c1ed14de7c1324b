"""MSAL's unified token cache on top of any store: reload, merge, write.

A cache holds a state (sections of rows, ``_core.msal_cache.rows.State``). A change is a function from state to state.
When another process has written meanwhile, the cache applies the change again to the newer state. A change with nothing
to do returns the very state that it was given.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Final, Protocol, TypeAlias

from doorcode._core.msal_cache.changes import fill_in
from doorcode._core.msal_cache.rows import State
from doorcode.cache._content import Content, Reading, load, serialize
from doorcode.cache._errors import StoreError, StoreKeyError, StoreUnreadable, called
from doorcode.cache._outage import ServedRefreshTokens, ServerOutage
from doorcode.cache._protocol import (
    Conflict,
    Lease,
    LeaseHolder,
    ReadOnlyStore,
    TokenStore,
    UpdatingStore,
    can_update,
    is_watched,
)

Change: TypeAlias = Callable[[State], State]
MOST_ATTEMPTS: Final = 1000
"""Conflicts in a row after which a store counts as broken: contention alone does not cause that many."""

MEMORY_ONLY: Final = "Tokens are kept in memory only, for this process: "
"""The start of the warning that the reason follows."""
_UNREADABLE: Final = "Stored tokens cannot be read, and new ones are kept in memory only while that lasts: "
_NOT_WRITABLE: Final = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.ELOOP, errno.EMLINK}
"""The errors of a lease after which a write to the same place fails too."""

MOST_UNSAVED: Final = 64
"""Changes to keep in memory for a store that cannot be written; more are folded into one."""


class TokenCache(Protocol):
    """The operations of a token cache that a credential uses. Thread-safe."""

    def state(self) -> State:
        """Return the cached rows; never raises."""
        ...

    def last_read(self) -> State:
        """Return what was cached when it was last read in this process."""
        ...

    def commit(self, change: Change) -> None:
        """Apply a change; if it cannot be stored, keep it in memory and warn once."""
        ...

    def remove(self, change: Change) -> None:
        """Apply a change that removes rows.

        Raises:
            StoreError: the rows are still stored, where this process or others can find them.
        """
        ...

    def borrowed(self) -> State:
        """Return the rows of other programs' caches, which this cache reads and never writes."""
        ...

    def outage(self) -> str | None:
        """Return why refresh tokens that others have too may not be redeemed now; None if they may."""
        ...

    def lease(self, name: str, seconds: float) -> Lease | None:
        """Try once to take a cross-process lease; return None when another process holds it."""
        ...

    def lease_holder(self, name: str) -> LeaseHolder | None:
        """Return who holds a lease; None when that is unknown."""
        ...


class WarnOnce:
    """Pass on the first warning about a credential's stores, and the first about tokens in memory only; drop others.

    The others would repeat the reason.

    Args:
        warn: takes the warning.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._told = False
        self._told_memory_only = False

    def __call__(self, message: str) -> None:
        """Pass the message on if it is the first, or the first about tokens in memory only."""
        memory_only = message.startswith((MEMORY_ONLY, _UNREADABLE))
        if not self._told or (memory_only and not self._told_memory_only):
            self._told = True
            self._told_memory_only = memory_only
            self._warn(message)


class NoLease:
    """A lease for a cache that no other process shares, or whose store cannot give one."""

    def release(self) -> None:
        """Do nothing."""


class StoredCache:
    """Keep tokens in a store that outlives the process.

    Args:
        store: keeps the bytes.
        also: other programs' caches, read for accounts that the store lacks.
        warn: called with a message for each content that was set aside.
        content: parses the content; by default a new one. Pass the one whose ``is_whole`` the store uses, so that
            content is parsed once.
        trouble: called with a message whenever the store cannot be read or written; by default ``warn``, once.
        served: what the store's server has held; by default of this cache alone.
        guard: returns a context for each use of the store, which may refuse it.
    """

    def __init__(
        self,
        store: TokenStore,
        also: tuple[ReadOnlyStore, ...],
        warn: Callable[[str], None],
        content: Content | None = None,
        trouble: Callable[[str], None] | None = None,
        served: ServedRefreshTokens | None = None,
        guard: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._store = store
        self._content = content or Content()
        self._also = tuple(Reading(other, self._content) for other in also)
        self._warn = warn
        self._trouble = trouble or WarnOnce(warn)
        self._guard = guard
        self._lock = threading.Lock()
        self._own = Reading(store, self._content)
        self._unsaved: list[Change] = []
        self._removals: dict[Change, None] = {}
        self._outage = ServerOutage(store)
        self._served = served or ServedRefreshTokens()
        self._noted: State = {}

    def check_key(self) -> None:
        """Read the content, to check the key of a program that brings its own.

        Raises:
            StoreKeyError: the key does not decrypt the content. Without this check, the program would ask the user to
                sign in at every start.
        """
        with self._guard(), self._lock:
            self._reload(self._own, StoreKeyError)

    def read(self) -> State:
        """Return the stored rows; damaged content, which the store sets aside, counts as empty.

        Raises:
            StoreError: the store cannot be read.
        """
        try:
            return self._content.parse(load(self._store).data)
        except StoreUnreadable as error:
            self._warn(str(error))
            return {}

    def state(self) -> State:
        """Return the stored rows, read again when the stamp has changed, with the changes that could not be stored."""
        with self._guard(), self._lock:
            self._reload(self._own)
            if self._unsaved and self._outage.may_write_again():
                with suppress(StoreError):
                    self._apply()
            own = self._with_unsaved(self._own.state)
            if self._outage.reason is not None:
                # Another machine may redeem the same refresh token now, or has done so.
                return self._served.taken_from(own)
            return fill_in(own, self._borrowed()) if self._also else own

    def outage(self) -> str | None:
        """Return why refresh tokens of the store may not be redeemed now; None if they may."""
        return self._outage.reason

    def last_read(self) -> State:
        """Return what was stored when it was last read; a look at the store costs more."""
        with self._guard(), self._lock:
            return self._with_unsaved(self._own.state)

    def borrowed(self) -> State:
        """Return the rows of the other programs' caches."""
        with self._guard(), self._lock:
            return self._borrowed()

    def commit(self, change: Change) -> None:
        """Apply a change to the present content, in one locked write."""
        with self._guard(), self._lock:
            try:
                self._apply(change)
            except StoreError as error:
                self._trouble(f"{MEMORY_ONLY}{error}")

    def remove(self, change: Change) -> None:
        """Apply a change that removes rows, and check that they are gone.

        Raises:
            StoreError: the rows are still stored, or another program's cache has them too.
        """
        with self._guard(), self._lock:
            self._removals[change] = None
            try:
                self._apply(change)
            except StoreError:
                self._own.reload()
                if change(self._own.state) is not self._own.state:
                    raise
            for other in self._also:
                self._reload(other)
                if change(other.state) is not other.state:
                    where = other.store.describe()
                    raise StoreError(f"it is in {where} too, which other programs keep: remove it there", where=where)

    def _apply(self, *changes: Change) -> None:
        self._unsaved.extend(changes)
        try:
            self._save()
        except StoreError:
            if len(self._unsaved) > MOST_UNSAVED:
                self._fold()
            raise
        self._unsaved.clear()
        self._removals.clear()

    def _fold(self) -> None:
        from doorcode._core.msal_cache.folded import Folded

        *older, newest = self._unsaved
        self._unsaved = [Folded(self._own.state, older, self._removals), newest]

    def lease(self, name: str, seconds: float) -> Lease | None:
        """Try once to take the store's lease; if the store fails, return a lease that excludes no other process."""
        lease: Lease | None = None
        try:
            with self._guard():
                lease = called(self._store.lease, name, seconds)
            self._outage.leased(None)
        except StoreError as error:
            self._outage.leased(error)
            lasting = error.errno in _NOT_WRITABLE
            start = MEMORY_ONLY if lasting else "Other processes may refresh or ask the user at the same time: "
            self._trouble(f"{start}{error}")
            return NoLease()
        except BaseException:  # Ctrl-C: nobody else would give the lease back
            (lease or NoLease()).release()
            raise
        return lease

    def lease_holder(self, name: str) -> LeaseHolder | None:
        """Return who holds the store's lease; None when the store does not know."""
        store = self._store
        try:
            with self._guard():
                return called(store.lease_holder, name) if is_watched(store) else None
        except StoreError:
            return None

    def _borrowed(self) -> State:
        state: State = {}
        for other in self._also:
            self._reload(other)
            state = fill_in(state, other.state)
        return state

    def _reload(self, reading: Reading, *raised: type[StoreError]) -> StoreError | None:
        failed: StoreError | None = None
        try:
            reading.reload()
        except raised:
            raise
        except StoreUnreadable as error:
            self._warn(str(error))
        except StoreError as error:
            failed = error
            self._trouble(f"{_UNREADABLE}{error}")
        if reading is self._own:
            self._outage.read(failed)
            self._note_served(reading.state)
        return failed

    def _save(self) -> None:
        if can_update(self._store):
            self._update(self._store)
            return
        failed = self._reload(self._own)
        own = self._own
        # A server that writes now, and cannot say so, would have the refresh token unnoticed. And where nothing seems
        # to change, the store may yet hold what a removal is to remove.
        if failed is not None and (self._outage.possible or self._with_unsaved(own.state) is own.state):
            raise failed
        for _ in range(MOST_ATTEMPTS):
            changed = self._with_unsaved(own.state)
            if changed is own.state:
                return
            self._note_served(changed)  # the server may store it, and its reply may be lost
            try:
                answer = called(self._store.save, serialize(changed), own.stamp)
            except StoreUnreadable as error:
                self._warn(str(error))
                own.state, own.stamp = {}, None
                continue
            if not isinstance(answer, Conflict):
                own.state, own.stamp = changed, answer
                return
            own.state, own.stamp = self._content.parse(answer.data), answer.stamp
        raise StoreError(f"{called(self._store.describe)} reported a conflict {MOST_ATTEMPTS} times in a row")

    def _update(self, store: UpdatingStore) -> None:
        changed: State = {}

        def change(data: bytes | None) -> bytes | None:
            nonlocal changed
            before = self._content.parse(data)
            changed = self._with_unsaved(before)
            self._note_served(changed)
            return None if changed is before else serialize(changed)

        try:
            loaded = called(store.update, change)
        except StoreUnreadable as error:
            self._warn(str(error))
            loaded = called(store.update, change)
        self._own.state, self._own.stamp = changed, loaded.stamp

    def _note_served(self, state: State) -> None:
        if self._outage.possible and state is not self._noted:
            self._noted = state
            self._served.add(state)

    def _with_unsaved(self, state: State) -> State:
        for change in self._unsaved:
            state = change(state)
        return state
