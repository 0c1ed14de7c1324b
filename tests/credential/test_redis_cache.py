"""A credential whose token cache is on a Redis server: shared sign-ins, and a server that does not help."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import doorcode
from doorcode import AuthenticationRequiredError, TokenCachePersistenceOptions, cache
from doorcode.cache import RedisStore
from doorcode.cache import _outage as outage
from doorcode.cache._stores import redis_server as calls_of
from doorcode.emulator import Emulator
from support.redis_server import RedisServer, running
from support.signing import AGES, OTHER, PATIENCE, SCOPE

KEY = bytes(range(32))
THIRD = "https://third.example/.default"
SOON = 0.5
"""Seconds that a call of a server that is frozen may take."""
BROKEN: dict[str, tuple[Callable[[RedisServer], object], Callable[[RedisServer], object], str]] = {
    "frozen": (RedisServer.freeze, RedisServer.thaw, "does not answer in time"),
    "away": (RedisServer.kill, RedisServer.start, "cannot be used"),
    "a replica": (
        lambda server: server.client().replicaof("127.0.0.1", "1"),
        lambda server: server.client().replicaof("NO", "ONE"),
        "takes no writes",
    ),
    "full": (
        lambda server: server.client().config_set("maxmemory", 1),
        lambda server: server.client().config_set("maxmemory", 0),
        "no memory left",
    ),
}


def the_key() -> bytes:
    """Be found by name in another process."""
    return KEY


def a_callback(*_: object) -> None:
    """Be found by name."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a server that this test may break; what it wrote survives that it is killed."""
    with running(tmp_path / "redis", appendonly="yes", appendfsync="always") as started:
        yield started


@pytest.fixture
def kept(redis_server: RedisServer, cache_name: str) -> Callable[..., dict[str, Any]]:
    """Return what makes the options of credentials that share one cache."""

    def options(user: str = "ada", **more: Any) -> dict[str, Any]:
        store = RedisStore(redis_server.url, name=cache_name, encryption_key=the_key, user=user, timeout=PATIENCE)
        return {
            "cache_persistence_options": TokenCachePersistenceOptions(store=store),
            "use_cached_account": True,
            **more,
        }

    return options


@pytest.mark.parametrize("library", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def test_a_worker_is_silent(make: Any, kept: Any, authority: Emulator, library: Any) -> None:
    """A credential that was signed in is small in a pickle, holds no token or key, and gets tokens where it arrives."""
    head = make(**kept(prompt_callback=a_callback, disable_automatic_authentication=True))
    authority.approve_all()
    head.authenticate(scopes=[SCOPE])
    token = head.get_token(SCOPE).token
    text = library.dumps(getattr(head, "credential", head))
    assert len(text) < 5000
    assert [secret for secret in (KEY, token.encode(), b"eyJ") if secret in text] == []
    authority.reset_counters()
    worker = pickle.loads(text)  # noqa: S301 - our own
    assert worker._session.record == head._session.record
    if make.kind == "sync":
        assert worker.get_token(SCOPE).token == token
        assert authority.count() == 0
        assert worker.get_token(OTHER).token
        assert (authority.count("token:refresh_token"), authority.count("devicecode")) == (1, 0)


def test_a_later_process_finds_the_sign_in(make: Any, kept: Any, authority: Emulator) -> None:
    """The sign-in serves both kinds of client, for this user alone; a sign-out ends it."""
    make(**kept()).get_token(SCOPE)
    later = make(**kept(disable_automatic_authentication=True))
    assert later.get_token(SCOPE, enable_cae=True).token
    assert authority.count("devicecode") == 1
    with pytest.raises(AuthenticationRequiredError):
        make(**kept("eve", disable_automatic_authentication=True)).get_token(SCOPE)
    options = kept()["cache_persistence_options"]
    (account,) = cache.accounts(options)
    cache.sign_out(account, options)
    with pytest.raises(AuthenticationRequiredError):
        make(**kept(disable_automatic_authentication=True)).get_token(SCOPE)
    assert "Redis" in str(cache.status(options).store)


def test_a_wrong_key_is_no_reason_to_ask(make: Any, kept: Any, authority: Emulator, redis_server: RedisServer) -> None:
    """What was encrypted with another key is an error before the user is asked, and is still there for that key."""
    make(**kept()).get_token(SCOPE)
    authority.reset_counters()
    right: Any = kept()["cache_persistence_options"].store
    store = RedisStore(
        redis_server.url, name=right._partition.name, user="ada", encryption_key=bytes(32), timeout=PATIENCE
    )
    with pytest.raises(doorcode.errors.CacheUnavailableError, match="another encryption_key"):
        make(cache_persistence_options=TokenCachePersistenceOptions(store=store)).get_token(SCOPE)
    assert authority.count() == 0
    assert make(**kept(disable_automatic_authentication=True)).get_token(SCOPE).token


@pytest.mark.parametrize(("break_it", "mend_it", "words"), BROKEN.values(), ids=BROKEN)
def test_a_server_that_does_not_help(
    make: Any,
    authority: Emulator,
    server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[RedisServer], object],
    mend_it: Callable[[RedisServer], object],
    words: str,
) -> None:
    """A token in memory is returned at once. Other machines may use the refresh token, so this one does not send it.

    The error says why; where the user may be asked, the user is. What that brought is stored once the server is back.
    """
    monkeypatch.setattr(outage, "PAUSE", 0.0)
    stores: list[RedisStore] = []

    def options(**more: Any) -> dict[str, Any]:
        store = RedisStore(server.url, encryption_key=KEY, timeout=PATIENCE)
        stores.append(store)
        given = TokenCachePersistenceOptions(store=store)
        return {"cache_persistence_options": given, "use_cached_account": True, **more}

    asking = make(**options())
    token = asking.get_token(SCOPE).token
    silent = make(**options(disable_automatic_authentication=True))
    assert silent.get_token(SCOPE).token == token
    authority.reset_counters()
    break_it(server)
    if break_it is RedisServer.freeze:
        for store in stores:
            store._server.timeout = SOON
    monkeypatch.setattr(calls_of, "_FIRST_PAUSE", AGES)  # what fails is not tried again
    monkeypatch.setattr(outage, "PAUSE", 3600.0)
    assert asking.get_token(SCOPE).token == silent.get_token(SCOPE).token == token
    with pytest.raises(AuthenticationRequiredError, match=f"token cache cannot be used now: .*{words}"):
        silent.get_token(OTHER)
    assert authority.count() == 0
    new = asking.get_token(OTHER).token
    assert (authority.count("token:refresh_token"), authority.count("devicecode")) == (0, 1)
    mend_it(server)
    for store in stores:
        store._server.timeout = PATIENCE
    later = time.monotonic() + 7200
    monkeypatch.setattr("doorcode._clock.monotonic", lambda: later)
    assert asking.get_token(THIRD).token
    authority.reset_counters()
    assert make(**options(disable_automatic_authentication=True)).get_token(OTHER).token == new
    assert authority.count() == 0


def test_an_error_waits_for_no_other_thread(make: Any, kept: Any) -> None:
    """Another thread may hold the lock while it waits for the server: an asyncio error is made on the loop."""
    credential = make(**kept(disable_automatic_authentication=True))
    with pytest.raises(AuthenticationRequiredError):
        credential.get_token(SCOPE)
    session = getattr(credential, "credential", credential)._session
    with session._opening:
        assert session.outage() is None
