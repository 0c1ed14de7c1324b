"""The Redis store: keys, users, leases, expiry, and what it says of itself."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import cloudpickle
import pytest
import redis
import redis.asyncio

from doorcode import TokenCachePersistenceOptions
from doorcode.cache import Conflict, Loaded, RedisStore, RedisUser, StoreError, StoreKeyError
from doorcode.cache._protocol import RenewableLease, WatchedStore
from doorcode.cache._stores import redis_lease
from doorcode.cache._stores import redis_server as calls_of
from support.redis_server import RedisServer
from support.signing import AGES, PATIENCE
from support.started import started

KEY, NEW_KEY = bytes(range(32)), bytes(32)
DATA = b'{"RefreshToken": {"a": {"secret": "a-refresh-token"}}}'
LONG = "\U0001f511" * 1024
"""The longest identifier of a user, each of whose characters takes the most room."""
PASSWORD = "pass-word-of-redis"

OpenStore = Callable[..., RedisStore]


def the_key() -> bytes:
    """Be found by name in another process."""
    return KEY


@pytest.fixture
def store(redis_server: RedisServer, cache_name: str) -> OpenStore:
    """Return what opens the store of this test."""

    def opened(**options: Any) -> RedisStore:
        return RedisStore(
            redis_server.url, **{"name": cache_name, "encryption_key": KEY, "timeout": PATIENCE, **options}
        )

    return opened


def put_list(client: redis.Redis, key: str) -> None:
    """Put a list there."""
    client.rpush(key, "one")


def put_text(client: redis.Redis, key: str) -> None:
    """Put text there."""
    client.set(key, "something of another program")


@pytest.mark.parametrize("put", [put_list, put_text])
class TestForeignValues:
    def test_each_call_names_the_key_and_leaves_it(
        self, store: OpenStore, redis_server: RedisServer, put: Callable[[redis.Redis, str], None]
    ) -> None:
        """The message says what to do; other users are not concerned."""
        opened, other = store(), store(user="ada")
        key = opened._partition.value_key
        other.save(DATA, None)
        with redis_server.client() as client:
            put(client, key)
            before = client.dump(key)
            calls: list[Callable[[], object]] = [
                opened.load,
                opened.stamp,
                opened.delete,
                lambda: opened.save(DATA, None),
                lambda: list(opened.users()),
                opened.delete_all,
            ]
            for call in calls:
                with pytest.raises(StoreError, match=f"under the key {re.escape(key)}; .* Remove it") as caught:
                    call()
                assert type(caught.value.__cause__) is not redis.ResponseError
            assert client.dump(key) == before
        assert other.load() == Loaded(None, None), "deleted by delete_all, although it came to a foreign value"

    def test_a_lease_that_cannot_be_taken_names_the_key(
        self, store: OpenStore, redis_server: RedisServer, put: Callable[[redis.Redis, str], None]
    ) -> None:
        """The number of the last lease is no number."""
        opened = store()
        with redis_server.client() as client:
            put(client, opened._partition.fence_key)
        with pytest.raises(StoreError, match=re.escape(opened._partition.fence_key)):
            opened.lease("refresh", 30)


def test_an_empty_value_is_no_content(store: OpenStore, redis_server: RedisServer) -> None:
    """As an empty file is none: it is written over, and deleted."""
    opened = store()
    with redis_server.client() as client:
        client.set(opened._partition.value_key, b"")
        assert (opened.load(), opened.stamp(), list(opened.users())) == (Loaded(None, None), None, [])
        assert isinstance(opened.save(DATA, None), str)
        assert opened.load().data == DATA
        client.set(opened._partition.value_key, b"")
        opened.delete()
        assert not client.exists(opened._partition.value_key)


class TestKeys:
    def test_several_read_and_the_first_one_writes(self, store: OpenStore) -> None:
        """A new key takes over: what the old one wrote is read, and the next write is under the new one alone."""
        stamp = store().save(DATA, None)
        both = store(encryption_key=[NEW_KEY, the_key])
        assert both.load().data == DATA
        assert isinstance(stamp, str)
        both.save(DATA, stamp)
        assert store(encryption_key=NEW_KEY).load().data == DATA
        with pytest.raises(StoreKeyError, match="another encryption_key"):
            store().load()

    @pytest.mark.parametrize(
        ("written", "read", "words"),
        [
            ({}, {"encryption_key": NEW_KEY}, "another encryption_key"),
            ({}, {"encryption_key": None, "allow_unencrypted_storage": True}, "was given no encryption_key"),
            ({"encryption_key": None, "allow_unencrypted_storage": True}, {}, "is not encrypted"),
        ],
        ids=["another key", "no key", "a key for what is plain"],
    )
    def test_what_cannot_be_read_is_left(
        self, store: OpenStore, written: dict[str, Any], read: dict[str, Any], words: str
    ) -> None:
        """Neither load nor save touches it; the user is not asked for what could not be kept; delete needs no key."""
        store(**written).save(DATA, None)
        reader = store(**read)
        for use in (reader.load, lambda: reader.save(b"{}", None)):
            with pytest.raises(StoreKeyError, match=words):
                use()
        assert store(**written).load().data == DATA
        reader.delete()
        assert store(**written).load() == Loaded(None, None)

    def test_a_value_is_bound_to_its_place(self, store: OpenStore, redis_server: RedisServer) -> None:
        """A value that was copied to another user's key, or changed, is refused and left."""
        ada, eve = store().for_user("ada"), store().for_user("eve")
        ada.save(DATA, None)
        with redis_server.client() as client:
            value: Any = client.get(ada._partition.value_key)
            client.set(eve._partition.value_key, value)
            with pytest.raises(StoreError, match="written for another"):
                eve.load()
            client.set(ada._partition.value_key, value[:-1] + bytes([value[-1] ^ 1]))
            with pytest.raises(StoreError, match="damaged"):
                ada.load()
            with pytest.raises(StoreError, match="damaged"):
                ada.save(b"{}", None)

    def test_a_key_is_needed(self, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without one the store is refused, unless that is allowed; the environment may bring it."""
        with pytest.raises(ValueError, match="give encryption_key="):
            RedisStore(redis_server.url)
        assert not RedisStore(redis_server.url, allow_unencrypted_storage=True).encrypted
        monkeypatch.setenv("DOORCODE_CACHE_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        store = RedisStore(redis_server.url)
        assert store.encrypted
        twin = pickle.loads(pickle.dumps(store))  # noqa: S301 - our own
        monkeypatch.delenv("DOORCODE_CACHE_KEY")
        with pytest.raises(StoreKeyError, match="cannot get the encryption_key"):
            twin.save(DATA, None)

    def test_a_key_that_cannot_be_had(self, store: OpenStore) -> None:
        """A function that fails is an error of the store's, which has changed nothing."""

        def no_key() -> bytes:
            raise LookupError("the vault is closed")

        with pytest.raises(StoreKeyError, match="the vault is closed"):
            store(encryption_key=no_key).save(DATA, None)
        assert store().stamp() is None


class TestUsers:
    def test_they_are_listed_and_signed_out(self, store: OpenStore) -> None:
        """A listing names users and clients; one can be signed out, or all, and nobody of another cache."""
        here, elsewhere = store(), store(name="elsewhere-of-" + store()._partition.name[:20])
        elsewhere.for_user("zoe").save(DATA, None)
        given = {("ada", "one"), ("ada", "two"), ("eve@example.com", ""), ("ümlaut", "")}
        for user, client in given:
            here.for_user(user, client).save(DATA, None)
        assert {(each.user, each.client_id) for each in here.users()} == given
        here.for_user("ada", "one").delete()
        assert {each.user for each in here.users()} == {"ada", "eve@example.com", "ümlaut"}
        assert (here.delete_all(), list(here.users())) == (3, [])
        assert list(elsewhere.users()) == [RedisUser("zoe", "")]

    def test_the_server_shows_no_user(self, store: OpenStore, redis_server: RedisServer) -> None:
        """Neither the names of keys nor what is under them shows who the users are."""
        store().for_user("ada@example.com").save(DATA, None)
        with redis_server.client() as client:
            (key,) = list(client.scan_iter(f"doorcode:{store()._partition.name}:*"))
            value: Any = client.get(key)
        assert b"ada@" not in key + value

    def test_one_that_cannot_be_read_hides_no_other(self, store: OpenStore, redis_server: RedisServer) -> None:
        """All others are listed first; then the error says what is the matter."""
        store(encryption_key=NEW_KEY).for_user("old").save(DATA, None)
        store().for_user("ada").save(DATA, None)
        with redis_server.client() as client:
            client.set(f"doorcode:{store()._partition.name}:{{foreign}}:tokens", b"foreign")
        seen: list[str] = []
        with pytest.raises(StoreError):
            seen.extend(user.user for user in store().users())
        assert seen == ["ada"]
        with pytest.raises(StoreError, match="something else"):
            store().delete_all()

    def test_each_reply_about_the_keys_of_others_has_the_time_of_a_call(
        self, store: OpenStore, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A listing looks at all keys of a server, most of which may be another program's; each call has a thread."""
        here = store()
        here.for_user("ada").save(DATA, None)
        client: Any = here._server._opened()
        client.mset({f"of-another-program:{here._partition.name}:{number}": b"" for number in range(3000)})
        scan, threads = client.scan, list[threading.Thread]()

        def watched(*arguments: Any, **options: Any) -> object:
            threads.append(threading.current_thread())
            return scan(*arguments, **options)

        monkeypatch.setattr(client, "scan", watched)
        assert list(here.users()) == [RedisUser("ada", "")]
        assert len(threads) >= 6
        assert len(set(threads)) == len(threads)

    def test_the_idle_expire(self, store: OpenStore, redis_server: RedisServer) -> None:
        """With a ttl, a cache that is neither read nor written is removed by the server; reading it is use."""
        used = store(ttl=1000).for_user("ada")
        used.save(DATA, None)
        with redis_server.client() as client:
            key = used._partition.value_key
            client.pexpire(key, 50_000)
            assert used.load().data == DATA
            left: Any = client.pttl(key)
            assert 900_000 < left <= 1_000_000
            assert store().for_user("ada").load().data == DATA
            client.pexpire(key, 1)
            while client.exists(key):
                pass
        assert used.load() == Loaded(None, None)


class TestWrites:
    def test_one_whose_reply_was_lost_is_no_conflict(self, store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """A write, a lease and a deletion that reached the server are done when they are sent again."""
        opened = store()
        stamp = opened.save(DATA, None)
        lose_first_reply(opened, monkeypatch)
        saved = opened.save(b"{}", stamp if isinstance(stamp, str) else None)
        assert not isinstance(saved, Conflict)
        assert store().load() == Loaded(b"{}", saved)
        lose_first_reply(opened, monkeypatch)
        lease = opened.lease("refresh", 30)
        assert lease
        assert store().lease("refresh", 30) is None
        lose_first_reply(opened, monkeypatch)
        opened.delete()
        assert store().load() == Loaded(None, None)

    def test_an_older_copy_is_another_content(self, store: OpenStore, redis_server: RedisServer) -> None:
        """After a failover to an older copy, the stamps of what was lost fit nothing, whatever is written since."""
        opened = store()
        first = opened.save(DATA, None)
        with redis_server.client() as client:
            key = opened._partition.value_key
            older: Any = client.get(key)
            lost = opened.save(b'{"lost": {}}', first if isinstance(first, str) else None)
            client.set(key, older)
            assert store().save(b'{"new": {}}', first if isinstance(first, str) else None) != lost
        assert isinstance(opened.save(b'{"late": {}}', lost if isinstance(lost, str) else None), Conflict)
        assert store().load().data == b'{"new": {}}'


def lose_first_reply(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server's next reply to a script be lost on its way, after the script has run."""
    client: Any = store._server._opened()
    script = type(client).eval
    replies: list[object] = []

    def lossy(*arguments: Any) -> object:
        replies.append(script(client, *arguments))
        if len(replies) == 1:
            raise redis.ConnectionError("the reply is lost")
        return replies[-1]

    monkeypatch.setattr(client, "eval", lossy)


class TestLeases:
    def test_numbers_rise(self, store: OpenStore) -> None:
        """Each lease carries a higher number than those before, also after one that ended by itself."""
        numbers = []
        for seconds in (30, 0.001, 30):
            while (lease := store().lease("refresh", seconds)) is None:
                pass
            assert isinstance(lease, redis_lease.RedisLease)
            numbers.append(lease.fence)
            if seconds > 1:
                lease.release()
        assert numbers == sorted(set(numbers))

    def test_a_late_holder_has_lost_it(self, store: OpenStore) -> None:
        """One whose lease has ended neither renews nor releases that of the next holder."""
        late = store().lease("refresh", 0.001)
        while (lease := store().lease("refresh", 30)) is None:
            pass
        assert isinstance(late, RenewableLease)
        assert isinstance(lease, RenewableLease)
        assert not late.renew(30)
        late.release()
        assert store().lease("refresh", 30) is None
        assert lease.renew(60)
        lease.release()
        assert not lease.renew(60)

    def test_one_that_this_process_has_given_up_is_taken_at_once(
        self, store: OpenStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server granted it and the answer was lost, or the server was away when it was to be released."""
        monkeypatch.setattr(calls_of, "_FIRST_PAUSE", AGES)  # what fails is not tried again
        monkeypatch.setattr(redis_lease, "_MOST_GIVEN_UP", 1)
        slow = store()
        lose_first_reply(slow, monkeypatch)
        with pytest.raises(StoreError):
            slow.lease("refresh", 30)
        assert store().lease_holder("refresh")
        away = store()
        lease = away.lease("refresh", 30)
        assert isinstance(lease, redis_lease.RedisLease)
        assert lease.fence == 2
        assert store().lease("refresh", 30) is None

        def lost(*_: object) -> None:
            raise redis.ConnectionError("the request is lost")

        monkeypatch.setattr(away._server._opened(), "eval", lost)
        lease.release()
        with pytest.raises(StoreError):  # sent no more, for a while
            away.lease("refresh", 30)
        assert store().lease("refresh", 30)

    @pytest.mark.parametrize("sent", [True, False], ids=["after it was granted", "while its client connects"])
    def test_one_that_ctrl_c_meets_while_it_is_taken_is_free(
        self, store: OpenStore, monkeypatch: pytest.MonkeyPatch, *, sent: bool
    ) -> None:
        """A notebook that goes on would keep it otherwise: its next call would wait for the lease to end."""
        slow, connect = store(), threading.Event()
        client, before = slow._server._opened(), set(threading.enumerate())

        def opened() -> redis.Redis:
            assert sent or connect.wait(PATIENCE)
            return client

        def wait(_attempt: object, _timeout: float) -> None:
            for thread in set(threading.enumerate()) - before if sent else ():
                thread.join(PATIENCE)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(slow._server, "_opened", opened)
            patch.setattr(calls_of._Attempt, "wait", wait)
            with pytest.raises(KeyboardInterrupt):
                slow.lease("refresh", 30)
            connect.set()
            for thread in set(threading.enumerate()) - before:
                thread.join(PATIENCE)
        assert store().lease("refresh", 30)

    def test_others_see_who_holds_it(self, store: OpenStore) -> None:
        """The holder's process, machine and time are told; nobody holds what nobody took."""
        opened = store()
        assert isinstance(opened, WatchedStore)
        assert opened.lease_holder("sign-in") is None
        lease = opened.lease("sign-in", 30)
        assert isinstance(lease, RenewableLease)
        lease.renew(30, 2_000_000_000.0)
        holder = store().lease_holder("sign-in")
        assert holder is not None
        assert (holder.process, holder.until) == (os.getpid(), 2_000_000_000)

    def test_a_long_one_is_extended_while_its_holder_lives(
        self, store: OpenStore, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A lease over a prompt lasts for as long as its holder says, in steps; without the holder, for one step."""
        monkeypatch.setattr(redis_lease, "LONGEST", 8.0)  # it is extended after a quarter of that
        opened = store()
        lease = opened.lease("sign-in", 60)
        key = opened._partition.lease_key("sign-in")
        with redis_server.client() as client:
            before: Any = client.pttl(key)
            assert 0 < before <= 8000
            highest = before
            while highest <= before:  # it falls, unless it is extended
                before, highest = client.pttl(key), client.pttl(key)
                assert highest > 0
        assert lease
        lease.release()
        assert opened.lease("sign-in", 0.001)

    @pytest.mark.parametrize("taken", [False, True])
    def test_one_that_is_over_is_extended_no_more(
        self, store: OpenStore, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, *, taken: bool
    ) -> None:
        """The thread that extends a lease ends with it: when its time is over, or another process has it."""
        monkeypatch.setattr(redis_lease, "LONGEST", 0.04)
        before = set(threading.enumerate())
        assert store().lease("sign-in", 3600 if taken else 0.1)
        (thread,) = (each for each in set(threading.enumerate()) - before if each.name == "doorcode-lease")
        if taken:
            with redis_server.client() as client:
                client.set(store()._partition.lease_key("sign-in"), b"another's")
        thread.join(PATIENCE)
        assert not thread.is_alive()

    def test_what_another_program_put_there_is_waited_for(self, store: OpenStore, redis_server: RedisServer) -> None:
        """A value that is no lease's counts as one that is held by nobody knows whom."""
        opened = store()
        with redis_server.client() as client:
            client.set(opened._partition.lease_key("refresh"), b"\xff foreign")
        assert opened.lease("refresh", 30) is None
        assert opened.lease_holder("refresh") is None

    @pytest.mark.parametrize("reaped", [True, False])
    def test_that_of_a_dead_process_of_this_machine_is_taken_at_once(
        self, store: OpenStore, redis_server: RedisServer, *, reaped: bool
    ) -> None:
        """A process that was killed while it held a lease delays nobody on its own machine, reaped or not."""
        name = store()._partition.name
        program = (
            "import sys; from doorcode.cache import RedisStore;"
            f"store = RedisStore({redis_server.url!r}, name={name!r}, encryption_key=bytes(32), timeout={PATIENCE});"
            "assert store.lease('refresh', 300); print('held', flush=True); sys.stdin.read()"
        )
        with started([sys.executable, "-c", program], stdin=-1, stdout=-1) as process:
            assert process.stdout
            assert process.stdout.readline() == "held\n"
            assert store().lease("refresh", 30) is None
            process.kill()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            if reaped:
                process.wait()
            holder = store().lease_holder("refresh")
            assert holder
            assert holder.process == process.pid
            assert store().lease("refresh", 30)
            assert store().lease("refresh", 30) is None

    def test_that_of_a_process_whose_number_another_one_has_is_taken(
        self, store: OpenStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A number is used again; when the process started tells the two apart, where the system shows it."""
        with monkeypatch.context() as earlier:
            earlier.setattr(redis_lease, "_started", lambda _: "1")
            assert store().lease("refresh", 300)
        with monkeypatch.context() as hidden:
            hidden.setattr(redis_lease, "_started", lambda _: "")
            assert store().lease("refresh", 300) is None
        assert store().lease("refresh", 300)
        assert redis_lease._started(2**22 + 1) == ""


def the_url() -> str:
    """Return a URL that a worker finds by itself."""
    return f"redis://user:{PASSWORD}@127.0.0.1:1/0"


class TestTravelling:
    @pytest.mark.parametrize("library", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
    def test_a_store_travels_with_functions(self, library: Any, redis_server: RedisServer, cache_name: str) -> None:
        """What arrives opens the same place; no key, password or token is in the pickle."""
        store = RedisStore(redis_server.url, name=cache_name, user="ada", encryption_key=the_key, ttl=60)
        store.save(DATA, None)
        options = TokenCachePersistenceOptions(store=store)
        text = library.dumps(options)
        assert KEY not in text
        assert b"a-refresh-token" not in text
        twin: Any = pickle.loads(text).store  # noqa: S301 - our own
        assert twin.load() == store.load()
        assert copy.deepcopy(options).store
        assert PASSWORD.encode() not in pickle.dumps(RedisStore(the_url, encryption_key=the_key))

    @pytest.mark.parametrize(
        ("server", "key", "words"),
        [
            ("redis://127.0.0.1:1", KEY, "the key would be in the pickle"),
            ("redis://127.0.0.1:1", [the_key, KEY], "the key would be in the pickle"),
            (the_url(), the_key, "the password would be in the pickle"),
            ("redis://127.0.0.1:1?password=abc", the_key, "the password would be in the pickle"),
            (redis.Redis(), the_key, "connections do not travel"),
        ],
        ids=["a key", "one of two keys", "a password", "a password in the query", "a client"],
    )
    def test_what_must_not_travel(self, server: Any, key: Any, words: str) -> None:
        """A key, a password or a connection is refused, with what to do instead."""
        with pytest.raises(TypeError, match=words):
            pickle.dumps(RedisStore(server, encryption_key=key))


async def a_coroutine() -> str:
    """Return a URL, for whoever awaits it."""
    return "redis://"


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no server": ({"server": None}, TypeError, "a URL, a redis.Redis, or a function"),
    "a coroutine function": ({"server": a_coroutine}, TypeError, "a URL, a redis.Redis, or a function"),
    "asyncio's client": ({"server": redis.asyncio.Redis()}, TypeError, "redis.asyncio"),
    "a client of texts": ({"server": redis.Redis(decode_responses=True)}, ValueError, "decode_responses"),
    "another scheme": ({"server": "http://x"}, ValueError, "cannot be read"),
    "no place": ({"server": "redis:"}, ValueError, "cannot be read"),
    "a slash in the password": ({"server": f"redis://:{PASSWORD}/x@host"}, ValueError, "quote"),
    "a URL of texts": ({"server": "redis://h?decode_responses=True"}, ValueError, "without decode_responses=True"),
    "a name with a star": ({"name": "a*"}, ValueError, "1 to 64 letters"),
    "a user that is no text": ({"user": 1}, TypeError, "user must be text"),
    "a client that is no text": ({"client_id": None}, TypeError, "client_id must be text"),
    "a long user": ({"user": "x" * 1025}, ValueError, "at most 1024"),
    "a short key": ({"encryption_key": b"x"}, ValueError, "32 bytes"),
    "a key that is text": ({"encryption_key": ["x" * 32]}, TypeError, "encryption_key must be"),
    "a password in the path": ({"server": f"redis://user/{PASSWORD}@host"}, ValueError, "number of a database"),
    "a database with a name": ({"server": "redis://host/abc"}, ValueError, "number of a database, such as /0"),
    "two databases": ({"server": "rediss://host/1/2"}, ValueError, "number of a database"),
    "a database below 0": ({"server": "redis://host/-1"}, ValueError, "number of a database"),
    "a time without end": ({"ttl": 10**400}, ValueError, "ttl must be more than 0 seconds, and at most 3155760000"),
    "a time that no server keeps": ({"ttl": 1e300}, ValueError, "ttl must be .* at most"),
    "a timeout without end": ({"timeout": float("inf")}, ValueError, "timeout must be .* at most 86400"),
    "a negative time": ({"ttl": -1}, ValueError, "ttl must be more than 0"),
    "a Decimal": ({"ttl": Decimal(5)}, TypeError, "ttl must be seconds"),
    "no time": ({"ttl": 0}, ValueError, "ttl must be more than 0"),
    "a timeout that is none": ({"timeout": float("nan")}, ValueError, "timeout must be more"),
    "a time that is no number": ({"ttl": "1"}, TypeError, "ttl must be seconds"),
    "a flag for a time": ({"timeout": True}, TypeError, "timeout must be seconds"),
}


@pytest.mark.parametrize(("options", "kind", "words"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(options: dict[str, Any], kind: type[Exception], words: str) -> None:
    """What cannot work is refused in the constructor, and the message shows no password."""
    given: dict[str, Any] = {"server": "redis://127.0.0.1:1", "encryption_key": KEY, **options}
    with pytest.raises(kind, match=words) as caught:
        RedisStore(given.pop("server"), **given)
    assert PASSWORD not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


@pytest.mark.parametrize(
    ("server", "place"),
    [
        (f"redis://user:{PASSWORD}@redis.example:7000/3", "Redis at redis.example:7000/3"),
        (f"rediss://:{PASSWORD}@redis.example", "Redis at redis.example:6379"),
        (f"redis://:{PASSWORD}@:7000/", "Redis at localhost:7000/"),
        (f"unix://user:{PASSWORD}@/run/redis.sock?db=1&password={PASSWORD}", "Redis at /run/redis.sock"),
        (redis.Redis(host="redis.example", password=PASSWORD), "Redis at redis.example:6379"),
        (redis.Redis(unix_socket_path="/run/x", password=PASSWORD), "Redis at /run/x"),
        (the_url, "Redis"),
    ],
    ids=["URL", "TLS", "this machine", "socket", "client", "client of a socket", "function"],
)
def test_it_says_where_it_is(server: Any, place: str) -> None:
    """The description and the repr name the server and the protection, and no password, key or user."""
    store = RedisStore(server, name="fleet", encryption_key=KEY, user="ada@example.com")
    assert store.describe() == f"{place} (cache 'fleet'), encrypted with the program's own key"
    assert store.remote
    shown = f"{store!r} {store._server!r} {store._keys!r} {store._partition!r}"
    assert place in shown
    assert [word for word in (PASSWORD, "ada@", repr(KEY)) if word in shown] == []


def test_redis_py_is_an_extra() -> None:
    """Without it, the first use says what to install; the class can be looked at."""
    program = (
        "import sys; sys.modules['redis'] = None\n"
        "from doorcode.cache import RedisStore\n"
        "RedisStore('redis://127.0.0.1:1', encryption_key=bytes(32)).load()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "doorcode.cache.RedisStore needs redis: pip install 'doorcode[redis]'" in ended.stderr.splitlines()[-1]


def test_a_user_is_a_json_text(store: OpenStore) -> None:
    """Whatever characters the identifier of a user has, it comes back as it was."""
    for user in ('"', "\\", "a\nb", "\U0001f511", "{}*", LONG):
        store().for_user(user).save(json.dumps({}).encode(), None)
    assert {each.user for each in store().users()} == {'"', "\\", "a\nb", "\U0001f511", "{}*", LONG}
