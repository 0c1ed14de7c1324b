"""A store that keeps a cache in one file, plain or encrypted, under a lock."""

# Paths are text here, as the system calls of the stores take them.
# ruff: noqa: PTH112, PTH120

from __future__ import annotations

import errno
import json
import os
import time
from typing import TYPE_CHECKING, Final

from doorcode._core.values import value_class
from doorcode.cache._ciphers.cipher import Cipher, DecryptionError, KeyMissing, NoCipher
from doorcode.cache._errors import StoreError, StoreUnreadable
from doorcode.cache._files import disk
from doorcode.cache._files.ownership import ensure_directory
from doorcode.cache._protocol import Conflict, LeaseHolder, Loaded, Stamp

# A process that only reads a stored token imports neither locks nor leases.
if TYPE_CHECKING:
    from collections.abc import Callable

    from doorcode.cache._locks.lease import FileLease, FileLeases
    from doorcode.cache._locks.lock import CacheLock, HeldLock

__all__ = ["CacheFile", "FileStore", "is_json_object"]

_LOOKS: Final = 5
_PAUSE: Final = 0.02
_NO_LOCK: Final = {errno.EROFS, errno.EACCES, errno.EPERM}


@value_class(frozen=True, slots=True)
class CacheFile:
    """The path of a cache's file and the cipher of its content."""

    path: str
    cipher: Cipher


@value_class(frozen=True, slots=True)
class _Bad:
    """Content that cannot be used, perhaps because another program is writing into the file."""

    stamp: Stamp
    reason: str


class _Outdated(Loaded):
    """Content in an older encrypted form, which the store rewrites."""


def is_json_object(data: bytes) -> bool:
    """Tell whether bytes are one whole JSON object in UTF-8."""
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False


