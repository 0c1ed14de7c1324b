"""A Redis server that is away, slow, full, read-only, restarted, emptied or used by others."""

from __future__ import annotations

import json
import os
import threading
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from doorcode import _clock
from doorcode.cache import Conflict, Loaded, RedisStore, Stamp, StoreError
from doorcode.cache._protocol import RenewableLease
from doorcode.cache._stores import redis_server as calls_of
from doorcode.cache._stores.redis_address import secrets_of
from doorcode.cache._stores.redis_errors import is_passing, store_error
from support.redis_server import RedisServer, free_port, running
from support.signing import AGES, PATIENCE, start

FULL_POOL: type[redis.ConnectionError] = getattr(redis, "MaxConnectionsError", redis.ConnectionError)
"""What redis-py raises where its pool is empty; before 5.3 it was no class of its own."""

KEY = bytes(range(32))
DATA, NEWER = b'{"first": {}}', b'{"second": {}}'
PASSWORD = "pass-word-of-redis"
SOON = 0.5
"""Seconds that a call of a server that does not answer may take."""
ENTRIES = 15
"""What each writer adds."""
HALF = 30
"""How many entries are there when the server is killed, of those that three writers add."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a server that this test may break."""
    with running(tmp_path / "redis") as started:
        yield started


def opened(server: RedisServer, **options: Any) -> RedisStore:
    """Return a store on a server."""
    return RedisStore(server.url, **{"encryption_key": KEY, "timeout": PATIENCE, **options})


@pytest.fixture
def tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a call that fails end after its first attempt: the pause before the next one is longer than its time."""
    monkeypatch.setattr(calls_of, "_FIRST_PAUSE", AGES)


def in_its_pauses(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Do something in the first pause between the attempts of a call."""
    todo = [work]

    def sleep(_: float) -> None:
        if todo:
            todo.pop()()

    monkeypatch.setattr(calls_of, "time", SimpleNamespace(sleep=sleep))


def stored(stamp: Stamp | Conflict) -> Stamp:
    """Return the stamp of a save that must have succeeded."""
    assert not isinstance(stamp, Conflict)
    return stamp


def uses(store: RedisStore, stamp: Stamp = None) -> dict[str, Callable[[], object]]:
    """Return everything that a store does with its server."""
    return {
        "load": store.load,
        "stamp": store.stamp,
        "save": lambda: store.save(NEWER, stamp),
        "delete": store.delete,
        "lease": lambda: store.lease("refresh", 30),
        "lease_holder": lambda: store.lease_holder("refresh"),
        "users": lambda: list(store.users()),
        "delete_all": store.delete_all,
    }


USES = tuple(uses(RedisStore("redis://127.0.0.1:1", encryption_key=KEY)))
WRITES = ("save", "delete", "lease")


@pytest.mark.usefixtures("tried_once")
@pytest.mark.parametrize("use", USES)
def test_a_server_that_is_away(use: str) -> None:
    """Each call ends with an error that names the server."""
    store = RedisStore(f"redis://127.0.0.1:{free_port()}", encryption_key=KEY, timeout=PATIENCE)
    with pytest.raises(StoreError, match=r"Redis at 127.0.0.1:\d+.* cannot be used"):
        uses(store)[use]()


def test_a_server_that_stays_away() -> None:
    """It is tried again until the call's time is over."""
    store = RedisStore(f"redis://127.0.0.1:{free_port()}", encryption_key=KEY, timeout=SOON)
    with pytest.raises(StoreError, match=r"Redis at 127.0.0.1:\d+.* (cannot be used|does not answer in time)"):
        start(store.load).result(PATIENCE)


