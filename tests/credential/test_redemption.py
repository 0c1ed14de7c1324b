"""A refresh token that works once is not sent again while a request that redeems it is under way, whoever has left."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from doorcode import TokenCachePersistenceOptions, errors
from doorcode._core.flows.leases import REFRESH_LEASE
from doorcode._core.steps import Redeem
from doorcode._entra.redemption import Redemption
from doorcode._entra.worker import MOST_ABANDONED, Worker, current_worker
from doorcode._sync.cancel_scope import CancelScope
from doorcode.cache import StoreError
from doorcode.cache._token_cache import StoredCache
from doorcode.emulator import Emulator, Hang
from support.held_reply import HeldReply
from support.joins import joins_of
from support.signing import AGES, OTHER, PATIENCE, SCOPE, outcome, start
from support.timing import until_so

THIRD = "https://third.example/.default"
REFRESH = "token:refresh_token"


@pytest.fixture
def roles(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Give who has joined a refresh so far: True for a caller that leads, False for one that waits."""
    return joins_of(monkeypatch, REFRESH_LEASE)


@pytest.fixture
def held(authority: Emulator) -> Iterator[HeldReply]:
    """Hold the next reply to a refresh back; a refresh token works once."""
    authority.configure(rotation="reject")
    reply = HeldReply()
    authority.faults.queue(REFRESH, reply.fault)
    yield reply
    reply.release()


def cancelled(make: Any, credential: Any, authority: Emulator, _: pytest.MonkeyPatch) -> BaseException | None:
    """Cancel the credential while its refresh is under way."""
    call = start(lambda: credential.get_token(OTHER))
    authority.wait_for(REFRESH)
    credential.cancel()
    return call.exception(PATIENCE)


def interrupted(
    make: Any, credential: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> BaseException | None:
    """Interrupt the thread, as Ctrl-C does, or cancel the task."""
    if make.kind == "aio":
        task = asyncio.run_coroutine_threadsafe(credential.credential.get_token(OTHER), credential._loop)
        authority.wait_for(REFRESH)
        task.cancel()
        return outcome(lambda: task.result(PATIENCE))
    now = threading.Event()

    def check(_scope: CancelScope) -> None:
        if now.is_set():
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CancelScope, "check", check)
        call = start(lambda: credential.get_token(OTHER))
        authority.wait_for(REFRESH)
        now.set()
        return call.exception(PATIENCE)


def timed_out(make: Any, credential: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> BaseException | None:
    """Let the time of the request be over once the authority has it."""
    genuine = Worker.start

    def sent(worker: Worker[Any]) -> None:
        genuine(worker)
        if worker._kept:
            authority.wait_for(REFRESH)

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "start", sent)
        patch.setattr(Redeem, "wait", lambda *_: 0.0)
        return start(lambda: credential.get_token(OTHER)).exception(PATIENCE)


WAYS: dict[str, Callable[..., BaseException | None]] = {
    "cancel()": cancelled,
    "interrupted": interrupted,
    "timed out": timed_out,
}


def tokens_sent(authority: Emulator) -> list[str]:
    """Return the refresh tokens that the authority was sent."""
    return [request.form["refresh_token"] for request in authority.requests_to(REFRESH)]


