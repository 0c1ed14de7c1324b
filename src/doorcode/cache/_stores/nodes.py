"""Choose this node's encrypted file, in a home that several machines or containers (nodes) share.

Each node's kernel has its own keys. The first node uses ``<cache>.sealed``, each other one ``<cache>.<node>.sealed``,
all under one lock. The header of a file names the kernel of its key, so that a process leaves files alone that only
another node can decrypt.
"""

# Paths are text here, as the system calls of the stores take them.
# ruff: noqa: PTH116, PTH118, PTH208

from __future__ import annotations

import contextlib
import enum
import hashlib
import os
import re
import time
from typing import TYPE_CHECKING, Final

from doorcode.cache._ciphers import jwe
from doorcode.cache._ciphers.cipher import DecryptionError, KeyMissing
from doorcode.cache._errors import StoreError
from doorcode.cache._files import disk
from doorcode.cache._files.host import booted_at, here
from doorcode.cache._stores.file import CacheFile
from doorcode.cache._stores.kernel_keyring import KernelCipher, KernelKeys, is_jwe_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from doorcode.cache._files.host import Host

__all__ = ["NodeFiles", "files_of_cache"]

_NODE_DIGITS: Final = 12
_HEADER_BYTES: Final = 1024
_DAY: Final = 24 * 3600

LONGEST_UNUSED: Final = 90 * _DAY
"""Seconds since its last write after which a file holds no refresh token that still works."""

LONGEST_UNUSED_HERE: Final = 14 * _DAY
"""The same for a container that ran on this machine: the kernel drops its key three days after the last use."""


class _KeyOwner(enum.Enum):
    """The node whose key encrypts a file."""

    NONE = enum.auto()  # the key is certainly lost
    THIS_NODE = enum.auto()  # or there is no file yet
    ANOTHER_NODE = enum.auto()


class NodeFiles:
    """Choose among the encrypted files of one cache the file whose key this kernel has.

    Args:
        base: the path of the cache's plain file.
        cache: the cache's name in the keyring.
        keys: finds and creates keys.
        host: returns where this process runs.
        now: seconds since 1970.
        booted: returns when this kernel started, in seconds since 1970.
    """

    def __init__(
        self,
        base: str,
        cache: str,
        keys: KernelKeys,
        *,
        host: Callable[[], Host] = here,
        now: Callable[[], float] = time.time,
        booted: Callable[[], float] = booted_at,
    ) -> None:
        self._base = base
        self._first = f"{base}.sealed"
        self._host = host
        self._now = now
        self._booted = booted
        self._gos = KernelCipher(cache, keys)
        self._ours = _NodeCipher(f"{cache}.sealed", keys, self)
        self._judged: dict[str, tuple[str | None, bool]] = {}

    def place(self) -> CacheFile:
        """Return the file to read and write: this node's; or Go's, if this kernel has its key and no own file."""
        own = self._own()
        if os.path.lexists(own):
            return CacheFile(own, self._ours)
        owner = self._owner_of_first()
        if owner is _KeyOwner.ANOTHER_NODE:
            return CacheFile(own, self._ours)
        if not os.path.lexists(self._first) and self._shares_gos():
            return CacheFile(self._base, self._gos)
        return CacheFile(self._first, self._ours)

    def has_one(self) -> bool:
        """Tell whether this node has a file already."""
        return os.path.lexists(self.place().path)

    def gos(self) -> tuple[CacheFile, ...]:
        """Return Go's file, if this kernel has its key."""
        return (CacheFile(self._base, self._gos),) if self._shares_gos() else ()

    def of_this_node(self) -> tuple[str, ...]:
        """Return the paths of the files that this node may remove, whether they exist or not."""
        shared = () if self._owner_of_first() is _KeyOwner.ANOTHER_NODE else (self._first,)
        plain_or_gos = () if is_jwe_file(self._base) and not self._shares_gos() else (self._base,)
        return (self._own(), *shared, *plain_or_gos)

    def header(self) -> dict[str, str]:
        """Return the header fields that name this node's kernel in its files."""
        host = self._host()
        return {"boot": host.boot, "users": host.users, "machine": host.machine}

    def is_ours(self, said: Mapping[str, object]) -> bool:
        """Tell whether a header names this kernel and this user namespace."""
        return _kernel(said) == _kernel(self.header())

    def tidy(self) -> None:
        """Before this node creates a file, remove files whose key is certainly lost; the caller holds the lock."""
        place = self.place().path
        if os.path.lexists(place) and (place != self._first or self._owner_of_first() is _KeyOwner.THIS_NODE):
            return
        for path in files_of_cache(self._base):
            with contextlib.suppress(StoreError, OSError):
                if _is_of_a_node(self._base, path) and path != place and self._is_over(path):
                    disk.remove(path)

    def _own(self) -> str:
        kernel = " ".join(map(str, _kernel(self.header())))
        node = hashlib.sha256(kernel.encode()).hexdigest()[:_NODE_DIGITS]
        return f"{self._base}.{node}.sealed"

    def _owner_of_first(self) -> _KeyOwner:
        said = _header_of(self._first)
        if said is None:  # there is no file, or it is damaged, which its use will report
            return _KeyOwner.THIS_NODE
        if "boot" not in said:  # doorcode 0.1.0 wrote it
            return _KeyOwner.THIS_NODE if self._opens(self._first, self._ours) else self._unless_over()
        return _KeyOwner.THIS_NODE if self.is_ours(said) else self._unless_over()

    def _unless_over(self) -> _KeyOwner:
        return _KeyOwner.NONE if self._is_over(self._first) else _KeyOwner.ANOTHER_NODE

    def _is_over(self, path: str) -> bool:
        """Tell whether another kernel's file has lost its key, or its content is too old to be of use."""
        try:
            written = os.stat(path, follow_symlinks=False).st_mtime
        except OSError:
            return False
        unused, said, own = self._now() - written, _header_of(path) or {}, self.header()
        if unused > LONGEST_UNUSED:
            return True
        if said.get("machine") != own["machine"]:
            return False
        if said.get("boot") == own["boot"]:
            return said.get("users") != own["users"] and unused > LONGEST_UNUSED_HERE
        # A file that is younger than this kernel belongs to another machine with the same name.
        return written < self._booted()

    def _shares_gos(self) -> bool:
        return is_jwe_file(self._base) and self._opens(self._base, self._gos)

    def _opens(self, path: str, cipher: KernelCipher) -> bool:
        """Tell whether this kernel decrypts a file whose header names no kernel; True for a damaged file, too."""
        with contextlib.suppress(StoreError):
            stamp = disk.file_stamp(path)
            known = self._judged.get(path)
            if known is None or known[0] != stamp:
                raw = disk.read(path)
                known = self._judged[path] = (
                    stamp,
                    raw is not None and raw.data is not None and _can_open(cipher, raw.data),
                )
            return known[1]
        return False


