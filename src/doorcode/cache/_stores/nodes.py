"""Which sealed file is whose, in a home that several machines or containers share: each kernel has its own keys.

The first of them has ``<cache>.sealed``, and each other one ``<cache>.<node>.sealed``, all under one lock. A file says
in its header which kernel's key it is under, so that no process touches what only another one can open.
"""

# Text for paths, as in the system calls below it all.
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
from doorcode.cache._stores.kernel_keyring import KernelKeys, KernelSeal, is_sealed_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from doorcode.cache._files.host import Host

__all__ = ["NodeFiles", "files_of_cache"]

_NODE_DIGITS: Final = 12
_HEADER_BYTES: Final = 1024
_DAY: Final = 24 * 3600

LONGEST_UNUSED: Final = 90 * _DAY
"""Seconds after which a file that nobody has written holds no refresh token that still works."""

LONGEST_UNUSED_HERE: Final = 14 * _DAY
"""The same for a container that ran on this machine: its key goes three days after its last use."""


class _Whose(enum.Enum):
    """Whose key seals a file."""

    NOBODYS = enum.auto()  # there is no file, or its key is gone for certain
    OURS = enum.auto()
    ANOTHERS = enum.auto()


class NodeFiles:
    """Choose among the sealed files of one cache the one whose key this kernel has.

    Args:
        base: path of the cache's plain file.
        cache: the cache's name in the keyring.
        keys: finds and makes keys.
        host: tells where this process runs.
        now: seconds since 1970.
        booted: seconds since 1970 at which this kernel started.
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
        self._gos = KernelSeal(cache, keys)
        self._ours = _NodeSeal(f"{cache}.sealed", keys, self)
        self._judged: dict[str, tuple[str | None, bool]] = {}

    def place(self) -> CacheFile:
        """Return the file to read and write: this node's, or Go's where this kernel has its key and no file of ours."""
        own = self._own()
        if os.path.lexists(own):
            return CacheFile(own, self._ours)
        whose = self._whose_is_first()
        if whose is _Whose.ANOTHERS:
            return CacheFile(own, self._ours)
        if not os.path.lexists(self._first) and self._shares_gos():
            return CacheFile(self._base, self._gos)
        return CacheFile(self._first, self._ours)

    def has_one(self) -> bool:
        """Tell whether there is a file for this node already."""
        return os.path.lexists(self.place().path)

    def gos(self) -> tuple[CacheFile, ...]:
        """Return Go's file, where this kernel has its key."""
        return (CacheFile(self._base, self._gos),) if self._shares_gos() else ()

    def of_this_node(self) -> tuple[str, ...]:
        """Return the paths of files that are this node's to remove, whether there are any or not."""
        shared = () if self._whose_is_first() is _Whose.ANOTHERS else (self._first,)
        plain_or_gos = () if is_sealed_file(self._base) and not self._shares_gos() else (self._base,)
        return (self._own(), *shared, *plain_or_gos)

    def header(self) -> dict[str, str]:
        """Return what a file of this node says of its key."""
        host = self._host()
        return {"boot": host.boot, "users": host.users, "machine": host.machine}

    def is_ours(self, said: Mapping[str, object]) -> bool:
        """Tell whether a header names this very kernel and these users."""
        return _kernel(said) == _kernel(self.header())

    def tidy(self) -> None:
        """Remove files whose key is gone for certain, when this node is about to make one; the caller has the lock."""
        place = self.place().path
        if os.path.lexists(place) and (place != self._first or self._whose_is_first() is _Whose.OURS):
            return
        for path in files_of_cache(self._base):
            with contextlib.suppress(StoreError, OSError):
                if _is_of_a_node(self._base, path) and path != place and self._is_over(path):
                    disk.remove(path)

    def _own(self) -> str:
        kernel = " ".join(map(str, _kernel(self.header())))
        node = hashlib.sha256(kernel.encode()).hexdigest()[:_NODE_DIGITS]
        return f"{self._base}.{node}.sealed"

    def _whose_is_first(self) -> _Whose:
        said = _header_of(self._first)
        if said is None:  # there is none, or it is damaged: using it says what is wrong
            return _Whose.OURS
        if "boot" not in said:  # doorcode 0.1.0 wrote it
            return _Whose.OURS if self._opens(self._first, self._ours) else self._unless_over()
        return _Whose.OURS if self.is_ours(said) else self._unless_over()

    def _unless_over(self) -> _Whose:
        return _Whose.NOBODYS if self._is_over(self._first) else _Whose.ANOTHERS

    def _is_over(self, path: str) -> bool:
        """Tell whether the key of another kernel's file is gone, or what it seals has ended."""
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
        # A file that is younger than this kernel is another machine's, which has the same name.
        return written < self._booted()

    def _shares_gos(self) -> bool:
        return is_sealed_file(self._base) and self._opens(self._base, self._gos)

    def _opens(self, path: str, seal: KernelSeal) -> bool:
        """Tell whether this kernel has the key of a file that does not say whose it is, or no kernel can have it."""
        with contextlib.suppress(StoreError):
            stamp = disk.file_stamp(path)
            known = self._judged.get(path)
            if known is None or known[0] != stamp:
                raw = disk.read(path)
                known = self._judged[path] = (
                    stamp,
                    raw is not None and raw.data is not None and _can_open(seal, raw.data),
                )
            return known[1]
        return False


class _NodeSeal(KernelSeal):
    """Seal content under this node's key, and write down whose it is."""

    def __init__(self, description: str, keys: KernelKeys, files: NodeFiles) -> None:
        super().__init__(description, keys)
        self._files = files

    def close(self, data: bytes) -> bytes:
        """Return the content, sealed; makes the key when there is none."""
        self._files.tidy()
        return self.seal(data, self._files.header())

    def open(self, sealed: bytes) -> bytes:
        """Return the content.

        Raises:
            SealBroken: it is damaged, or its key was replaced.
            KeyGone: there is no key any more, or it was a key of another kernel's.
            StoreKeyError: the key cannot be read or used.
        """
        said = jwe.header(sealed)
        if "boot" in said and not self._files.is_ours(said):
            raise KeyMissing
        return super().open(sealed)

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether sealed content says whose key it is under."""
        return "boot" in jwe.header(sealed)


def files_of_cache(base: str) -> tuple[str, ...]:
    """Return every file there is that may hold what a cache holds, in order.

    That is the plain file or Go's, the sealed ones of this node and of others, the one under the program's own key, and
    what was set aside or left behind of any of these. Locks hold nothing and are left out.

    Args:
        base: path of the cache's plain file.
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
    """Return what tells a kernel and its users from every other one; without /proc, the machine has to do."""
    return said.get("boot") or said.get("machine"), said.get("users")


def _is_of_a_node(base: str, path: str) -> bool:
    return re.fullmatch(rf"\.[0-9a-f]{{{_NODE_DIGITS}}}\.sealed", path[len(base) :]) is not None


def _can_open(seal: KernelSeal, sealed: bytes) -> bool:
    try:
        jwe.parse(sealed)
    except DecryptionError:  # damage, which is set aside where it is used
        return True
    try:
        seal.open(sealed)
    except (KeyMissing, DecryptionError):
        return False
    return True


def _header_of(path: str) -> dict[str, object] | None:
    """Return what a sealed file says of its key; None where there is none that could be opened."""
    try:
        raw = disk.read(path, _HEADER_BYTES)
    except StoreError:
        return None
    return None if raw is None or not raw.data else jwe.header(raw.data) or None