def test_the_calls_after_one_that_failed_do_not_wait(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen server costs one wait, whatever a flow does next; as soon as that time is over it is asked again."""
    store = opened(server)
    stamp = stored(store.save(DATA, None))
    calls: Any = store._server
    calls.timeout = SOON
    server.freeze()
    now = _clock.monotonic()
    monkeypatch.setattr(_clock, "monotonic", lambda: now)
    with pytest.raises(StoreError, match="does not answer in time"):
        store.load()
    asked = 0

    def count(_: object) -> None:
        nonlocal asked
        asked += 1

    calls._opened = count
    for use in uses(store).values():
        with pytest.raises(StoreError, match="does not answer in time"):
            use()
    assert asked == 0
    del calls._opened
    server.thaw()
    now += SOON
    calls.timeout = PATIENCE
    assert store.load() == Loaded(DATA, stamp)


def test_a_name_that_is_not_found_in_time() -> None:
    """Also what has no time limit of its own, as the look-up of a name, ends in time."""
    end = threading.Event()

    def hanging() -> str:
        end.wait(AGES)
        return "redis://127.0.0.1:1"

    try:
        with pytest.raises(StoreError, match="Redis does not answer in time"):
            RedisStore(hanging, encryption_key=KEY, timeout=0.05).load()
    finally:
        end.set()


@pytest.mark.parametrize(
    ("given", "words"),
    [(lambda: 1 / 0, "ZeroDivisionError|division"), (lambda: None, "not NoneType"), (lambda: lambda: "", "a function")],
    ids=["fails", "returns nothing", "returns a function"],
)
def test_a_function_that_names_no_server(given: Any, words: str) -> None:
    """It is an error of the store's."""
    with pytest.raises(StoreError, match=words):
        RedisStore(given, encryption_key=KEY).load()


@pytest.mark.usefixtures("tried_once")
@pytest.mark.parametrize("use", WRITES)
def test_a_server_that_takes_no_writes(server: RedisServer, use: str) -> None:
    """A replica: writes fail and say why, what is stored stays and is read."""
    store = opened(server, ttl=100)
    stamp = stored(store.save(DATA, None))
    with server.client() as client:
        client.replicaof("127.0.0.1", str(free_port()))
    with pytest.raises(StoreError, match="takes no writes, as a replica does"):
        uses(store, stamp)[use]()
    assert store.load() == Loaded(DATA, stamp)


def test_a_failover_within_the_time(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that meets a replica is made again, and done as soon as it has become the primary."""
    store = opened(server)
    with server.client() as client:
        client.replicaof("127.0.0.1", str(free_port()))
        in_its_pauses(monkeypatch, lambda: client.replicaof("NO", "ONE"))
        stamp = stored(store.save(DATA, None))
    assert store.load() == Loaded(DATA, stamp)


@pytest.mark.usefixtures("tried_once")
def test_a_server_without_memory(server: RedisServer) -> None:
    """Nothing is stored, what was stored is read, and no lease is granted that could not be kept."""
    store = opened(server)
    stamp = stored(store.save(DATA, None))
    with server.client() as client:
        client.config_set("maxmemory", 1)
    for use in ("save", "lease"):
        with pytest.raises(StoreError, match="no memory left"):
            uses(store, stamp)[use]()
    assert store.load() == Loaded(DATA, stamp)
    with server.client() as client:
        client.config_set("maxmemory", 0)
        client.config_set("min-replicas-to-write", 1)
    with pytest.raises(StoreError, match="too few replicas"):
        store.save(NEWER, stamp)


@pytest.mark.parametrize("kept", [True, False])
def test_a_server_that_was_killed_and_started_again(tmp_path: Path, *, kept: bool) -> None:
    """Connections are made anew; with its log of writes it has everything, without it nothing, and nobody is fooled."""
    log: Any = {"appendonly": "yes", "appendfsync": "always"} if kept else {}
    with running(tmp_path / "redis", **log) as server:
        store = opened(server)
        stamp = stored(store.save(DATA, None))
        lease = store.lease("refresh", 30)
        server.kill()
        server.start()
        assert store.load() == (Loaded(DATA, stamp) if kept else Loaded(None, None))
        assert isinstance(lease, RenewableLease)
        assert lease.renew(30) is kept
        answer = store.save(NEWER, stamp)
        assert answer == Conflict(None, None) if not kept else stored(answer)


@pytest.mark.parametrize("log", ["always", "everysec", "no"])
def test_a_server_that_is_killed_in_the_middle_of_writes(tmp_path: Path, log: str) -> None:
    """Writers go on when it is back. With a log of each write nothing that was acknowledged is lost.

    With one that is written each second nothing is lost here either, since Linux keeps what a killed process had
    written; a machine that stops loses the last second. Without a log everything is lost, and what is written since is
    made from nothing.
    """
    options: Any = {"appendonly": "no"} if log == "no" else {"appendonly": "yes", "appendfsync": log}
    with running(tmp_path / "redis", **options) as server:
        acknowledged: list[str] = []
        half = threading.Event()
        writers = [start(partial(add_entries, opened(server), str(number), acknowledged, half)) for number in range(3)]
        assert half.wait(PATIENCE)
        server.kill()
        before = set(acknowledged)
        server.start()
        for writer in writers:
            writer.result(PATIENCE)
        kept = set(json.loads(opened(server).load().data or b"{}"))
    assert len(acknowledged) == 3 * ENTRIES
    lost = set(acknowledged) - kept
    if log == "no":
        # Each writer may note one more that was acknowledged before the server was killed.
        assert len(lost - before) <= len(writers)
    else:
        assert not lost


def add_entries(store: RedisStore, name: str, acknowledged: list[str], half: threading.Event) -> None:
    """Add entries one by one, each on top of what is stored then, note those that were stored, and say when half is."""
    for number in range(ENTRIES):
        entry = f"{name}-{number}"
        while True:
            loaded = store.load()
            entries = {**json.loads(loaded.data or b"{}"), entry: {}}
            if not isinstance(store.save(json.dumps(entries).encode(), loaded.stamp), Conflict):
                acknowledged.append(entry)
                if len(acknowledged) >= HALF:
                    half.set()
                break


def test_a_server_that_starts_within_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that finds nobody is made again, and done as soon as the server is there."""
    with running(tmp_path / "redis") as server:
        store = opened(server)
        server.kill()
        in_its_pauses(monkeypatch, server.start)
        stored(store.save(DATA, None))


def test_a_server_that_was_flushed(server: RedisServer) -> None:
    """Everybody is signed out: nothing is there, and nothing that a process knew is written back by itself."""
    store = opened(server)
    stamp = stored(store.save(DATA, None))
    with server.client() as client:
        client.flushall()
    assert (store.load(), store.stamp()) == (Loaded(None, None), None)
    assert store.save(NEWER, stamp) == Conflict(None, None)


FOREIGN: dict[str, Callable[[redis.Redis, str], object]] = {
    "another type": lambda client, key: client.lpush(key, "x"),
    "text": lambda client, key: client.set(key, "somebody's own"),
    "an older form": lambda client, key: client.set(key, b"doorcode-redis-0\n" + bytes(100)),
    "a torn value": lambda client, key: client.set(key, b"doorcode-redis-1\n0123"),
    "no stamp": lambda client, key: client.set(key, b"doorcode-redis-1\n" + b"\xff" * 200),
}


@pytest.mark.parametrize("put", FOREIGN.values(), ids=FOREIGN)
def test_what_others_put_there(
    put: Callable[[redis.Redis, str], object], redis_server: RedisServer, cache_name: str
) -> None:
    """Something else under the store's key is an error that says so, for each use, and stays as it is."""
    store = RedisStore(redis_server.url, name=cache_name, encryption_key=KEY, timeout=PATIENCE)
    key = store._partition.value_key
    with redis_server.client() as client:
        put(client, key)
        before = client.dump(key)
        for use in ("load", "save"):
            with pytest.raises(StoreError, match="left as it is|something else"):
                uses(store)[use]()
        if before == client.dump(key) and client.type(key) == b"list":
            with pytest.raises(StoreError, match="something else"):
                store.stamp()
            with pytest.raises(StoreError, match="something else"):
                store.delete()
        assert client.dump(key) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_connections_of_its_own(redis_server: RedisServer, cache_name: str) -> None:
    """It uses the store at once, takes leases of its own, and gives back none of its parent's."""
    store = RedisStore(redis_server.url, name=cache_name, encryption_key=KEY, timeout=PATIENCE)
    stamp = store.save(DATA, None)
    lease = store.lease("refresh", 30)
    assert isinstance(lease, RenewableLease)
    child = os.fork()
    if not child:
        lease.release()
        right = store.load() == Loaded(DATA, stored(stamp)) and not lease.renew(30) and store.lease("own", 30)
        os._exit(0 if right and store.lease("refresh", 30) is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.load() == Loaded(DATA, stored(stamp))
    assert lease.renew(30)


def test_where_no_further_thread_can_be_had(
    redis_server: RedisServer, cache_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls are made in the caller's own thread then, and a long lease ends after its first step."""

    def refused(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    store = RedisStore(redis_server.url, name=cache_name, encryption_key=KEY, timeout=PATIENCE)
    assert store.save(DATA, None) == store.stamp()
    assert store.lease("sign-in", 3600)


@pytest.mark.usefixtures("tried_once")
def test_a_lease_of_a_server_that_is_away_is_not_held(server: RedisServer) -> None:
    """A holder that cannot ask does not go on as if it held it, and can give it back without an error."""
    lease = opened(server).lease("refresh", 30)
    server.kill()
    assert isinstance(lease, RenewableLease)
    assert not lease.renew(30)
    lease.release()


class TestSecrets:
    def test_a_server_that_refuses(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """A wrong password, none, or a user who may not: the error says which, and shows no credential anywhere."""
        with running(tmp_path / "redis", requirepass="right") as server:
            asking = f"unix://:{PASSWORD}@{server.socket}"
            for url in (asking, f"{server.url}?password={PASSWORD}", server.url):
                with pytest.raises(StoreError, match="refuses this program .*ACL") as caught:
                    RedisStore(url, encryption_key=KEY, timeout=PATIENCE).load()
                assert PASSWORD not in everything_in(caught.value)
            with redis.Redis(unix_socket_path=str(server.socket), password="right") as client:
                client.acl_setuser("few", enabled=True, passwords=[f"+{PASSWORD}"], categories=["+@connection"])
            with pytest.raises(StoreError, match="refuses this program"):
                RedisStore(f"unix://few:{PASSWORD}@{server.socket}", encryption_key=KEY, timeout=PATIENCE).load()
            right = RedisStore(f"unix://:right@{server.socket}", encryption_key=KEY, timeout=PATIENCE)
            assert right.load() == Loaded(None, None)
        assert PASSWORD not in caplog.text

    def test_a_user_without_some_of_the_rights(self, server: RedisServer) -> None:
        """What needs a right that the ACL does not give says so; a lease that could be taken can be released."""
        with server.client() as client:
            client.acl_setuser(
                "few",
                enabled=True,
                nopass=True,
                keys=["doorcode:*"],
                categories=["+@read", "+@write", "+@scripting", "+@connection"],
                commands=["-del", "-getrange"],
            )
        few = RedisStore(f"unix://few:{PASSWORD}@{server.socket}", encryption_key=KEY, timeout=PATIENCE)
        stored(few.save(DATA, None))
        for use in ("stamp", "delete", "users", "delete_all"):
            with pytest.raises(StoreError, match="refuses this program .*ACL"):
                uses(few)[use]()
        lease = few.lease("refresh", 30)
        assert lease
        lease.release()
        assert few.lease_holder("refresh") is None

    def test_a_message_with_the_password_in_it(self) -> None:
        """Whatever a client says, credentials are taken out."""
        error = store_error(redis.ConnectionError(f"cannot log in as ada:{PASSWORD}"), "Redis", (PASSWORD,))
        assert PASSWORD not in everything_in(error)
        assert "pass word" in secrets_of("redis://127.0.0.1:1?password=pass%20word")

    def test_a_function_that_fails(self) -> None:
        """What it raises is told, without the credentials of a URL."""

        def server() -> str:
            raise ValueError(f"no such vault: rediss://ada:{PASSWORD}/@redis.example/0")

        with pytest.raises(StoreError, match=r"no such vault: rediss://…@redis.example/0") as caught:
            RedisStore(server, encryption_key=KEY, timeout=PATIENCE).load()
        assert PASSWORD not in f"{caught.value} {caught.value.__cause__}"
        with pytest.raises(StoreError, match="cannot be used: KeyError: 'SIGN_IN_REDIS'"):
            RedisStore(lambda: os.environ["SIGN_IN_REDIS"], encryption_key=KEY, timeout=PATIENCE).load()

    def test_an_option_that_redis_py_does_not_know(self) -> None:
        """It is an error of the store's, which shows nothing of the URL."""
        store = RedisStore(f"redis://:{PASSWORD}@127.0.0.1:1?socket_timeout={PASSWORD}", encryption_key=KEY)
        with pytest.raises(StoreError, match="look at what follows") as caught:
            store.load()
        assert PASSWORD not in everything_in(caught.value)


def everything_in(error: BaseException) -> str:
    """Return what a crash reporter could show of an error: its words, those it comes from, and the library's frames."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [frame.f_locals for frame in frames if str(frame.f_globals["__name__"]).startswith(("doorcode", "redis"))]
    links = [link for link in (error.__cause__, error.__context__) if link is not None]
    return "\n".join([repr(error), str(error), repr(ours), *map(everything_in, links)])


SAID: dict[str, tuple[Exception, str, bool]] = {
    "loading": (redis.BusyLoadingError("LOADING Redis is loading"), "still loading its data", True),
    "a disk that is full": (
        redis.ResponseError("MISCONF Redis is configured to save"),
        "cannot save to its disk",
        False,
    ),
    "a script": (redis.ResponseError("BUSY Redis is busy running a script"), "busy with a script", False),
    "no primary": (redis.ResponseError("MASTERDOWN Link with MASTER is down"), "has no primary now", False),
    "a cluster": (redis.ResponseError("MOVED 3999 127.0.0.1:6381"), "RedisCluster", False),
    "nothing listens": (
        redis.ConnectionError("Error 111 connecting to 127.0.0.1:1. Connection refused."),
        "Connection refused",
        True,
    ),
    "out of connections": (FULL_POOL("Too many connections"), "Too many connections", True),
    "no word": (redis.RedisError(), "RedisError", False),
    "no permission": (redis.exceptions.NoPermissionError("NOPERM no"), "refuses this program", False),
    "the wrong type, in a script": (redis.ResponseError("ERR in script: WRONGTYPE Operation"), "something else", False),
}


@pytest.mark.parametrize(("error", "words", "passing"), SAID.values(), ids=SAID)
def test_what_a_server_says(error: Exception, words: str, *, passing: bool) -> None:
    """Each answer has words of its own, to which a sentence adds its full stop; only what may pass is tried again."""
    assert words in str(store_error(error, "Redis", ()))
    assert not str(store_error(error, "Redis", ())).endswith(".")
    assert is_passing(error) is passing
