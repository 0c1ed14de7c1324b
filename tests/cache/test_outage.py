"""While a store's server does not answer: which refresh tokens only this process can have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from doorcode._core.msal_cache import lookup
from doorcode._core.msal_cache.changes import merge
from doorcode._core.msal_cache.rows import State
from doorcode.cache import Conflict, Loaded, StoreError
from doorcode.cache._cae_section import CaeSection
from doorcode.cache._outage import ServedRefreshTokens
from doorcode.cache._protocol import Lease
from doorcode.cache._token_cache import NoLease, StoredCache
from support import rows

NOW = 1_700_000_000.0


class Server:
    """A store on a server that can be away, and that can write without being able to say so."""

    encrypted = True
    remote = True
    is_away = False
    loses_the_next_reply = False

    def __init__(self) -> None:
        self._data: bytes | None = None
        self._writes = 0

    def load(self) -> Loaded:
        return Loaded(self._data, self.stamp())

    def stamp(self) -> str:
        if self.is_away:
            raise StoreError("the server does not answer in time")
        return str(self._writes)

    def save(self, data: bytes, expected: object) -> str | Conflict:
        if self.stamp() != expected:
            return Conflict(self._data, self.stamp())
        self._data, self._writes = data, self._writes + 1
        self.is_away = self.is_away or self.loses_the_next_reply
        return self.stamp()

    def delete(self) -> None:
        self._data, self._writes = None, self._writes + 1

    def lease(self, name: str, seconds: float) -> Lease | None:
        del name, seconds
        return NoLease()

    def describe(self) -> str:
        return "the server"


class PassingOn:
    """A store of the program's own around another one, without a method of its own."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def signed_in(refresh_token: str) -> Callable[[State], State]:
    """Return the change that stores a sign-in."""
    return lambda state: merge(state, rows.rows(NOW, refresh_token=refresh_token), NOW)


def refresh_token(cache: StoredCache) -> str | None:
    """Return the refresh token that a process finds in a cache."""
    found = lookup.refresh_token(cache.state(), rows.CLIENT, frozenset({rows.HOST}), rows.ACCOUNT)
    return None if found is None else found.reveal()


@pytest.fixture
def server() -> Any:
    """Give a server that the test may break."""
    return Server()


@pytest.fixture(params=[lambda store: store, PassingOn], ids=["plain", "wrapped"])
def caches(server: Any, request: pytest.FixtureRequest) -> tuple[StoredCache, StoredCache]:
    """Give the two caches of a credential."""
    served, store = ServedRefreshTokens(), request.param(server)
    two = [StoredCache(each, (), lambda _: None, served=served) for each in (store, CaeSection(store))]
    return two[0], two[1]


def test_what_the_server_held_is_everybodys(server: Any, caches: tuple[StoredCache, StoredCache]) -> None:
    """Another machine may redeem it now."""
    cache, _ = caches
    cache.commit(signed_in("RT1"))
    assert refresh_token(cache) == "RT1"
    server.is_away = True
    assert refresh_token(cache) is None


def test_a_sign_in_without_the_server_is_this_processs_own(
    server: Any, caches: tuple[StoredCache, StoredCache]
) -> None:
    """Nobody else can have its refresh token."""
    server.is_away = True
    for cache in caches:
        cache.commit(signed_in("RT1"))
        assert refresh_token(cache) == "RT1"


@pytest.mark.parametrize("first", [0, 1], ids=["the ordinary cache", "the CAE cache"])
def test_a_sign_in_that_one_cache_stored_is_everybodys(
    server: Any, caches: tuple[StoredCache, StoredCache], first: int
) -> None:
    """The server went away between the two writes of a sign-in: others have its refresh token from the first."""
    caches[first].commit(signed_in("RT1"))
    server.is_away = True
    caches[1 - first].commit(signed_in("RT1"))
    assert [refresh_token(cache) for cache in caches] == [None, None]


def test_a_sign_in_that_one_cache_stored_later_is_everybodys(
    server: Any, caches: tuple[StoredCache, StoredCache]
) -> None:
    """The server came back between the two writes, and went away again."""
    server.is_away = True
    caches[0].commit(signed_in("RT1"))
    server.is_away = False
    caches[1].commit(signed_in("RT1"))
    server.is_away = True
    assert [refresh_token(cache) for cache in caches] == [None, None]


def test_a_write_whose_reply_is_lost_may_have_been_stored(server: Any, caches: tuple[StoredCache, StoredCache]) -> None:
    """The server wrote the sign-in and went away before it could say so."""
    server.loses_the_next_reply = True
    caches[0].commit(signed_in("RT1"))
    assert server.is_away
    assert refresh_token(caches[0]) is None


def test_a_server_that_cannot_be_read_is_not_written(server: Any, caches: tuple[StoredCache, StoredCache]) -> None:
    """It could store a refresh token and be unable to say so, and another machine would redeem the token too."""
    written: list[bytes] = []

    def save(data: bytes, _expected: object) -> None:
        written.append(data)
        raise StoreError("the reply is lost")

    server.save, server.is_away = save, True
    caches[0].commit(signed_in("RT1"))
    assert written == []
    assert refresh_token(caches[0]) == "RT1"
