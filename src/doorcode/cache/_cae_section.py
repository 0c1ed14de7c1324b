"""Keep a credential's CAE cache in a section of its other cache: a program's own store holds both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from doorcode._core.msal_cache.rows import rows_of, text_of
from doorcode.cache._content import parse, serialize
from doorcode.cache._errors import StoreError
from doorcode.cache._protocol import Conflict, Loaded, is_remote

if TYPE_CHECKING:
    from doorcode.cache._protocol import Lease, Stamp, TokenStore

__all__ = ["CaeSection"]

SECTION: Final = "DoorcodeCae"
"""The section's name; MSAL ignores and keeps sections that it does not know."""
ROW: Final = "cache"
MOST_ATTEMPTS: Final = 1000


class CaeSection:
    """Keep the CAE cache inside the content of another store, apart from the access tokens of the other cache.

    Args:
        store: holds the other cache.
    """

    def __init__(self, store: TokenStore) -> None:
        self._store = store

    @property
    def encrypted(self) -> bool:
        """Tell whether the store encrypts."""
        return self._store.encrypted

    @property
    def remote(self) -> bool:
        """Tell whether the store is on a server."""
        return is_remote(self._store)

    def load(self) -> Loaded:
        """Return the section, with the stamp of the whole content."""
        loaded = self._store.load()
        return Loaded(_section(loaded.data), loaded.stamp)

    def save(self, data: bytes, expected: Stamp) -> Stamp | Conflict:
        """Replace the section if the whole content is still the one that the caller loaded."""
        if not data:
            raise ValueError("there is nothing to save: use delete()")
        loaded = self._store.load()
        if loaded.stamp != expected:
            return Conflict(_section(loaded.data), loaded.stamp)
        saved = self._store.save(_with_section(loaded.data, data), expected)
        return Conflict(_section(saved.data), saved.stamp) if isinstance(saved, Conflict) else saved

    def delete(self) -> None:
        """Remove the section and keep the rest."""
        for _ in range(MOST_ATTEMPTS):
            loaded = self._store.load()
            if _section(loaded.data) is None:
                return
            if not isinstance(self._store.save(_with_section(loaded.data, None), loaded.stamp), Conflict):
                return
        where = self.describe()
        raise StoreError(f"{where} changes faster than it can be cleared", where=where)

    def stamp(self) -> Stamp:
        """Return the stamp of the whole content."""
        return self._store.stamp()

    def lease(self, name: str, seconds: float) -> Lease | None:
        """Try once to take the store's lease."""
        return self._store.lease(name, seconds)

    def describe(self) -> str:
        """Return which store it is."""
        return self._store.describe()


def _section(data: bytes | None) -> bytes | None:
    texts = [text_of(row, "content") for key, row in rows_of(parse(data), SECTION) if key == ROW]
    return texts[0].encode() if texts else None


def _with_section(data: bytes | None, section: bytes | None) -> bytes:
    whole: dict[str, Any] = dict(parse(data))
    whole.pop(SECTION, None)
    if section is not None:
        whole[SECTION] = {ROW: {"content": section.decode()}}
    return serialize(whole)
