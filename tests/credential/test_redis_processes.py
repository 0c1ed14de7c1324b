"""Processes that share a token cache on a Redis server: each refresh token is sent once, whatever becomes of them."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from credential.processes import RedisSharingProcesses, ended, scopes
from doorcode.emulator import Emulator, Hang
from support.redis_server import RedisServer
from support.signing import PATIENCE, SCOPE

STOPPED_FOR = 4.0
"""Seconds that the lease of a process that is stopped lasts."""


@pytest.fixture
def shared(authority: Emulator, redis_server: RedisServer, cache_name: str) -> Iterator[RedisSharingProcesses]:
    """Give processes that share a cache with a sign-in; those that still run at the end are ended."""
    made = RedisSharingProcesses(authority, redis_server, cache_name)
    made.sign_in()
    yield from ended(made)  # type: ignore[misc] # it gives what it got


def test_no_refresh_token_is_sent_twice(shared: RedisSharingProcesses) -> None:
    """Each process gets tokens of its own, in its turn, and one for all is refreshed once."""
    same = SCOPE.replace("r.", "same.")
    processes = [
        shared.start([same, *scopes(number)], kind) for number, kind in enumerate(("sync", "aio", "sync", "aio"))
    ]
    shared.run()
    assert [process.outcomes() for process in processes] == [["token", "token"]] * 4
    shared.check()
    assert shared.authority.count("token:refresh_token") == 1 + 4
    assert shared.store().lease_holder("refresh") is None


def test_one_that_is_killed_lets_the_next_one_go_on(shared: RedisSharingProcesses) -> None:
    """On its own machine the others see that it is dead, and the refresh token that nobody redeemed still serves."""
    processes = {process.process.pid: process for process in (shared.start(scopes(n), "sync") for n in range(4))}
    shared.authority.faults.queue("token:refresh_token", Hang())
    shared.run()
    killed = shared.holder()
    processes[killed].process.kill()
    assert [process.outcomes() for pid, process in processes.items() if pid != killed] == [["token"]] * 3
    shared.check()


@pytest.mark.slow
@pytest.mark.parametrize("stops", ["with the lease", "about to send"])
def test_one_that_stays_stopped_is_passed_by(shared: RedisSharingProcesses, stops: str) -> None:
    """Its lease ends by itself; awake again it sees by the number that it has lost it, and uses what is there."""
    stopped = shared.start(scopes(9), "sync", stops=stops, lease_seconds=STOPPED_FOR)
    shared.run()
    stopped.wait_until_stopped()
    other = shared.start(scopes(1), "sync", lease_seconds=PATIENCE)
    assert other.hear() == "ready"
    other.say()
    assert other.outcomes() == ["token"]
    stopped.process.send_signal(signal.SIGCONT)
    assert stopped.outcomes() == ["token"]
    statuses = [record.status for record in shared.authority.requests_to("token:refresh_token")]
    assert statuses.count(200) == 2
    # What was about to be sent is sent when the process wakes, and refused: what another one has stored is used then.
    assert len(statuses) == 2 + (stops == "about to send")
    assert shared.authority.count("devicecode") == 0
