"""Processes on many machines, and one server with their cache, which goes away and fails over now and then."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import pytest

from doorcode._core.flows import refresh
from doorcode._core.msal_cache.rows import StoredToken
from simulation.test_simulation import (
    CLOCK,
    FINE,
    KILLED,
    NETWORK,
    SEEDS,
    SLOW,
    STOPPED,
    UNTIL,
    check,
    cold,
    hourly,
    line,
    run,
    sign_outs,
    told,
    visitors,
)
from simulation.world import Odds, SimProcess, World

AWAY = Odds(latency=6.0, away=0.002)
FAILOVER = Odds(latency=6.0, failover=0.002)
EVERYTHING = Odds(
    0.08, 0.05, 0.002, 0.0, 0.004, 0.1, 0.05, stop=0.002, latency=6.0, away=0.001, failover=0.001
)  # fmt: skip
PLAYS: list[tuple[Callable[[World], None], str, Odds]] = [
    (play, name, odds)
    for play in (cold, hourly, line, visitors, sign_outs)
    for name, odds in {
        "fine": FINE, "slow": SLOW, "network": NETWORK, "clock": CLOCK, "stopped": STOPPED, "killed": KILLED,
        "away": AWAY, "failover": FAILOVER, "everything": EVERYTHING,
    }.items()
]  # fmt: skip
SCENARIOS = [
    pytest.param(
        play, odds, id=f"{play.__name__}, {name}", marks=() if odds in {FINE, EVERYTHING} else pytest.mark.slow
    )
    for play, name, odds in PLAYS
]


@pytest.fixture
def make_world(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Odds], World]:
    """Return what makes a world whose processes are on machines of their own, and whose clock is the library's."""
    for name, seconds in (("LOOK_AGAIN", 0.5), ("LOOK_OFTEN", 0.3), ("LOOK_SELDOM", 0.7)):
        monkeypatch.setitem(vars(refresh), name, seconds)

    def made(seed: int, odds: Odds) -> World:
        world = World(seed, odds, on_server=True)
        monkeypatch.setattr("doorcode._clock.monotonic", lambda: world.now)
        return world

    return made


@pytest.mark.parametrize(("play", "odds"), SCENARIOS)
def test_invariants(make_world: Callable[[int, Odds], World], play: Callable[[World], None], odds: Odds) -> None:
    """The invariants of files hold, but for what a server that goes away, or loses its last writes, explains.

    No refresh token is spent twice, and no user asked twice at one time, where the server was there all the time. Every
    call ends, whatever the server does.
    """
    for seed in SEEDS:
        world = make_world(seed, odds)
        play(world)
        for number, process in enumerate(world.processes):
            process.node = f"node{number}"
        run(world)
        if world.disturbed and play is sign_outs:
            world.ghosts.clear()  # a sign-out was among the writes that were lost
        check(world, odds)
        assert not world.blind, f"refreshed while the server was away: {world.blind}\n{told(world)}"
        if play in (cold, hourly, line) and odds in (FINE, SLOW):
            assert world.prompts == 1, told(world)


def test_what_a_sign_in_brought_during_an_outage_is_stored_after_it(
    make_world: Callable[[int, Odds], World],
) -> None:
    """Once the server is back, the next call of the process that signed in stores it, and others need no user."""
    for seed in SEEDS:
        world = make_world(seed, FINE)
        first = world.process("first")
        world.odds = Odds(away=1.0)
        world.task(first)
        run(world)
        world.odds = FINE
        world.task(first, "https://other/.default", at=world.now + 100)
        later = world.task(world.process("later", may_ask=False), at=world.now + 200)
        run(world, 2 * UNTIL)
        assert isinstance(later.outcome, StoredToken), told(world)
        assert world.prompts == 1, told(world)


def test_a_lease_over_a_prompt_outlasts_its_dead_holder_for_a_while_only(
    make_world: Callable[[int, Odds], World],
) -> None:
    """A process that dies while it asks delays the others for five minutes, and not for as long as its code lives."""
    for seed in SEEDS:
        world = make_world(seed, Odds(slow=1.0))
        dying = world.process("dying")
        world.task(dying)
        other = world.task(world.process("other"), at=40.0)

        def die(world: World = world, dying: SimProcess = dying) -> None:
            world._die(dying)
            world.odds = FINE

        heapq.heappush(world.requests, (35.0, -1, die))
        run(world)
        assert isinstance(other.outcome, StoredToken), told(world)
        assert world.now < 35.0 + 300 + 120, told(world)
