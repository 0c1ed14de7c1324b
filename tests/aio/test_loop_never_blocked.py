"""The event loop is never blocked: not by requests, files, keyrings, D-Bus or locks."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx

from aio.programs import RunProgram
from doorcode import TokenCachePersistenceOptions as Options
from doorcode.cache import RedisStore, StoreUnavailable
from doorcode.cache._ciphers.keyctl import key_calls
from doorcode.cache._locks.lock import CacheLock
from doorcode.cache._stores.kernel_keyring import KernelKeys
from doorcode.emulator import Emulator, Hang, Latency, Pending, Reset, TooManyRequests
from support import session_bus
from support.loops import Pulse, in_a_loop, reached, until
from support.redis_server import RedisServer
from support.session_bus import SessionBus
from support.signing import OTHER, PATIENCE, SCOPE
from support.timing import least

BUSY = 0.05
"""Seconds of its thread's processor time for which nothing may keep the loop busy."""


@dataclass(frozen=True)
class Place:
    """Where tokens are kept.

    Attributes:
        options: how a program asks for it.
        stuck: a context in which reading or writing it waits.
    """

    options: Options
    stuck: Callable[[], AbstractContextManager[None]] = field(repr=False)


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Generator[SessionBus, None, None]:
    """Give a desktop session's bus with an unlocked keyring."""
    missing = session_bus.missing()
    if missing:
        pytest.skip(f"not here: {missing}; apt-get install gnome-keyring dbus")
    with session_bus.running(tmp_path_factory.mktemp("session")) as running:
        yield running


def in_a_file(_request: pytest.FixtureRequest, home: Path) -> Place:
    """Keep tokens in a plain file."""
    path = home / "tokens"
    return Place(Options(path=path, allow_unencrypted_storage=True), lambda: locked(f"{path}.nocae"))


def sealed(_request: pytest.FixtureRequest, home: Path) -> Place:
    """Keep them encrypted with a key of the program's own."""
    path = home / "tokens"
    return Place(Options(path=path, encryption_key=bytes(32)), lambda: locked(f"{path}.nocae"))


def in_the_kernel(_request: pytest.FixtureRequest, home: Path) -> Place:
    """Keep them encrypted with a key in the kernel's keyring."""
    try:
        KernelKeys(key_calls()).probe()
    except StoreUnavailable as reason:
        pytest.skip(f"the kernel's keyring cannot be used: {reason}")
    name = f"doorcode.test.{os.urandom(6).hex()}"
    return Place(Options(name=name), lambda: locked(str(home / ".IdentityService" / f"{name}.nocae")))


def on_the_desktop(request: pytest.FixtureRequest, _home: Path) -> Place:
    """Keep them in a real gnome-keyring, over D-Bus."""
    bus: SessionBus = request.getfixturevalue("bus")
    request.getfixturevalue("monkeypatch").setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)
    return Place(Options(name=f"test.{os.urandom(6).hex()}"), lambda: stopped(bus.keyring))


def on_a_server(request: pytest.FixtureRequest, _home: Path) -> Place:
    """Keep them in Redis."""
    server: RedisServer = request.getfixturevalue("redis_server")
    name: str = request.getfixturevalue("cache_name")
    store = RedisStore(server.url, name=name, encryption_key=bytes(32), timeout=PATIENCE)
    assert server.process
    process = server.process.pid
    return Place(Options(store=store), lambda: stopped(process))


PLACES: dict[str, Any] = {
    "file": in_a_file,
    "Redis": on_a_server,
    "sealed file": sealed,
    "kernel keyring": pytest.param(in_the_kernel, marks=pytest.mark.keyring),
    "Secret Service": pytest.param(on_the_desktop, marks=pytest.mark.keyring),
}


