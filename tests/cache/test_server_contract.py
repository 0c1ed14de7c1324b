"""The Protocol fits a server that compares and sets, without a lock: the contract, run by one in memory."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field

import pytest

from doorcode.cache import Conflict, Lease, Loaded, Stamp, TokenStore, UpdatingStore
from doorcode.cache._locks.lease import check_lease_name
from doorcode.testing._store_contract import OpenStore, StoreContract


@dataclass
class Server:
    """What Redis would keep: a version and a value for each key, and names that are taken."""

    values: dict[str, tuple[int, bytes | None]] = field(default_factory=dict)
    taken: set[tuple[str, str]] = field(default_factory=set)
    atomic: threading.Lock = field(default_factory=threading.Lock)


class Taken:
    def __init__(self, server: Server, name: tuple[str, str]) -> None:
        self.server = server
        self.name = name

    def release(self) -> None:
        self.server.taken.discard(self.name)


class ServerStore:
    """One partition of a server: a user's tokens, say."""

    encrypted = False

    def __init__(self, server: Server, partition: str) -> None:
        self.server = server
        self.partition = hashlib.sha256(partition.encode()).hexdigest()

    def load(self) -> Loaded:
        version, data = self.server.values.get(self.partition, (0, None))
        return Loaded(data, str(version) if version else None)

    def stamp(self) -> Stamp:
        return self.load().stamp

    def save(self, data: bytes, expected: Stamp) -> Stamp | Conflict:
        if not data:
            raise ValueError("nothing to save: use delete()")
        with self.server.atomic:
            now = self.load()
            if now.stamp != expected:
                return Conflict(now.data, now.stamp)
            return self.put(data)

    def put(self, data: bytes | None) -> Stamp:
        version = self.server.values.get(self.partition, (0, None))[0] + 1
        self.server.values[self.partition] = (version, data)
        return str(version)

    def delete(self) -> None:
        with self.server.atomic:
            self.put(None)

    def lease(self, name: str, seconds: float) -> Lease | None:
        taken = (self.partition, check_lease_name(name))
        with self.server.atomic:
            if taken in self.server.taken:
                return None
            self.server.taken.add(taken)
        return Taken(self.server, taken)

    def describe(self) -> str:
        return "a server in memory"


class TestServer(StoreContract):
    @pytest.fixture
    def open_store(self) -> OpenStore:
        server = Server()
        return lambda: ServerStore(server, "person@example")

    def test_has_no_lock_to_update_under(self, open_store: OpenStore) -> None:
        """Such a store is a TokenStore and not an UpdatingStore; partitions do not see each other."""
        store = open_store()
        assert isinstance(store, TokenStore)
        assert not isinstance(store, UpdatingStore)
        assert isinstance(store, ServerStore)
        store.save(b"{}", None)
        assert ServerStore(store.server, "other@example").load() == Loaded(None, None)


class TestContract:
    def test_wants_its_fixture(self) -> None:
        """An author who forgets it is told which."""
        with pytest.raises(NotImplementedError, match="open_store"):
            StoreContract.open_store.__wrapped__(StoreContract())  # type: ignore[attr-defined]
