"""The Redis store passes the contract of stores, on a real server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from doorcode.cache import Loaded, RedisStore
from doorcode.cache._cae_section import CaeSection
from doorcode.testing import StoreContract
from doorcode.testing._store_contract import OpenStore
from support.redis_server import RedisServer
from support.signing import PATIENCE

KEY = bytes(range(32))


class TestEncrypted(StoreContract):
    @pytest.fixture
    def open_store(self, redis_server: RedisServer, cache_name: str) -> OpenStore:
        return lambda: RedisStore(redis_server.url, name=cache_name, encryption_key=KEY, timeout=PATIENCE)

    @pytest.fixture
    def stored_bytes(self, redis_server: RedisServer, cache_name: str) -> Callable[[], bytes]:
        return lambda: everything_of(redis_server, cache_name)


class TestPlain(StoreContract):
    @pytest.fixture
    def open_store(self, redis_server: RedisServer, cache_name: str) -> OpenStore:
        return lambda: RedisStore(redis_server.url, name=cache_name, allow_unencrypted_storage=True, timeout=PATIENCE)

    @pytest.fixture
    def stored_bytes(self, redis_server: RedisServer, cache_name: str) -> Callable[[], bytes]:
        return lambda: everything_of(redis_server, cache_name)


class TestOneOfManyUsers(StoreContract):
    """One user's store, with a client of the program's own and a time after which idle caches go."""

    @pytest.fixture
    def open_store(self, redis_server: RedisServer, cache_name: str) -> OpenStore:
        client = redis_server.client()
        store = RedisStore(client, name=cache_name, encryption_key=KEY, ttl=3600, timeout=PATIENCE)
        return lambda: store.for_user("ada", "a-client")

    def test_shares_nothing_with_other_users(self, redis_server: RedisServer, cache_name: str) -> None:
        """Each user, and each client of one, has content and leases of its own."""
        store = RedisStore(redis_server.url, name=cache_name, encryption_key=KEY, timeout=PATIENCE)
        store.for_user("ada", "a-client").save(b"{}", None)
        assert store.for_user("ada", "a-client").lease("refresh", 30)
        for other in (store, store.for_user("ada"), store.for_user("ada", "b"), store.for_user("eve", "a-client")):
            assert other.load() == Loaded(None, None)
            assert other.lease("refresh", 30)


class TestSectionForCae(StoreContract):
    @pytest.fixture
    def open_store(self, redis_server: RedisServer, cache_name: str) -> OpenStore:
        return lambda: CaeSection(RedisStore(redis_server.url, name=cache_name, encryption_key=KEY, timeout=PATIENCE))


def everything_of(server: RedisServer, name: str) -> bytes:
    """Return the names and values of all keys of a cache."""
    with server.client() as client:
        keys = list(client.scan_iter(f"doorcode:{name}:*"))
        return b"".join([*keys, *(client.get(key) or b"" for key in keys)])
