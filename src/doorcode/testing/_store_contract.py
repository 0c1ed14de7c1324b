"""The requirements on every token store, as tests that authors of stores inherit."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Final, TypeAlias

import pytest

from doorcode.cache import Conflict, Loaded, Stamp, TokenStore, UpdatingStore

__all__ = ["OpenStore", "StoreContract"]

OpenStore: TypeAlias = "Callable[[], TokenStore]"
"""Opens the test's store once more, as another process would."""

SECRET: Final = "a-refresh-token-that-no-text-may-show"
FIRST: Final = json.dumps({"RefreshToken": {"one": {"secret": SECRET}}}).encode()
OTHER: Final = json.dumps({"RefreshToken": {"two": {"secret": SECRET}}}).encode()
THREADS: Final = 4
WRITES: Final = 5


def stored(result: Stamp | Conflict) -> Stamp:
    """Return the stamp of a save that must have succeeded."""
    assert not isinstance(result, Conflict), f"a save failed, though no other caller wrote: {result}"
    return result


class StoreContract:
    """Check a store: inherit from this in a class named ``Test...`` and override the fixture ``open_store``.

    ::

        class TestMyStore(StoreContract):
            @pytest.fixture
            def open_store(self, tmp_path: Path) -> OpenStore:
                return lambda: MyStore(tmp_path / "cache")

    The fixture returns a function; each call of it must open the test's store, which is empty at first, with a new
    object. If the test can read the bytes at rest, override ``stored_bytes`` too: the contract then searches them for
    secrets.
    """

    @pytest.fixture
    def open_store(self) -> OpenStore:
        """Return the function that opens the test's store."""
        raise NotImplementedError("override the fixture open_store")

    @pytest.fixture
    def stored_bytes(self) -> Callable[[], bytes] | None:
        """Return a function that reads all stored bytes at rest, or None."""
        return None

    def test_starts_empty(self, open_store: OpenStore) -> None:
        """A new store has no content and no stamp."""
        store = open_store()
        assert (store.load(), store.stamp()) == (Loaded(None, None), None)

    def test_returns_what_was_saved(self, open_store: OpenStore) -> None:
        """Every object loads the saved bytes, with the stamp that the save returned."""
        stamp = open_store().save(FIRST, None)
        assert stored(stamp) is not None
        assert open_store().load() == Loaded(FIRST, stored(stamp))
        assert open_store().stamp() == stamp

    def test_keeps_any_text_and_size(self, open_store: OpenStore) -> None:
        """A cache of a megabyte, with all kinds of characters, is loaded unchanged."""
        large = json.dumps({"AppMetadata": {"x": {"a": "ü\U0001f511\x7f" * 80_000}}}, ensure_ascii=False).encode()
        open_store().save(large, None)
        assert open_store().load().data == large

    def test_replaces_what_the_caller_knew(self, open_store: OpenStore) -> None:
        """A save with the current stamp replaces the whole content."""
        store = open_store()
        stamp = stored(store.save(FIRST, None))
        store.save(OTHER, stamp)
        assert open_store().load().data == OTHER

    def test_reports_what_another_caller_wrote(self, open_store: OpenStore) -> None:
        """A save with an old stamp writes nothing; the Conflict has the content and the stamp for the next try."""
        late, early = open_store(), open_store()
        before = late.load()
        stamp = early.save(OTHER, before.stamp)
        conflict = late.save(FIRST, before.stamp)
        assert conflict == Conflict(OTHER, stored(stamp))
        assert early.load().data == OTHER
        assert isinstance(conflict, Conflict)
        stored(late.save(FIRST, conflict.stamp))
        assert early.load().data == FIRST

    def test_never_repeats_a_stamp(self, open_store: OpenStore) -> None:
        """Each save has a new stamp, even for earlier content of the same length."""
        store = open_store()
        stamps: list[Stamp] = [None]
        for data in (FIRST, OTHER) * 5:
            stamps.append(stored(store.save(data, stamps[-1])))
        assert len(set(stamps)) == len(stamps)

    def test_keeps_its_stamp_without_a_write(self, open_store: OpenStore) -> None:
        """Reading does not change the stamp."""
        store = open_store()
        stamp = store.save(FIRST, None)
        store.load()
        assert open_store().load().stamp == stamp == store.stamp()

    def test_forgets_what_is_deleted(self, open_store: OpenStore) -> None:
        """After one or two deletes there is no content, an old stamp conflicts, and a new save works."""
        store = open_store()
        stamp = stored(store.save(FIRST, None))
        store.delete()
        store.delete()
        assert open_store().load().data is None
        conflict = store.save(OTHER, stamp)
        assert isinstance(conflict, Conflict)
        assert conflict.data is None
        stored(store.save(OTHER, conflict.stamp))
        assert open_store().load().data == OTHER

    def test_refuses_to_save_nothing(self, open_store: OpenStore) -> None:
        """A save of empty content raises ValueError and changes nothing."""
        store = open_store()
        stamp = store.save(FIRST, None)
        with pytest.raises(ValueError, match="delete"):
            store.save(b"", stored(stamp))
        assert store.load() == Loaded(FIRST, stored(stamp))

    def test_loses_nothing_to_threads(self, open_store: OpenStore) -> None:
        """Concurrent threads that retry after each conflict lose no entry."""
        open_store().save(b"{}", None)
        threads = [
            threading.Thread(target=_add_entries, args=(open_store(), f"thread-{number}")) for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        kept = json.loads(open_store().load().data or b"")
        expected = {f"thread-{number}-{write}" for number in range(THREADS) for write in range(WRITES)}
        assert set(kept) == expected

    def test_updates_under_one_lock(self, open_store: OpenStore) -> None:
        """If a store can update, the change receives the content, and its result is stored; None keeps the content."""
        store = open_store()
        if not isinstance(store, UpdatingStore):
            return
        assert store.update(lambda data: FIRST if data is None else None).data == FIRST
        assert store.update(lambda data: OTHER if data == FIRST else None) == open_store().load() == store.load()
        before = store.load()
        assert store.update(lambda _: None) == before == open_store().load()

    def test_updates_nothing_when_the_change_fails(self, open_store: OpenStore) -> None:
        """An exception of the change passes through; the content stays, and the lock is released."""
        store = open_store()
        if not isinstance(store, UpdatingStore):
            return
        store.save(FIRST, None)

        def fail(_: bytes | None) -> bytes | None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.update(fail)
        assert store.update(lambda _: None).data == FIRST

    def test_grants_a_lease_once(self, open_store: OpenStore) -> None:
        """A lease has one holder at a time among all objects; after its release, once or twice, it is free."""
        one, two = open_store(), open_store()
        lease = one.lease("refresh", 30.0)
        assert lease is not None
        assert two.lease("refresh", 30.0) is None
        assert one.lease("refresh", 30.0) is None
        lease.release()
        lease.release()
        again = two.lease("refresh", 30.0)
        assert again is not None
        again.release()

    def test_keeps_leases_apart(self, open_store: OpenStore) -> None:
        """A lease blocks neither leases of other names nor a save."""
        store = open_store()
        first, second = store.lease("refresh", 30.0), store.lease("sign-in.2_a", 30.0)
        assert first is not None
        assert second is not None
        stored(store.save(FIRST, None))
        first.release()
        second.release()

    @pytest.mark.parametrize("lease_name", ["", "../x", "a/b", "a b", "a" * 65, "é"])
    def test_refuses_other_lease_names(self, open_store: OpenStore, lease_name: str) -> None:
        """Every store refuses names that some store could not use."""
        with pytest.raises(ValueError, match="lease"):
            open_store().lease(lease_name, 1.0)

    def test_shows_no_secret(self, open_store: OpenStore) -> None:
        """Neither a description nor the repr of a value shows the content."""
        store = open_store()
        store.save(FIRST, None)
        texts = [store.describe(), repr(store), str(store), repr(store.load()), repr(store.save(OTHER, None))]
        assert [text for text in texts if SECRET in text] == []
        assert store.describe()

    def test_encrypts_what_it_says_it_encrypts(
        self, open_store: OpenStore, stored_bytes: Callable[[], bytes] | None
    ) -> None:
        """The bytes at rest contain the secret exactly if the store says that it does not encrypt."""
        store = open_store()
        store.save(FIRST, None)
        if stored_bytes is not None:
            assert (SECRET.encode() in stored_bytes()) is not store.encrypted


def _add_entries(store: TokenStore, name: str) -> None:
    for write in range(WRITES):
        loaded = store.load()
        data, stamp = loaded.data, loaded.stamp
        while True:
            entries = json.loads(data or b"{}") | {f"{name}-{write}": {}}
            result = store.save(json.dumps(entries).encode(), stamp)
            if not isinstance(result, Conflict):
                break
            data, stamp = result.data, result.stamp
