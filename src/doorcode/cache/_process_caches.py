"""Token caches that live in one process: in memory, or in an MSAL token cache that the program passes."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, cast

from doorcode._core.msal_cache.rows import State
from doorcode.cache._protocol import Lease, LeaseHolder
from doorcode.cache._token_cache import Change, NoLease


class _ProcessCache(ABC):
    """The behaviour common to caches of one process: no other caches to read, and every lease is granted."""

    @abstractmethod
    def state(self) -> State:
        """Return what is cached."""

    def last_read(self) -> State:
        """Return what is cached."""
        return self.state()

    @abstractmethod
    def commit(self, change: Change) -> None:
        """Apply a change."""

    def remove(self, change: Change) -> None:
        """Apply a change."""
        self.commit(change)

    def borrowed(self) -> State:
        """Return an empty state: such a cache reads no other program's cache."""
        return {}

    def outage(self) -> str | None:
        """Return None: no server is needed."""
        return None

    def lease(self, name: str, seconds: float) -> Lease | None:  # noqa: ARG002 - the Protocol's shape
        """Grant the lease: no other process competes for it."""
        return NoLease()

    def lease_holder(self, name: str) -> LeaseHolder | None:  # noqa: ARG002 - the Protocol's shape
        """Return None: other processes do not share this cache."""
        return None


class MemoryCache(_ProcessCache):
    """Keep tokens for as long as the credential lives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: State = {}

    def state(self) -> State:
        """Return the cached rows."""
        return self._state

    def commit(self, change: Change) -> None:
        """Apply a change."""
        with self._lock:
            self._state = change(self._state)


class MsalCache(_ProcessCache):
    """Keep tokens in an MSAL token cache of the program.

    Args:
        cache: any ``msal.TokenCache``; this class calls only its documented methods.
    """

    def __init__(self, cache: object) -> None:
        self._cache: Any = cache  # MSAL is not typed
        self._lock = threading.Lock()

    def state(self) -> State:
        """Return the rows that the cache's search finds."""
        kinds = vars(self._cache.CredentialType)
        names: set[str] = {kinds[key] for key in kinds if key.isupper()} & set(self._cache.key_makers)
        return {name: self._rows(name) for name in names}

    def commit(self, change: Change) -> None:
        """Pass each changed row to the cache, as MSAL does."""
        with self._lock:
            before = self.state()
            after = change(before)
            for section, known in before.items():  # sections that MSAL does not know are left out
                rows = after.get(section, {})
                for key, row in rows.items():
                    if known.get(key) != row:
                        self._cache.modify(section, dict(row), dict(row))
                for key, row in known.items():
                    if key not in rows:
                        self._cache.modify(section, dict(row))

    def _rows(self, section: str) -> dict[str, dict[str, object]]:
        make_key = cast("Callable[..., str]", self._cache.key_makers[section])
        return {make_key(**row): row for row in self._cache.search(section, query={})}
