"""MSAL's token cache on top of any store: reload, merge, write, and what happens when a store fails."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import msal
import pytest

from doorcode._core.msal_cache import changes
from doorcode._core.msal_cache.rows import State
from doorcode.cache import Conflict, Lease, Loaded, Stamp, StoreError, StoreUnreadable
from doorcode.cache._content import parse, serialize
from doorcode.cache._process_caches import MemoryCache, MsalCache
from doorcode.cache._token_cache import StoredCache, WarnOnce
from support import rows

NOW = 1_700_000_000
ONE = rows.rows(NOW, access_token="AT1")
TWO = rows.rows(NOW, access_token="AT2", account="other.utid")


class FakeStore:
    """A compare-and-set store in memory that can be told to fail.

    Attributes:
        fails: what the next calls raise, by method.
        before_save: called once before the next save, as another process would write.
    """

    encrypted = True

    def __init__(self, state: State | None = None) -> None:
        self.data = None if state is None else serialize(state)
        self.version = 0
        self.fails: dict[str, list[Exception]] = {}
        self.before_save: Callable[[], None] | None = None
        self.calls: list[str] = []

    def load(self) -> Loaded:
        self._called("load")
        return Loaded(self.data, self._stamp())

    def save(self, data: bytes, expected: Stamp) -> Stamp | Conflict:
        if self.before_save is not None:
            other, self.before_save = self.before_save, None
            other()
        self._called("save")
        if expected != self._stamp():
            return Conflict(self.data, self._stamp())
        self.put(data)
        return self._stamp()

    def delete(self) -> None:
        self.data = None

    def stamp(self) -> Stamp:
        self._called("stamp")
        return self._stamp()

    def lease(self, name: str, seconds: float) -> Lease | None:
        self._called("lease")
        return None

    def describe(self) -> str:
        return "the fake store"

    def put(self, data: bytes | None) -> None:
        """Write as another process would."""
        self.data, self.version = data, self.version + 1

    def state(self) -> State:
        """Return what is stored."""
        return parse(self.data)

    def _stamp(self) -> Stamp:
        return None if self.data is None else str(self.version)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        waiting = self.fails.get(name)
        if waiting:
            raise waiting.pop(0)


class FakeUpdatingStore(FakeStore):
    """The same with a lock of its own."""

    def update(self, change: Callable[[bytes | None], bytes | None]) -> Loaded:
        self._called("update")
        data = change(self.data)
        if data is not None:
            self.put(data)
        return Loaded(self.data, self._stamp())


class Ear:
    """Collect warnings."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, message: str) -> None:
        self.heard.append(message)


def adding(added: Any) -> Callable[[State], State]:
    """Return a change that merges rows."""
    return lambda state: changes.merge(state, added)


def secrets(state: State) -> set[object]:
    """Return the access tokens in a state."""
    return {row["secret"] for row in state.get("AccessToken", {}).values()}


KINDS = pytest.mark.parametrize("kind", [FakeStore, FakeUpdatingStore], ids=["compare-and-set", "updating"])


@KINDS
def test_a_change_is_stored_and_read_back(kind: type[FakeStore]) -> None:
    """Another cache on the same store sees it."""
    store = kind()
    StoredCache(store, (), Ear()).commit(adding(ONE))
    assert secrets(StoredCache(store, (), Ear()).state()) == {"AT1"}


@KINDS
def test_one_change_is_one_write(kind: type[FakeStore]) -> None:
    """A token response is one write, and a change of nothing is none."""
    store = kind()
    cache = StoredCache(store, (), Ear())
    cache.commit(adding(ONE))
    assert store.version == 1
    cache.commit(lambda state: state)
    assert store.version == 1


@KINDS
def test_what_others_wrote_is_merged(kind: type[FakeStore]) -> None:
    """A changed stamp makes the store be read again, before a look and before a write."""
    store = kind(ONE)
    cache = StoredCache(store, (), Ear())
    assert secrets(cache.state()) == {"AT1"}
    store.put(serialize(changes.merge(store.state(), TWO)))
    assert secrets(cache.state()) == {"AT1", "AT2"}
    cache.commit(adding(rows.rows(NOW, access_token="AT3", scope="x")))
    assert secrets(store.state()) == {"AT1", "AT2", "AT3"}


def test_a_look_without_a_change_reads_nothing() -> None:
    """The stamp is asked, and the content is neither read nor parsed again."""
    store = FakeStore(ONE)
    cache = StoredCache(store, (), Ear())
    cache.state()
    store.calls.clear()
    cache.state()
    assert store.calls == ["stamp"]