class _NodeCipher(KernelCipher):
    """Encrypt content with this node's key, and name the node's kernel in the header."""

    def __init__(self, description: str, keys: KernelKeys, files: NodeFiles) -> None:
        super().__init__(description, keys)
        self._files = files

    def encrypt(self, data: bytes) -> bytes:
        """Return the content, encrypted; create the key if there is none."""
        self._files.tidy()
        return self.encrypt_with_header(data, self._files.header())

    def decrypt(self, encrypted: bytes) -> bytes:
        """Return the content.

        Raises:
            DecryptionError: the bytes are damaged, or the key was replaced.
            KeyMissing: the key no longer exists, or belongs to another kernel.
            StoreKeyError: the key cannot be read or used.
        """
        said = jwe.header(encrypted)
        if "boot" in said and not self._files.is_ours(said):
            raise KeyMissing
        return super().decrypt(encrypted)

    def is_current(self, encrypted: bytes) -> bool:
        """Tell whether the header of encrypted content names a kernel."""
        return "boot" in jwe.header(encrypted)


def files_of_cache(base: str) -> tuple[str, ...]:
    """Return every existing file that may hold content of a cache, in order.

    These are the plain file or Go's, the encrypted files of this and other nodes, the file under the program's own key,
    and the files that were set aside or left behind of any of these. Lock files hold no content and are left out.

    Args:
        base: the path of the cache's plain file.
    """
    directory, name = os.path.split(base)
    pattern = re.compile(
        re.escape(name)
        + rf"(\.keyed|(\.[0-9a-f]{{{_NODE_DIGITS}}})?\.sealed)?(\.tmp|\.lost-key|\.damaged-[0-9TZ]+(-[0-9]+)?)?"
    )
    try:
        return tuple(
            sorted(os.path.join(directory, other) for other in os.listdir(directory) if pattern.fullmatch(other))
        )
    except FileNotFoundError:
        return ()


def _kernel(said: Mapping[str, object]) -> tuple[object, object]:
    """Return what identifies a kernel and a user namespace; without /proc, the machine stands for the kernel."""
    return said.get("boot") or said.get("machine"), said.get("users")


def _is_of_a_node(base: str, path: str) -> bool:
    return re.fullmatch(rf"\.[0-9a-f]{{{_NODE_DIGITS}}}\.sealed", path[len(base) :]) is not None


def _can_open(cipher: KernelCipher, encrypted: bytes) -> bool:
    try:
        jwe.parse(encrypted)
    except DecryptionError:  # the use of a damaged file sets it aside
        return True
    try:
        cipher.decrypt(encrypted)
    except (KeyMissing, DecryptionError):
        return False
    return True


def _header_of(path: str) -> dict[str, object] | None:
    """Return the header of an encrypted file; None if there is no file, or it cannot be read."""
    try:
        raw = disk.read(path, _HEADER_BYTES)
    except StoreError:
        return None
    return None if raw is None or not raw.data else jwe.header(raw.data) or None