@pytest.fixture(params=list(PLACES.values()), ids=list(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Give each place in which tokens can be kept."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    made: Place = request.param(request, tmp_path / "home")
    return made


@contextmanager
def locked(cache: str) -> Generator[None, None, None]:
    """Hold the lock of a cache, as another process does."""
    with CacheLock(f"{cache}.lockfile").hold():
        yield


@contextmanager
def stopped(process: int) -> Generator[None, None, None]:
    """Stop a process, as one that is swapped out."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


async def everything(make: Any, place: Place, authority: Emulator) -> None:
    """Do with a credential whatever touches the network, the disk or a keyring."""
    authority.approve_all()
    authority.faults.queue("token:device_code", Pending(), Reset(), TooManyRequests(), Latency(0.1))
    authority.faults.queue("token:refresh_token", Latency(0.1))
    async with make(prompt_callback=None, cache_persistence_options=place.options) as credential:
        await credential.authenticate(scopes=[SCOPE])
        await credential.get_token(OTHER)
        await credential.get_token(SCOPE, enable_cae=True)
        pending = await credential.begin(scopes=[SCOPE])
        await pending.wait()
        again = make(cache_persistence_options=place.options)
        await again.get_token_info(SCOPE)
        assert await again.accounts() == await credential.accounts()
        await asyncio.gather(*(again.get_token(f"https://{name}.example/.default") for name in "abc"))
        await credential.sign_out()


@pytest.mark.parametrize("debug", [False, True])
def test_no_blocking_call_is_made_on_the_loop(make: Any, authority: Emulator, place: Place, *, debug: bool) -> None:
    """Blockbuster raises at each call that can block: files, sockets, locks, sleeps."""

    async def main() -> None:
        asyncio.get_running_loop().set_debug(debug)
        await everything(make, place, authority)

    with blockbuster_ctx("doorcode", excluded_modules=["doorcode.emulator"]):
        in_a_loop(main)


def test_the_loop_beats_on(make: Any, authority: Emulator, place: Place) -> None:
    """During sign-in, refresh and cache writes nothing keeps the loop busy for more than 50 ms."""

    async def main() -> float:
        async with Pulse() as pulse:
            await everything(make, place, authority)
        return pulse.longest

    assert least(lambda: in_a_loop(main), BUSY) < BUSY


def test_it_beats_on_while_the_store_waits(make: Any, place: Place) -> None:
    """While another process holds the lock, or the keyring does not answer, only the call waits."""
    fresh = itertools.count()  # a token that an earlier measurement stored would not be stored again

    async def main() -> float:
        credential, newcomer = (make(cache_persistence_options=place.options) for _ in range(2))
        await credential.authenticate(scopes=[SCOPE])
        async with Pulse() as pulse:
            enough = pulse.after(40)
            stuck, over = threading.Event(), threading.Event()
            holding = asyncio.create_task(asyncio.to_thread(hold, place, stuck, enough, over))
            await until(stuck)
            reading = asyncio.create_task(newcomer.get_token(SCOPE))
            assert (await credential.get_token(f"https://r{next(fresh)}.example/.default")).token
            assert over.is_set()
            await asyncio.gather(reading, holding)
        return pulse.longest

    assert least(lambda: in_a_loop(main), BUSY) < BUSY


def hold(place: Place, stuck: threading.Event, enough: threading.Event, over: threading.Event) -> None:
    """Hold up a place until the loop has beaten long enough; it never does where the loop waits for the place."""
    with place.stuck():
        stuck.set()
        assert enough.wait(PATIENCE), "the loop stands still"
        over.set()


def test_it_beats_on_while_the_authority_does_not_answer(make: Any, authority: Emulator) -> None:
    """A request that takes long holds up nobody else."""

    async def main() -> float:
        authority.faults.queue("token:device_code", Hang())
        seen = authority.count("token:device_code")
        async with Pulse() as pulse:
            call = asyncio.create_task(make().get_token(SCOPE))
            await reached(authority.wait_for, "token:device_code", seen + 1)
            await until(pulse.after(20))
            assert not call.done()
            call.cancel()
        return pulse.longest

    assert least(lambda: in_a_loop(main), BUSY) < BUSY


@pytest.mark.parametrize(
    "slow", ["doorcode._session.session.open_cache", "doorcode._entra.msal_client.MsalApplication"]
)
def test_it_beats_on_while_a_cache_is_opened_or_msal_is_built(
    make: Any, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """Cancelling, beginning and signing in silently wait for no thread that opens a store or imports MSAL."""
    entered, go, passed = threading.Event(), threading.Event(), threading.Event()

    def wait(*_: object, **__: object) -> None:
        entered.set()
        if go.wait(PATIENCE):
            passed.set()
        message = "the test is over"
        raise RuntimeError(message)

    monkeypatch.setattr(slow, wait)

    async def main() -> None:
        credential = make()
        call = asyncio.create_task(credential.get_token(SCOPE))
        await until(entered)
        pending: Any = asyncio.get_running_loop().create_future()
        credential._session.started(pending)
        credential._session.refusals.forgive()
        credential.cancel()
        assert pending.cancelled()
        go.set()
        await asyncio.gather(call, return_exceptions=True)

    in_a_loop(main)
    assert passed.wait(PATIENCE), "the loop waited for the thread"


def test_it_beats_on_in_a_new_process(authority: Emulator, run_program: RunProgram) -> None:
    """The first sign-in, which loads MSAL and its cryptography, holds up nobody either."""
    authority.approve_all()
    assert least(lambda: float(run_program("first_sign_in", python=()).stdout), BUSY) < BUSY


def test_what_is_printed_is_printed_elsewhere(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the program's output may be slow: that holds up the sign-in, not the loop."""
    writers: list[threading.Thread] = []

    class Slow:
        encoding = "utf-8"

        def write(self, text: str) -> int:
            writers.append(threading.current_thread())
            return len(text)

        def flush(self) -> None:
            pass

    authority.approve_all()
    monkeypatch.setattr("sys.stdout", Slow())
    in_a_loop(lambda: make(prompt_callback=None).get_token(SCOPE))
    assert writers
    assert threading.main_thread() not in writers