def test_a_write_in_between_is_a_conflict_and_both_stay() -> None:
    """The change is applied again to what the other process wrote."""
    store = FakeStore(ONE)
    store.before_save = lambda: store.put(serialize(changes.merge(store.state(), TWO)))
    StoredCache(store, (), Ear()).commit(adding(rows.rows(NOW, access_token="AT3", scope="x")))
    assert secrets(store.state()) == {"AT1", "AT2", "AT3"}


def test_a_store_that_never_agrees_is_a_failure_not_a_loop() -> None:
    """The token stays in memory, with one warning."""
    store = FakeStore(ONE)
    ear = Ear()
    store.save = lambda _data, _expected: Conflict(store.data, "always another")  # type: ignore[assignment,method-assign] # a store gone wrong
    cache = StoredCache(store, (), ear)
    cache.commit(adding(TWO))
    assert secrets(cache.state()) == {"AT1", "AT2"}
    assert len(ear.heard) == 1
    assert "the fake store reported a conflict" in ear.heard[0]


@KINDS
def test_what_cannot_be_stored_stays_in_memory_until_it_can(kind: type[FakeStore]) -> None:
    """One warning that names the reason; the next write that works stores everything."""
    store, ear = kind(), Ear()
    write = "update" if kind is FakeUpdatingStore else "save"
    store.fails[write] = [StoreError("/home/ada: no space left on device")] * 2
    cache = StoredCache(store, (), ear)
    cache.commit(adding(ONE))
    cache.commit(adding(TWO))
    assert secrets(cache.state()) == {"AT1", "AT2"}
    assert store.data is None
    assert ear.heard == ["Tokens are kept in memory only, for this process: /home/ada: no space left on device"]
    cache.commit(adding(rows.rows(NOW, access_token="AT3", scope="x")))
    assert secrets(store.state()) == {"AT1", "AT2", "AT3"}


def test_changes_that_are_never_stored_do_not_pile_up() -> None:
    """They are folded into one; a day of refreshes with a full disk costs no more than an hour."""
    store = FakeStore()
    store.fails["save"] = [StoreError("full")] * 500
    cache = StoredCache(store, (), Ear())
    for number in range(200):
        cache.commit(adding(rows.rows(NOW, access_token=f"AT{number}")))
    assert secrets(cache.state()) == {"AT199"}
    applied = 0

    def counting(state: State) -> State:
        nonlocal applied
        applied += 1
        return state

    for _ in range(100):
        cache.commit(counting)
    applied = 0
    cache.state()
    assert applied <= 64


@KINDS
def test_a_sign_in_that_cannot_be_stored_outlasts_any_number_of_changes(kind: type[FakeStore]) -> None:
    """It is stored with everything else when the store can be written again, and a removal reaches the store too."""
    store = kind(TWO)
    write = "update" if kind is FakeUpdatingStore else "save"
    store.fails[write] = [StoreError("full")] * 205
    cache = StoredCache(store, (), Ear())
    cache.commit(adding(ONE))
    with pytest.raises(StoreError):
        cache.remove(removing("other.utid"))
    for number in range(200):
        cache.commit(adding(rows.rows(NOW, access_token=f"AT-{number}", scope="x", refresh_token=None)))
    assert secrets(cache.state()) == {"AT1", "AT-199"}
    store.fails.clear()
    cache.commit(lambda state: state)
    assert secrets(store.state()) == {"AT1", "AT-199"}
    store.put(serialize(TWO))
    assert secrets(cache.state()) == {"AT2"}


def test_a_store_that_cannot_be_read_is_an_empty_one_with_a_warning() -> None:
    """A permission error is told once, and nothing is thrown away."""
    store, ear = FakeStore(ONE), Ear()
    store.fails["stamp"] = [StoreError("permission denied")] * 3
    cache = StoredCache(store, (), ear)
    assert cache.state() == {}
    assert cache.state() == {}
    words = "Stored tokens cannot be read, and new ones are kept in memory only while that lasts: permission denied"
    assert ear.heard == [words]
    cache.state()
    assert secrets(cache.state()) == {"AT1"}


@KINDS
def test_damage_that_was_set_aside_is_told_and_the_sign_in_goes_on(kind: type[FakeStore]) -> None:
    """Reading and writing both go on with an empty cache."""
    store, ear = kind(ONE), Ear()
    damage = StoreUnreadable("the cache was damaged; it was kept as x.damaged-1")
    store.fails = {"load": [damage], "save": [damage], "update": [damage]}
    cache = StoredCache(store, (), ear)
    assert cache.state() == {}
    store.put(None)
    cache.commit(adding(TWO))
    assert secrets(store.state()) == {"AT2"}
    assert set(ear.heard) == {str(damage)}