@pytest.mark.parametrize("way", WAYS)
def test_later_calls_wait_for_the_reply(
    make: Any, authority: Emulator, held: HeldReply, roles: list[bool], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """They find the token of the call that has left, or redeem the new refresh token; the user is not asked."""
    credential = make()
    credential.get_token(SCOPE)
    assert WAYS[way](make, credential, authority, monkeypatch) is not None
    later: list[Future[Any]] = []
    for scope in (OTHER, THIRD):
        later.append(start(lambda scope=scope: credential.get_token(scope)))  # type: ignore[misc]
        until_so(lambda: len(roles) > len(later))
    assert roles == [True, False, False]
    held.release()
    assert all(call.result(PATIENCE).token for call in later)
    assert len(tokens_sent(authority)) == len(set(tokens_sent(authority))) == 2
    assert len(make.approver.prompts) == 1


@pytest.mark.parametrize("way", WAYS)
def test_other_processes_wait_for_the_lease(
    make: Any, authority: Emulator, held: HeldReply, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    """The lease is given back when the reply is stored."""
    options = TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=bytes(32))
    credential, other = make(cache_persistence_options=options), make(cache_persistence_options=options)
    credential.get_token(SCOPE)
    cache = other._session.cache(cae=False)
    assert WAYS[way](make, credential, authority, monkeypatch) is not None
    assert cache.lease(REFRESH_LEASE, AGES) is None
    held.release()
    leases: list[Any] = []
    until_so(lambda: leases.append(cache.lease(REFRESH_LEASE, AGES)) or leases[-1])
    leases[-1].release()
    assert other.get_token(OTHER).token
    assert len(tokens_sent(authority)) == 1


@pytest.mark.parametrize("way", WAYS)
def test_closing_the_credential_ends_the_wait(
    make: Any, authority: Emulator, roles: list[bool], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The request is cut, and the call that waits makes its own."""
    authority.faults.queue(REFRESH, Hang())
    credential = make(read_timeout=AGES)
    credential.get_token(SCOPE)
    assert WAYS[way](make, credential, authority, monkeypatch) is not None
    later = start(lambda: credential.get_token(OTHER))
    until_so(lambda: len(roles) > 1)
    assert roles == [True, False]
    credential.close()
    if later.exception(PATIENCE) is not None:  # an outage that the calls share
        assert isinstance(later.exception(), errors.AuthorityUnreachableError)
        assert credential.get_token(OTHER).token
    assert len(make.approver.prompts) == 1


def test_a_call_that_waits_can_be_cancelled_itself(
    make: Any, authority: Emulator, held: HeldReply, roles: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own limits hold, although the request is still under way: its reply has the only next refresh token."""
    credential = make()
    credential.get_token(SCOPE)
    cancelled(make, credential, authority, monkeypatch)
    later = start(lambda: credential.get_token(OTHER))
    until_so(lambda: len(roles) > 1)
    credential.cancel()
    assert isinstance(later.exception(PATIENCE), errors.SignInCancelledError)
    held.release()
    assert credential.get_token(OTHER).token
    assert len(tokens_sent(authority)) == 1


def test_before_the_refresh_token_was_sent(make: Any, authority: Emulator) -> None:
    """No call waits for a request whose caller left during the discovery: it will not send the token."""
    credential = make(read_timeout=AGES, additionally_allowed_tenants=["*"])
    credential.get_token(SCOPE)
    authority.faults.queue("discovery", Hang())
    discovered = authority.count("discovery")
    call = start(lambda: credential.get_token(SCOPE, tenant_id="fabrikam.example"))
    authority.wait_for("discovery", discovered + 1)
    credential.cancel()
    assert isinstance(call.exception(PATIENCE), errors.SignInCancelledError)
    assert start(lambda: credential.get_token(OTHER)).result(PATIENCE).token
    assert len(tokens_sent(authority)) == 1


def test_an_interruption_before_the_refresh_token_was_sent(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that was to send it has begun, and sends nothing: the next call sends it, once."""
    credential = make()
    credential.get_token(SCOPE)
    go, workers = threading.Event(), []
    start_worker, begin = Worker.start, Worker.begin

    def started(worker: Worker[Any]) -> None:
        start_worker(worker)
        if worker._kept:
            workers.append(worker)
            raise ZeroDivisionError  # as an interruption, which would end the thread of the test's loop

    def begun(worker: Worker[Any], *args: Any, **options: Any) -> None:
        assert go.wait(PATIENCE)
        begin(worker, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "start", started)
        patch.setattr(Worker, "begin", begun)
        assert start(lambda: credential.get_token(OTHER)).exception(PATIENCE) is not None
        go.set()
        until_so(lambda: workers[0].done)
    assert authority.count(REFRESH) == 0
    assert credential.get_token(OTHER).token
    assert len(tokens_sent(authority)) == 1


def test_an_interruption_before_the_request_began(make_sync: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no request to look after."""

    def interrupt(_: Worker[Any]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "start", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make_sync().get_token(SCOPE)
    assert make_sync().get_token(SCOPE).token


# -- at the end of a request


def test_a_request_that_never_returns() -> None:
    """A program's transport may ignore its time limits; calls do not wait for it for ever."""
    redemption, ended = Redemption(), threading.Event()
    with redemption.request(SimpleNamespace(committed=True)):  # type: ignore[arg-type] # all that is looked at
        redemption.at_end(ended.set, within=0.0)
        assert ended.wait(PATIENCE)


def test_where_no_thread_can_be_had_for_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the request is waited for all the same."""

    def refused(_: threading.Thread) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    redemption, ended = Redemption(), threading.Event()
    with redemption.request(SimpleNamespace(committed=True)):  # type: ignore[arg-type] # all that is looked at
        monkeypatch.setattr(threading.Thread, "start", refused)
        redemption.at_end(ended.set, within=0.0)
        assert not ended.is_set()
    assert ended.is_set()


def test_a_request_that_ends_first() -> None:
    """There is nothing to wait for."""
    redemption, ended = Redemption(), threading.Event()
    with redemption.request(SimpleNamespace(committed=True)):  # type: ignore[arg-type] # all that is looked at
        assert redemption.is_under_way
    redemption.at_end(ended.set, within=AGES)
    assert ended.is_set()


# -- a lease that cannot be given back


@pytest.fixture
def stubborn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a program's store fail whenever it gives a lease back."""
    genuine = StoredCache.lease

    def lease(cache: StoredCache, name: str, seconds: float) -> Any:
        real = genuine(cache, name, seconds)

        def release() -> None:
            assert real is not None
            real.release()
            message = "the store is away"
            raise OSError(message)

        return real and SimpleNamespace(release=release)

    monkeypatch.setattr(StoredCache, "lease", lease)


@pytest.mark.usefixtures("stubborn")
def test_a_lease_that_cannot_be_given_back(make: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The call has its token, later calls do not wait for it, and the log says so once."""
    options = TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=bytes(32))
    credential = make(cache_persistence_options=options)
    for scope in (SCOPE, OTHER, THIRD):
        assert start(lambda scope=scope: credential.get_token(scope)).result(PATIENCE).token  # type: ignore[misc]
    assert caplog.text.count("The lease for a refresh could not be given back: OSError: the store is away") == 1


@pytest.mark.usefixtures("stubborn")
def test_an_interruption_stays_one_where_a_lease_cannot_be_given_back(make_sync: Any, tmp_path: Path) -> None:
    """KeyboardInterrupt reaches the program, and the next call signs in."""
    options = TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=bytes(32))

    def show(*shown: Any) -> None:
        if len(shows) == 0:
            shows.append("first")
            raise KeyboardInterrupt
        make_sync.approver(*shown)

    shows: list[str] = []
    credential = make_sync(cache_persistence_options=options, prompt_callback=show)
    with pytest.raises(KeyboardInterrupt):
        credential.get_token(SCOPE)
    assert start(lambda: credential.get_token(SCOPE)).result(PATIENCE).token


def test_a_reply_that_is_stored_late_passes_for_no_newer_one(
    make_sync: Any, authority: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other cache could not take the rotated refresh token, and another process has redeemed it since."""
    authority.configure(rotation="reject")
    now = [time.time() + 500]  # MSAL notes the time itself: a change of ours is later than its rows

    def credential() -> Any:
        place = TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=bytes(32))
        made = make_sync(cache_persistence_options=place)
        made._session.clock = lambda: now[0]
        return made

    def full() -> None:
        raise StoreError("no space left")

    first = credential()
    first.authenticate(scopes=[SCOPE])
    first.get_token(SCOPE, enable_cae=True)
    with monkeypatch.context() as patched:
        patched.setattr(first._session.cache(cae=True), "_save", full)
        first.get_token(OTHER)
    now[0] += 500
    credential().get_token(THIRD)
    now[0] += 500
    first.get_token(THIRD, enable_cae=True)
    sent = tokens_sent(authority)
    assert len(sent) == len(set(sent)) == 4
    assert len(make_sync.approver.prompts) == 1


def test_a_connection_that_another_request_has_by_now_is_not_cut() -> None:
    """An abandoned request makes way: the connection that it had before may carry a refresh token now."""
    near, far = socket.socketpair()
    connection = SimpleNamespace(sock=near)
    first, second = (Worker(lambda: None, lambda _: None, lambda _: None) for _ in range(2))
    with near, far:
        for worker in (first, second):
            worker.use(connection)
        first.cut()
        near.send(b"token")
        assert far.recv(10) == b"token"
        second.cut()
        assert far.recv(10) == b""


def test_work_that_makes_no_request_cuts_none() -> None:
    """A paste that nobody ends, and reads of a cache whose tasks were cancelled, leave a refresh time for its reply."""
    near, far = socket.socketpair()
    sent, over = threading.Event(), threading.Event()

    def redeem() -> None:
        worker = current_worker()
        assert worker is not None
        worker.begin(near, redeems=True, seen=False)
        worker.use(SimpleNamespace(sock=near))
        sent.set()
        assert over.wait(PATIENCE)

    with near, far:
        refresh = Worker(redeem, lambda _: None, lambda _: None, AGES)
        refresh.start()
        assert sent.wait(PATIENCE)
        assert not refresh.abandon()
        for _ in range(MOST_ABANDONED):
            other = Worker(lambda: over.wait(PATIENCE), lambda _: None, lambda _: None)
            other.start()
            assert not other.abandon()
        near.send(b"token")
        over.set()
        assert far.recv(10) == b"token"