class FileStore:
    """Keep one token cache in one file.

    Args:
        path: the absolute path of the file; locks, and content that is set aside, are beside it.
        cipher: encrypts the content; None leaves it plain.
        where: returns the file and the cipher for each operation, in place of ``path`` and ``cipher``; the lock stays
            the same.
        private: whether the directory is doorcode's alone, and may be changed to mode 0700.
        is_whole: tells whether bytes are a complete cache, and not a torn or foreign file.
        lock: excludes other processes; by default ``<path>.lockfile``.
        now: nanoseconds since 1970.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        path: str,
        cipher: Cipher | None = None,
        *,
        where: Callable[[], CacheFile] | None = None,
        private: bool = False,
        is_whole: Callable[[bytes], bool] = is_json_object,
        lock: CacheLock | None = None,
        now: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        fixed = CacheFile(path, cipher or NoCipher(path))
        self._path = path
        self._where = where or (lambda: fixed)
        self._private = private
        self._is_whole = is_whole
        self._now = now
        self._sleep = sleep
        self._own_lock = lock
        self._own_leases: FileLeases | None = None

    @property
    def encrypted(self) -> bool:
        """Tell whether the content is encrypted at rest."""
        return self._where().cipher.encrypted

    def describe(self) -> str:
        """Return where the content is and how it is protected, as text for the user."""
        place = self._where()
        return f"the file {place.path}, {place.cipher.describe()}"

    def check(self) -> None:
        """Check, without a change, that this process can use the file and its lock.

        Raises:
            StoreKeyError: the key does not decrypt the content.
            StoreError: the file or its lock is not a regular file of this user.
        """
        disk.signal_stamp(f"{self._path}.lockfile")
        self._look(self._where())

    def stamp(self) -> Stamp:
        """Return the stamp of the file, without opening it."""
        return disk.file_stamp(self._where().path)

    def load(self) -> Loaded:
        """Return the content; take the lock only if it looks damaged, because another program may be writing it."""
        found = self._look(self._where())
        if isinstance(found, _Outdated):
            return self._rewritten(found)
        if isinstance(found, Loaded):
            return found
        try:
            with self._lock.hold():
                return self._look_again(found)
        except StoreUnreadable:
            raise
        except StoreError as error:
            if error.errno not in _NO_LOCK:
                raise
        return self._look_without_lock()

    def save(self, data: bytes, expected: Stamp) -> Stamp | Conflict:
        """Replace the content if it is still what the caller loaded; blocks for the lock and the disk."""
        if not data:
            raise ValueError("nothing to save: use delete()")
        self._prepare()
        with self._lock.hold() as held:
            place = self._where()
            if disk.file_stamp(place.path) != expected:
                found = self._look_locked(place)
                return Conflict(found.data, found.stamp)
            return self._write(place, data, held)

    def update(self, change: Callable[[bytes | None], bytes | None]) -> Loaded:
        """Replace the content by the result of ``change``, under one lock; blocks for the lock and the disk."""
        self._prepare()
        with self._lock.hold() as held:
            place = self._where()
            found = self._look_locked(place)
            data = change(found.data)
            return found if data is None else Loaded(data, self._write(place, data, held))

    def delete(self) -> None:
        """Remove the file."""
        if not os.path.isdir(os.path.dirname(self._path)):
            return
        with self._lock.hold():
            disk.remove(self._where().path)

    def delete_if(self, is_over: Callable[[bytes | None], bool]) -> None:
        """Remove the file if its content is no longer wanted.

        Args:
            is_over: takes the content, or None if its key is lost, and tells whether the file may go; called under the
                lock.
        """
        with self._lock.hold():
            place = self._where()
            found = self._look_locked(place)
            if found.stamp is not None and is_over(found.data):
                disk.remove(place.path)

    def lease(self, name: str, seconds: float) -> FileLease | None:
        """Try once to get the lease ``<path>.<name>.lock``, which ends with the process or when its time is over."""
        from doorcode.cache._locks.lease import check_lease_name

        check_lease_name(name)
        self._prepare()
        return self._leases.take(f"{self._path}.{name}.lock", seconds)

    def lease_holder(self, name: str) -> LeaseHolder | None:
        """Return the holder that the lease's file names."""
        from doorcode.cache._locks.lease_note import holder_in

        return holder_in(f"{self._path}.{name}.lock")

    @property
    def _lock(self) -> CacheLock:
        if self._own_lock is None:
            from doorcode.cache._locks.lock import cache_lock

            self._own_lock = cache_lock(self._path)
        return self._own_lock

    @property
    def _leases(self) -> FileLeases:
        if self._own_leases is None:
            from doorcode.cache._locks.lease import FileLeases

            self._own_leases = FileLeases()
        return self._own_leases

    def _prepare(self) -> None:
        ensure_directory(os.path.dirname(self._path), private=self._private)

    def _write(self, place: CacheFile, data: bytes, held: HeldLock) -> Stamp:
        self._keep_what_is_lost(place)
        return disk.replace(place.path, place.cipher.encrypt(data), self._now(), held.confirm)

    def _look_locked(self, place: CacheFile) -> Loaded:
        found = self._look(place)
        return found if isinstance(found, Loaded) else self._look_again(found)

    def _look(self, place: CacheFile) -> Loaded | _Bad:
        raw = disk.read(place.path)
        if raw is None:
            return Loaded(None, None)
        if not raw.data:
            return _Bad(raw.stamp, raw.reason or "it is empty")
        try:
            data = place.cipher.decrypt(raw.data)
        except KeyMissing:
            return Loaded(None, raw.stamp)
        except DecryptionError as broken:
            return _Bad(raw.stamp, str(broken))
        if not self._is_whole(data):
            return _Bad(raw.stamp, "it is damaged, or no token cache")
        return (Loaded if place.cipher.is_current(raw.data) else _Outdated)(data, raw.stamp)

    def _rewritten(self, found: Loaded) -> Loaded:
        """Rewrite content in the present encrypted form; if that fails, the next write does it."""
        try:
            return self.update(lambda data: data)
        except StoreError:
            return Loaded(found.data, found.stamp)

    def _look_again(self, first: _Bad) -> Loaded:
        """Read content that looked damaged again, under the lock, and set it aside if it is damaged."""
        place = self._where()
        for _ in range(_LOOKS):
            found = self._look(place)
            if isinstance(found, Loaded):
                return found
            if found.stamp == first.stamp:
                return self._set_aside(place, found)
            first = found
            self._sleep(_PAUSE)
        raise StoreError(f"{place.path} is being rewritten all the time; try again", where=place.path)

    def _look_without_lock(self) -> Loaded:
        """Read the file again without a lock, in a directory that cannot be written."""
        place = self._where()
        found = self._look(place)
        if isinstance(found, Loaded):
            return found
        if found.stamp is None:
            return Loaded(None, None)
        raise StoreUnreadable(f"cannot use the token cache {place.path}: {found.reason}", where=place.path)

    def _set_aside(self, place: CacheFile, bad: _Bad) -> Loaded:
        if bad.stamp is None:  # an empty file holds nothing, and may be another store's signal
            return Loaded(None, None)
        aside = disk.move_aside(place.path, "damaged", self._now() / 1e9)
        raise StoreUnreadable(
            f"cannot use the token cache {place.path}: {bad.reason}; it was set aside as {aside}",
            where=place.path,
            aside=aside,
        )

    def _keep_what_is_lost(self, place: CacheFile) -> None:
        """Set a file aside whose key is lost, before new content replaces it."""
        if not place.cipher.encrypted:
            return
        raw = disk.read(place.path)
        if raw is None or not raw.data:
            return
        try:
            place.cipher.decrypt(raw.data)
        except (KeyMissing, DecryptionError):
            # One fixed name: each reboot loses the key, and files would accumulate.
            disk.move_aside(place.path, "lost-key", None)