def test_other_programs_caches_are_read_for_their_accounts_and_never_written() -> None:
    """A plain cache beside ours answers only for accounts that ours lacks."""
    mine = rows.rows(NOW, access_token="mine")
    theirs = changes.merge(rows.rows(NOW, access_token="theirs"), TWO)
    other, store = FakeStore(theirs), FakeStore(mine)
    cache = StoredCache(store, (other,), Ear())
    assert secrets(cache.state()) == {"mine", "AT2"}
    assert secrets(cache.borrowed()) == {"theirs", "AT2"}
    cache.commit(adding(rows.rows(NOW, access_token="more", scope="x")))
    assert secrets(store.state()) == {"mine", "more"}
    assert other.version == 0


def test_of_several_caches_one_tells_of_trouble() -> None:
    """Both caches of a credential are in one place: what is wrong with it is said once."""
    ear = Ear()
    trouble = WarnOnce(ear)
    for _ in range(2):
        store = FakeStore()
        store.fails["save"] = [StoreError("read-only")]
        StoredCache(store, (), ear, trouble=trouble).commit(adding(ONE))
    assert ear.heard == ["Tokens are kept in memory only, for this process: read-only"]


def removing(account: str = rows.ACCOUNT) -> Callable[[State], State]:
    """Return a change that removes an account."""
    return lambda state: changes.remove_account(state, rows.CLIENT, frozenset({rows.HOST}), account)


@KINDS
def test_what_is_still_stored_is_an_error_of_removing(kind: type[FakeStore]) -> None:
    """Nobody may believe that an account was signed out while others still find it; here it is gone all the same."""
    store, ear = kind(ONE), Ear()
    store.fails = {"save": [StoreError("read-only")], "update": [StoreError("read-only")]}
    cache = StoredCache(store, (), ear)
    with pytest.raises(StoreError, match="read-only"):
        cache.remove(removing())
    assert secrets(cache.state()) == set()
    assert secrets(store.state()) == {"AT1"}
    cache.remove(removing())
    assert secrets(store.state()) == set()
    assert ear.heard == []


@KINDS
def test_what_was_never_stored_is_removed_without_a_word(kind: type[FakeStore]) -> None:
    """A home that cannot be written holds nothing that would have to go."""
    store = kind()
    store.fails = {write: [StoreError("read-only")] * 2 for write in ("save", "update")}
    cache = StoredCache(store, (), Ear())
    cache.commit(adding(ONE))
    cache.remove(removing())
    assert secrets(cache.state()) == set()


def test_removing_what_another_programs_cache_has_too_is_an_error() -> None:
    """Neighbours are never written, and what they have would be found again."""
    store = FakeStore(ONE)
    cache = StoredCache(store, (FakeStore(ONE),), Ear())
    with pytest.raises(StoreError, match="it is in the fake store too"):
        cache.remove(removing())
    assert secrets(store.state()) == set()


@KINDS
def test_any_exception_of_a_store_counts_as_its_error(kind: type[FakeStore]) -> None:
    """A program's store raises what its database raises: tokens stay in memory, and a removal says that it failed."""
    store, ear = kind(ONE), Ear()
    cache = StoredCache(store, (), ear)
    for method in ("stamp", "save", "update", "lease"):
        store.fails[method] = [OSError("gone")] * 500
    assert cache.state() == {}
    for number in range(100):
        cache.commit(adding(rows.rows(NOW, access_token=f"AT-{number}")))
    assert secrets(cache.state()) == {"AT-99"}
    assert len(cache._unsaved) <= 65
    assert cache.lease("refresh", 1) is not None
    store.fails = {"load": [OSError("gone")]}
    with pytest.raises(StoreError, match="OSError: gone"):
        StoredCache(store, (), ear).read()
    store.fails = {method: [OSError("gone")] for method in ("save", "update")}
    with pytest.raises(StoreError, match="OSError: gone"):
        cache.remove(removing())
    assert [each for each in ear.heard if not each.endswith(": OSError: gone")] == []


def test_a_store_that_cannot_say_who_holds_a_lease() -> None:
    """Nobody is named then."""

    class Watched(FakeStore):
        def lease_holder(self, _name: str) -> None:
            self._called("lease_holder")

    store = Watched()
    store.fails["lease_holder"] = [OSError("gone")]
    assert StoredCache(store, (), Ear()).lease_holder("refresh") is None


