"""Many processes, one store, one rotating authority, every step interleaved and anything going wrong."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from doorcode._core.msal_cache.lookup import StoredToken
from doorcode._core.steps import Failure, Reason
from simulation.world import Odds, World

SEEDS = int(os.environ.get("DOORCODE_SIMULATION_SEEDS", "100"))
"""Seeds per scenario; the nightly session sets ten thousand."""

FINE = Odds()
NETWORK = Odds(lost_request=0.15, lost_reply=0.1)
DEATH = Odds(death=0.003)
STORE = Odds(store_fault=0.2)
CLOCK = Odds(jump=0.01)
PEOPLE = Odds(decline=0.3, slow=0.2)
ALL = Odds(0.08, 0.05, 0.002, 0.1, 0.004, 0.1, 0.05)


def cold(world: World) -> None:
    """Three processes, two tasks each, nothing cached."""
    for number in range(3):
        process = world.process(f"P{number}")
        world.task(process)
        world.task(process, "https://other/.default", at=world.random.uniform(0, 30))


def hourly(world: World) -> None:
    """Four processes that ask again and again for two hours, so that everybody has to refresh."""
    for number in range(4):
        process = world.process(f"P{number}")
        for hour in range(3):
            at = hour * 3700 + world.random.uniform(0, 5)
            world.task(process, at=at)
            world.task(process, cae=True, at=at)


def crowd(world: World) -> None:
    """Many tasks of one process at one moment."""
    process = world.process("P")
    for number in range(16):
        world.task(process, f"https://r{number % 3}/.default")


SCENARIOS: dict[str, tuple[Callable[[World], None], Odds]] = {
    f"{play.__name__}, {name}": (play, odds)
    for play in (cold, hourly, crowd)
    for name, odds in {
        "fine": FINE, "network": NETWORK, "death": DEATH, "store": STORE, "clock": CLOCK, "people": PEOPLE, "all": ALL,
    }.items()
}  # fmt: skip


def told(world: World) -> str:
    """Return the schedule of a run, for the message of a failure."""
    return f"seed {world.seed}\n" + "\n".join(world.schedule)


@pytest.mark.parametrize(("play", "odds"), SCENARIOS.values(), ids=SCENARIOS)
def test_invariants(play: Callable[[World], None], odds: Odds) -> None:
    """Whatever happens: one prompt at a time, no token spent twice, nothing acknowledged is lost, everybody ends."""
    for seed in range(SEEDS):
        world = World(seed, odds)
        play(world)
        try:
            world.run(until=20_000)
        except AssertionError as error:
            pytest.fail(f"{error}\n{told(world)}")
        check(world, odds)


def check(world: World, odds: Odds) -> None:
    """Check what must hold after every run."""
    assert not world.overlaps, f"two prompts at one time: {world.overlaps}\n{told(world)}"
    if odds.store_fault == odds.lost_reply == 0:
        assert not world.authority.double_spends, f"{world.authority.double_spends}\n{told(world)}"
    for task in world.tasks:
        if task.process.alive:
            assert task.outcome is not None, told(world)
            if isinstance(task.outcome, Failure):
                assert explained(task.outcome, odds), f"{task.name}: {task.outcome}\n{told(world)}"
    if odds == FINE:
        assert world.prompts == 1, told(world)


def explained(failure: Failure, odds: Odds) -> bool:
    """Return whether what went wrong explains a failure."""
    causes = {
        Reason.UNREACHABLE: odds.lost_request or odds.lost_reply,
        Reason.DECLINED: odds.decline,
        Reason.EXPIRED: odds.slow or odds.lost_request or odds.lost_reply,
        Reason.REFUSED: odds.lost_reply,  # a code that was redeemed by a poll whose reply was lost
    }
    return bool(causes.get(failure.reason))


def test_what_was_acknowledged_is_there_for_the_next_process() -> None:
    """After any run in which the store took writes, a new process needs no person."""
    for seed in range(SEEDS):
        world = World(seed, NETWORK)
        cold(world)
        world.run(until=20_000)
        if not any(isinstance(task.outcome, StoredToken) for task in world.tasks):
            continue
        world.odds = FINE
        later = world.task(world.process("later", may_ask=False), at=world.now)
        world.run(until=40_000)
        assert isinstance(later.outcome, StoredToken), told(world)
