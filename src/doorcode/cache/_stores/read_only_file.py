"""The plain cache of other programs, which doorcode reads beside its own encrypted cache and never writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode.cache._ciphers.cipher import looks_encrypted
from doorcode.cache._files import disk
from doorcode.cache._protocol import Loaded, Stamp
from doorcode.cache._stores.file import is_json_object

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ReadOnlyFile"]


class ReadOnlyFile:
    """Read another program's plain file, without locking it, setting it aside or reporting damage.

    Args:
        path: the path of the file.
        is_whole: tells whether bytes are a complete cache.
    """

    def __init__(self, path: str, *, is_whole: Callable[[bytes], bool] = is_json_object) -> None:
        self._path = path
        self._is_whole = is_whole

    def load(self) -> Loaded:
        """Return the content, or no data if it is absent, encrypted or incomplete."""
        raw = disk.read(self._path)
        if raw is None or not raw.data or looks_encrypted(raw.data) or not self._is_whole(raw.data):
            return Loaded(None, None if raw is None else raw.stamp)
        return Loaded(raw.data, raw.stamp)

    def stamp(self) -> Stamp:
        """Return the stamp of the file."""
        return disk.file_stamp(self._path)

    def describe(self) -> str:
        """Return the path, as text for the user."""
        return f"the plain file {self._path}"
