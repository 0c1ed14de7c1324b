"""Convert MSAL's unified token cache between the bytes that stores keep and the state that flows read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from doorcode._core.msal_cache.index import indexed
from doorcode._core.msal_cache.rows import State
from doorcode.cache._errors import StoreError, StoreUnreadable, called
from doorcode.cache._protocol import Loaded

if TYPE_CHECKING:
    from doorcode.cache._protocol import ReadOnlyStore, Stamp, TokenStore

__all__ = ["Content", "Reading", "load", "parse", "serialize"]


class Content:
    """Check and parse content; content that was just checked is not parsed a second time.

    Not thread-safe: each cache has one, and uses it under its lock.
    """

    def __init__(self) -> None:
        self._seen: tuple[bytes, State] | None = None

    def is_whole(self, data: bytes) -> bool:
        """Tell whether bytes are one whole JSON object in UTF-8."""
        try:
            state = json.loads(data)
        except (ValueError, RecursionError):
            return False
        if not isinstance(state, dict):
            return False
        self._seen = data, indexed(cast("State", state))
        return True

    def parse(self, data: bytes | None) -> State:
        """Return the state that bytes hold; bytes that are no cache give an empty state."""
        seen, self._seen = self._seen, None
        return seen[1] if seen is not None and seen[0] is data else parse(data)


class Reading:
    """The parsed content of one store, read again only when the stamp has changed."""

    def __init__(self, store: TokenStore | ReadOnlyStore, content: Content) -> None:
        self.store = store
        self._content = content
        self.state: State = {}
        self.stamp: Stamp = None

    def reload(self) -> None:
        """Read the store again if its stamp has changed.

        Raises:
            StoreError: the store cannot be read. The last state is kept, unless the content was set aside.
        """
        if called(self.store.stamp) == self.stamp:
            return
        try:
            loaded = load(self.store)
        except StoreUnreadable:
            self.state, self.stamp = {}, None
            raise
        self.state, self.stamp = self._content.parse(loaded.data), loaded.stamp


def load(store: TokenStore | ReadOnlyStore) -> Loaded:
    """Return a store's content.

    Raises:
        StoreError: the store cannot be read, or a program's store returned something else.
    """
    loaded = cast("object", called(store.load))
    if not isinstance(loaded, Loaded):
        raise StoreError(f"{type(store).__name__}.load returned {type(loaded).__name__}, and must return a Loaded")
    return loaded


def parse(data: bytes | None) -> State:
    """Return the state that bytes hold; bytes that are no cache give an empty state."""
    if not data:
        return {}
    try:
        state = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return indexed(cast("State", state)) if isinstance(state, dict) else {}


def serialize(state: State) -> bytes:
    """Return a state in MSAL's form, on one line: with ``indent``, Python does not use its fast C encoder."""
    return json.dumps(state).encode()