@pytest.mark.parametrize("granted", [True, False])
def test_ctrl_c_while_a_lease_is_taken_gives_it_back(monkeypatch: pytest.MonkeyPatch, *, granted: bool) -> None:
    """Ctrl-C after the store has granted it; the caller never gets what it could release."""
    released: list[str] = []

    class Granted:
        def release(self) -> None:
            released.append("refresh")

    @contextmanager
    def interrupted() -> Generator[None]:
        yield
        raise KeyboardInterrupt

    store = FakeStore()
    monkeypatch.setattr(store, "lease", lambda _name, _seconds: Granted() if granted else None)
    with pytest.raises(KeyboardInterrupt):
        StoredCache(store, (), Ear(), guard=interrupted).lease("refresh", 1)
    assert released == ["refresh"] * granted


def test_a_store_without_leases_excludes_nobody() -> None:
    """A place that cannot be written cannot stop a refresh."""
    store = FakeStore()
    cache = StoredCache(store, (), Ear())
    assert cache.lease("refresh", 1) is None
    store.fails["lease"] = [StoreError("read-only")]
    lease = cache.lease("refresh", 1)
    assert lease is not None
    lease.release()


def test_the_warning_says_that_tokens_are_in_memory_only() -> None:
    """A lease that cannot be written is the first to fail, and a write fails in the same way."""
    store, ear = FakeStore(), Ear()
    refused = StoreError("cannot use /home/ada: Permission denied", errno=errno.EACCES)
    store.fails = {"lease": [refused], "save": [refused]}
    cache = StoredCache(store, (), ear)
    assert cache.lease("refresh", 1) is not None
    cache.commit(adding(ONE))
    assert ear.heard == [f"Tokens are kept in memory only, for this process: {refused}"]


def test_an_earlier_warning_does_not_hide_that_tokens_are_in_memory_only() -> None:
    """A lease may fail alone; a write that fails afterwards has another consequence, which is told once."""
    store, ear = FakeStore(), Ear()
    store.fails = {"lease": [StoreError("no answer")], "save": [StoreError("no answer")] * 2}
    cache = StoredCache(store, (), ear)
    assert cache.lease("refresh", 1) is not None
    cache.commit(adding(ONE))
    cache.commit(adding(ONE))
    assert len(ear.heard) == 2
    assert ear.heard[1] == "Tokens are kept in memory only, for this process: no answer"


@pytest.mark.parametrize(
    "data", [None, b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000], ids=lambda data: str(data)[:12]
)
def test_what_is_no_cache_reads_as_an_empty_one(data: bytes | None) -> None:
    """Whatever a store returns."""
    assert parse(data) == {}


def test_the_format_is_msals() -> None:
    """MSAL's own serializable cache reads what is written here."""
    cache = msal.SerializableTokenCache()
    cache.deserialize(serialize(ONE).decode())
    found = list(cache.search("AccessToken", query={"home_account_id": rows.ACCOUNT}, now=NOW))
    assert [row["secret"] for row in found] == ["AT1"]
    assert json.loads(serialize(ONE)) == ONE


def test_memory() -> None:
    """The default cache lives with its credential, and has no other process to exclude."""
    cache = MemoryCache()
    cache.commit(adding(ONE))
    assert (secrets(cache.state()), cache.borrowed()) == ({"AT1"}, {})
    lease = cache.lease("refresh", 1)
    assert lease is not None
    lease.release()


def test_a_cache_of_the_programs_own_is_read_and_written_by_its_own_methods() -> None:
    """Rows are added, changed and removed one by one, as MSAL does it, and what did not change is left alone."""

    class Watched(msal.TokenCache):
        modified: list[str] = []  # noqa: RUF012 - one cache in this test

        def modify(self, credential_type: str, old: Any, new: Any = None) -> None:
            self.modified.append(f"{'-' if new is None else '+'}{credential_type}")
            super().modify(credential_type, old, new)

    theirs = Watched()
    cache = MsalCache(theirs)
    live = rows.rows(2**33, access_token="AT1")
    cache.commit(adding(live))
    assert sorted(theirs.modified) == ["+AccessToken", "+Account", "+AppMetadata", "+IdToken", "+RefreshToken"]
    theirs.modified.clear()
    cache.commit(lambda state: state)
    assert theirs.modified == []
    cache.commit(lambda state: changes.remove_account(state, rows.CLIENT, frozenset({rows.HOST}), rows.ACCOUNT))
    assert sorted(theirs.modified) == ["-AccessToken", "-Account", "-IdToken", "-RefreshToken"]
    assert cache.borrowed() == {}
    lease = cache.lease("refresh", 1)
    assert lease is not None
    lease.release()
