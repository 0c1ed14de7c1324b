"""A store whose content is an item of the system's own, with a file beside it whose time says that it changed."""

# Descriptors, flags, links not followed, and text for paths, as in the system calls below it all.
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
    """Tell whether files show that a keyring was given a cache's content, so that it may still have it.

    A store of ours leaves a mark beside the signal file, where another program may keep a plain cache. Other libraries
    leave the empty signal file alone.

    Args:
        signal: path of the signal file.
    """
    return os.path.lexists(f"{signal}{_MARK}") or is_signal(signal)


def is_signal(path: str) -> bool:
    """Tell whether there is an empty file, which a keyring's store may have left as its signal."""
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and not status.st_size


class SecretBackend(Protocol):
    """Keep one secret of the system's: an item of a keyring or a keychain. Each call may block for seconds."""

    def read(self) -> bytes | None:
        """Return the secret, or None; raises StoreError."""
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
        """Remove damaged content that was kept, if there is any; raises StoreError."""
        ...

    def describe(self) -> str:
        """Return, for people, where the secret is."""
        ...


class SignalledStore:
    """Keep one token cache in a vault, under the lock and with the signal file of msal-extensions.

    Args:
        signal: path of the file whose time is set after each change; its content is nobody's business here.
        vault: keeps the content.
        is_whole: tells whether bytes are a cache.
        lock: excludes other processes; by default ``<signal>.lockfile``.
        now: nanoseconds since 1970.
    """

    def __init__(
        self,
        signal: str,
        vault: SecretBackend,
        *,
        is_whole: Callable[[bytes], bool] = is_json_object,
        lock: CacheLock | None = None,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._signal = signal
        self._vault = vault
        self._is_whole = is_whole
        self._lock = lock or cache_lock(signal)
        self._now = now
        self._leases = FileLeases()

    @property
    def encrypted(self) -> bool:
        """Tell that the system encrypts the content."""
        return True

    def describe(self) -> str:
        """Return, for people, where the content is."""
        return self._vault.describe()

    def stamp(self) -> Stamp:
        """Return the stamp of the signal file; a secret that nobody signalled counts as none."""
        return disk.signal_stamp(self._signal)

    def load(self) -> Loaded:
        """Return the content; blocks for the system's answer, and for the lock where the content looks damaged."""
        # Before the content: who writes changes the signal last, so at worst this is loaded once more.
        stamp = self.stamp()
        data = self._vault.read()
        if data is not None and (stamp is None or not self._is_whole(data)):
            self._prepare()
            with self._lock.hold():
                return self._look_again()
        return Loaded(data, stamp)

    def save(self, data: bytes, expected: Stamp) -> Stamp | Conflict:
        """Replace the content if it is still what the caller loaded; blocks for the lock and the system."""
        if not data:
            raise ValueError("nothing to save: use delete()")
        self._prepare()
        with self._lock.hold() as turn:
            if self.stamp() != expected:
                found = self._look_again()
                return Conflict(found.data, found.stamp)
            turn.confirm()
            self._mark()
            self._vault.write(data)
            return self._sign()

    def update(self, change: Callable[[bytes | None], bytes | None]) -> Loaded:
        """Replace the content by what ``change`` makes of it, under one lock; blocks for the lock and the system."""
        self._prepare()
        with self._lock.hold() as turn:
            found = self._look_again()
            data = change(found.data)
            if data is None:
                return found
            turn.confirm()
            self._mark()
            self._vault.write(data)
            return Loaded(data, self._sign())

    def delete(self) -> None:
        """Remove the content, what was set aside of it, and what shows that there was any."""
        self._prepare()
        with self._lock.hold():
            self._delete()

    def delete_if(self, is_over: Callable[[bytes | None], bool]) -> None:
        """Remove the content, if there is any, when it is no longer wanted; what was set aside of it in any case.

        Args:
            is_over: tells that; called under the lock.
        """
        self._prepare()
        with self._lock.hold():
            if is_over(self._look_again().data):
                self._delete()
            else:
                self._vault.discard()

    def lease(self, name: str, seconds: float) -> FileLease | None:
        """Try once for ``<signal>.<name>.lock``; the kernel ends the lease with the process, and its time does."""
        check_lease_name(name)
        self._prepare()
        return self._leases.take(f"{self._signal}.{name}.lock", seconds)

    def lease_holder(self, name: str) -> LeaseHolder | None:
        """Return what the holder of a lease has noted in the lease's file."""
        return holder_in(f"{self._signal}.{name}.lock")

    def _prepare(self) -> None:
        ensure_directory(os.path.dirname(self._signal), private=True)

    def _delete(self) -> None:
        self._vault.remove()
        self._vault.discard()
        if disk.file_stamp(self._signal) is not None:  # another program's plain cache
            self._sign()
        else:
            disk.remove(self._signal)
        disk.remove(f"{self._signal}{_MARK}")

    def _mark(self) -> None:
        """Leave a mark before the first write: over SSH, nothing else tells that a keyring has the content."""
        mark = f"{self._signal}{_MARK}"
        if not os.path.lexists(mark):
            disk.touch(mark, self._now())

    def _sign(self) -> Stamp:
        disk.touch(self._signal, self._now())
        return self.stamp()

    def _look_again(self) -> Loaded:
        """Look under the lock, giving content that lacks its signal one, and setting damaged content aside."""
        data = self._vault.read()
        if data is not None and not self._is_whole(data):
            aside = self._vault.keep(data)
            self._vault.remove()
            self._sign()
            raise StoreUnreadable(
                f"cannot use the token cache in {self._vault.describe()}: it is damaged, or no token cache; "
                f"it was set aside as {aside}",
                where=self._vault.describe(),
                aside=aside,
            )
        stamp = self.stamp()
        return Loaded(data, self._sign() if data is not None and stamp is None else stamp)
