"""A store that keeps a cache in the system's keyring, with a signal file whose time shows each change."""

# Paths are text here, as the system calls of the stores take them.
# ruff: noqa: PTH116, PTH120

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Final, Protocol

from doorcode.cache._errors import StoreUnreadable
from doorcode.cache._files import disk
from doorcode.cache._files.ownership import ensure_directory
from doorcode.cache._locks.lease import FileLease, FileLeases, check_lease_name
from doorcode.cache._locks.lease_note import holder_in
from doorcode.cache._locks.lock import CacheLock, cache_lock
from doorcode.cache._protocol import Conflict, LeaseHolder, Loaded, Stamp
from doorcode.cache._stores.file import is_json_object

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SecretBackend", "SignalledStore", "is_signal", "may_have_secret"]

_MARK: Final = ".keyring"


def may_have_secret(signal: str) -> bool:
    """Tell whether files show that a keyring may have a cache's content.

    Doorcode's store leaves a mark beside the signal file, because another program may keep a plain cache in that file.
    Other libraries leave only the empty signal file.

    Args:
        signal: the path of the signal file.
    """
    return os.path.lexists(f"{signal}{_MARK}") or is_signal(signal)


def is_signal(path: str) -> bool:
    """Tell whether a path leads to an empty file, as a keyring's store leaves it for a signal."""
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and not status.st_size


class SecretBackend(Protocol):
    """Keep one secret in a keyring or a keychain. Each call may block for seconds."""

    def read(self) -> bytes | None:
        """Return the secret; None if there is none; raises StoreError."""
        ...

    def write(self, data: bytes) -> None:
        """Replace the secret; raises StoreError."""
        ...

    def remove(self) -> None:
        """Remove the secret; raises StoreError."""
        ...

    def keep(self, data: bytes) -> str:
        """Keep damaged content under another name and return that name; raises StoreError."""
        ...

    def discard(self) -> None:
        """Remove the damaged content that was kept, if there is any; raises StoreError."""
        ...

    def describe(self) -> str:
        """Return where the secret is, as text for the user."""
        ...


class SignalledStore:
    """Keep one token cache in a keyring, under the lock and with the signal file of msal-extensions.

    Args:
        signal: the path of the signal file. The store sets its time after each change, and leaves its content alone.
        backend: keeps the content.
        is_whole: tells whether bytes are a complete cache.
        lock: excludes other processes; by default ``<signal>.lockfile``.
        now: nanoseconds since 1970.
    """

    def __init__(
        self,
        signal: str,
        backend: SecretBackend,
        *,
        is_whole: Callable[[bytes], bool] = is_json_object,
        lock: CacheLock | None = None,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._signal = signal
        self._backend = backend
        self._is_whole = is_whole
        self._lock = lock or cache_lock(signal)
        self._now = now
        self._leases = FileLeases()

    @property
    def encrypted(self) -> bool:
        """Return True: the system encrypts the content."""
        return True

    def describe(self) -> str:
        """Return where the content is, as text for the user."""
        return self._backend.describe()

    def stamp(self) -> Stamp:
        """Return the stamp of the signal file; None if there is no signal file."""
        return disk.signal_stamp(self._signal)

    def load(self) -> Loaded:
        """Return the content; blocks for the keyring, and for the lock if the content looks damaged."""
        # The stamp is read first: a writer changes the signal last, so at worst the content is loaded once more.
        stamp = self.stamp()
        data = self._backend.read()
        if data is not None and (stamp is None or not self._is_whole(data)):
            self._prepare()
            with self._lock.hold():
                return self._look_again()
        return Loaded(data, stamp)

    def save(self, data: bytes, expected: Stamp) -> Stamp | Conflict:
        """Replace the content if it is still what the caller loaded; blocks for the lock and the keyring."""
        if not data:
            raise ValueError("nothing to save: use delete()")
        self._prepare()
        with self._lock.hold() as held:
            if self.stamp() != expected:
                found = self._look_again()
                return Conflict(found.data, found.stamp)
            held.confirm()
            self._mark()
            self._backend.write(data)
            return self._sign()

    def update(self, change: Callable[[bytes | None], bytes | None]) -> Loaded:
        """Replace the content by the result of ``change``, under one lock; blocks for the lock and the keyring."""
        self._prepare()
        with self._lock.hold() as held:
            found = self._look_again()
            data = change(found.data)
            if data is None:
                return found
            held.confirm()
            self._mark()
            self._backend.write(data)
            return Loaded(data, self._sign())

    def delete(self) -> None:
        """Remove the content, damaged content that was kept, the signal file and the mark."""
        self._prepare()
        with self._lock.hold():
            self._delete()

    def delete_if(self, is_over: Callable[[bytes | None], bool]) -> None:
        """Remove the content if it is no longer wanted, and damaged content that was kept in any case.

        Args:
            is_over: takes the content or None, and tells whether it may go; called under the lock.
        """
        self._prepare()
        with self._lock.hold():
            if is_over(self._look_again().data):
                self._delete()
            else:
                self._backend.discard()

    def lease(self, name: str, seconds: float) -> FileLease | None:
        """Try once to get the lease ``<signal>.<name>.lock``, which ends with the process or when its time is over."""
        check_lease_name(name)
        self._prepare()
        return self._leases.take(f"{self._signal}.{name}.lock", seconds)

    def lease_holder(self, name: str) -> LeaseHolder | None:
        """Return the holder that the lease's file names."""
        return holder_in(f"{self._signal}.{name}.lock")

    def _prepare(self) -> None:
        ensure_directory(os.path.dirname(self._signal), private=True)

    def _delete(self) -> None:
        self._backend.remove()
        self._backend.discard()
        if disk.file_stamp(self._signal) is not None:  # another program's plain cache
            self._sign()
        else:
            disk.remove(self._signal)
        disk.remove(f"{self._signal}{_MARK}")

    def _mark(self) -> None:
        """Leave a mark before the first write; over SSH, only the mark shows that a keyring has the content."""
        mark = f"{self._signal}{_MARK}"
        if not os.path.lexists(mark):
            disk.touch(mark, self._now())

    def _sign(self) -> Stamp:
        disk.touch(self._signal, self._now())
        return self.stamp()

    def _look_again(self) -> Loaded:
        """Read the content under the lock; create a missing signal file, and set damaged content aside."""
        data = self._backend.read()
        if data is not None and not self._is_whole(data):
            aside = self._backend.keep(data)
            self._backend.remove()
            self._sign()
            raise StoreUnreadable(
                f"cannot use the token cache in {self._backend.describe()}: it is damaged, or no token cache; "
                f"it was set aside as {aside}",
                where=self._backend.describe(),
                aside=aside,
            )
        stamp = self.stamp()
        return Loaded(data, self._sign() if data is not None and stamp is None else stamp)
