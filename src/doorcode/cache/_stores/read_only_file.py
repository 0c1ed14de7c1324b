"""The plain cache of programs that allowed it, beside an encrypted one of ours: read and never written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode.cache._ciphers.cipher import looks_sealed
from doorcode.cache._files import disk
from doorcode.cache._protocol import Loaded, Stamp
from doorcode.cache._stores.file import is_json_object

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PlainNeighbour"]


class PlainNeighbour:
    """Read another program's plain file; nothing is set aside, locked or reported as damaged.

    Args:
        path: of the file.
        is_whole: tells whether bytes are a cache.
    """

    def __init__(self, path: str, *, is_whole: Callable[[bytes], bool] = is_json_object) -> None:
        self._path = path
        self._is_whole = is_whole

    def load(self) -> Loaded:
        """Return the content, or no data where it is absent, sealed, or being written just now."""
        raw = disk.read(self._path)
        if raw is None or not raw.data or looks_sealed(raw.data) or not self._is_whole(raw.data):
            return Loaded(None, None if raw is None else raw.stamp)
        return Loaded(raw.data, raw.stamp)

    def stamp(self) -> Stamp:
        """Return the stamp of the file."""
        return disk.file_stamp(self._path)

    def describe(self) -> str:
        """Return where it is."""
        return f"the plain file {self._path}"
