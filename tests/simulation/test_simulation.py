"""Many processes, one store, one rotating authority, every step interleaved and anything going wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn

import pytest

from doorcode._core.flows import refresh
from doorcode._core.model import Failure, Reason
from doorcode._core.msal_cache.rows import StoredToken
from simulation.world import ADA, Odds, World


def seeds_of(setting: str) -> range:
    """Return the seeds that a setting names: so many of them, or with a colon, those from one to before another."""
    first, _, end = setting.rpartition(":")
    return range(int(first or 0), int(end))


SEEDS = seeds_of(os.environ.get("DOORCODE_SIMULATION_SEEDS", "10"))
"""The seeds of each scenario; the nightly session sets ten thousand."""
UNTIL = 20_000.0
"""Seconds after which everybody must have ended."""
GRACE = "grace"

FINE = Odds()
NETWORK = Odds(lost_request=0.15, lost_reply=0.1)
DEATH = Odds(death=0.003)
STORE = Odds(store_fault=0.2)
CLOCK = Odds(jump=0.01)
PEOPLE = Odds(decline=0.3, slow=0.2)
SLOW = Odds(latency=6.0)
STOPPED = Odds(latency=6.0, stop=0.003)
FROZEN = Odds(latency=6.0, stop=0.01, stopped_for=200 * UNTIL, most_stops=1)
KILLED = Odds(latency=6.0, death=0.003)
ALL = Odds(0.08, 0.05, 0.002, 0.1, 0.004, 0.1, 0.05, stop=0.002, latency=6.0)


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


def line(world: World) -> None:
    """Eight processes that want tokens of their own at one moment, and ask no user."""
    world.task(world.process("first"))
    for number in range(8):
        process = world.process(f"P{number}", may_ask=False)
        for each in range(2):
            world.task(process, f"https://p{number}/{each}", at=200 + world.random.uniform(0, 2), cae=bool(each))


def visitors(world: World) -> None:
    """A server with a credential for each visitor, and a command line of Ada's, on one store."""
    server = world.process("server", empty=True)
    for user in (ADA, GRACE, "eve"):
        session = server.credential(user, use_cached_account=False)
        for hour in range(2):
            for number in range(2):
                at = hour * 3700 + world.random.uniform(0, 20)
                world.task(server, f"https://r{number}/.default", session=session, at=at)
    shell = world.process("shell", empty=True)
    named = shell.credential(ADA, name="ada@contoso.example")
    for hour in range(2):
        world.task(shell, session=named, at=hour * 3700 + world.random.uniform(0, 90))


def nodes(world: World) -> None:
    """Two nodes that share a home directory, and no locks."""
    for number in range(4):
        process = world.process(f"P{number}", node=f"node{number % 2}")
        for hour in range(3):
            world.task(process, at=hour * 3700 + world.random.uniform(0, 5) + 1000 * bool(number) * (not hour))


def sign_outs(world: World) -> None:
    """Processes that ask again and again, while one of them signs the user out now and then."""
    for number in range(3):
        process = world.process(f"P{number}")
        for round_of in range(4):
            at = round_of * 1900 + world.random.uniform(0, 5)
            world.task(process, at=at)
            world.task(process, "https://other/.default", at=at)
        if number < 2:
            world.sign_out(process.session, process, at=world.random.uniform(1800, 5720))
    for round_of in range(2):
        late = world.process(f"late{round_of}", may_ask=False)
        late.born = 1900.0 + 1900 * round_of + 4
        world.task(late, at=late.born)


USUAL = {
    "fine": FINE, "network": NETWORK, "death": DEATH, "store": STORE, "clock": CLOCK, "people": PEOPLE, "all": ALL,
}  # fmt: skip
SLOWLY = {"slow": SLOW, "stopped": STOPPED, "frozen": FROZEN, "killed": KILLED, "all": ALL}
PLAYS: dict[Callable[[World], None], dict[str, Odds]] = {
    cold: USUAL | SLOWLY,
    hourly: USUAL | SLOWLY,
    crowd: USUAL,
    line: SLOWLY,
    visitors: USUAL | SLOWLY,
    nodes: {"fine": FINE, "slow": SLOW},
    sign_outs: USUAL | SLOWLY,
}
SCENARIOS = [
    # The scenarios with one kind of trouble are for finding the cause of what those with every kind show.
    pytest.param(play, odds, id=f"{play.__name__}, {name}", marks=() if odds in {FINE, ALL} else pytest.mark.slow)
    for play, each in PLAYS.items()
    for name, odds in each.items()
]


@pytest.fixture(autouse=True)
def _fewer_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process that waits look less often: each look is an event, and interleaved as any other."""
    for name, seconds in (("LOOK_AGAIN", 0.5), ("LOOK_OFTEN", 0.3), ("LOOK_SELDOM", 0.7)):
        monkeypatch.setitem(vars(refresh), name, seconds)


def told(world: World) -> str:
    """Return the schedule of a run, and how to repeat it, for the message of a failure."""
    test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
    again = f'DOORCODE_SIMULATION_SEEDS={world.seed}:{world.seed + 1} pytest "{test}"'
    return "\n".join([f"seed {world.seed}", *world.schedule, f"To run this seed again: {again}"])


def run(world: World, until: float = UNTIL) -> None:
    """Run a world; whatever goes wrong names the seed."""
    try:
        world.run(until=until)
    except Exception as error:  # noqa: BLE001 - pytest shows it too
        pytest.fail(f"{type(error).__name__}: {error}\n{told(world)}")


@pytest.mark.parametrize(("play", "odds"), SCENARIOS)
def test_invariants(play: Callable[[World], None], odds: Odds) -> None:
    """Whatever happens: one prompt at a time, no token spent twice, nothing acknowledged is lost, everybody ends."""
    for seed in SEEDS:
        world = World(seed, odds)
        play(world)
        run(world)
        check(world, odds)
        if play is not nodes and play is not visitors and play is not sign_outs and odds in (FINE, SLOW):
            assert world.prompts == 1, told(world)


def check(world: World, odds: Odds) -> None:
    """Check what must hold after every run."""
    assert not world.overlaps, f"two prompts at one time: {world.overlaps}\n{told(world)}"
    assert not world.strangers, f"another account: {world.strangers}\n{told(world)}"
    assert not world.ghosts, f"signed out, and handed out: {world.ghosts}\n{told(world)}"
    if odds.store_fault == 0:
        assert not world.needless, f"asked for nothing: {world.needless}\n{told(world)}"
        spends = world.authority.double_spends
        assert not spends, f"sent twice: {spends}\n{told(world)}"
    for task in world.tasks:
        if task.process.goes_on(UNTIL):
            assert task.ended, told(world)
            if isinstance(task.outcome, Failure):
                assert explained(task.outcome, task.process.session.config.may_ask, world), told(world)


def explained(failure: Failure, may_ask: bool, world: World) -> bool:  # noqa: FBT001 - whose failure it is
    """Return whether what went wrong explains a failure."""
    odds = world.odds
    late = odds.latency > 1 or odds.stop
    lost = odds.lost_request or odds.lost_reply
    signed_out = bool(world.sign_outs)  # one that cannot reach a store ends the sign-ins that are under way, too
    causes = {
        Reason.UNREACHABLE: lost or odds.stop,
        Reason.DECLINED: odds.decline,
        Reason.EXPIRED: odds.slow or lost or late,
        Reason.REFUSED: odds.lost_reply or odds.stop or signed_out,  # a code whose reply was lost; a sign-out meanwhile
        Reason.REQUIRED: not may_ask,
        Reason.CANCELLED: signed_out,
    }
    return bool(causes.get(failure.reason))


def test_a_long_line_needs_nobody() -> None:
    """Eight processes at an authority that takes seconds: each refreshes in its turn, and none fails."""
    for seed in SEEDS:
        world = World(seed, SLOW)
        line(world)
        run(world)
        assert all(isinstance(task.outcome, StoredToken) for task in world.tasks), told(world)


def test_what_was_acknowledged_is_there_for_the_next_process() -> None:
    """After any run in which the store took writes, a new process needs no user.

    The exception is a refresh token that works once and whose reply was lost: no client has its successor.
    """
    for seed in SEEDS:
        world = World(seed, NETWORK)
        cold(world)
        run(world)
        lost = any(spent.lost for spent in world.authority.spent.values())
        if lost or not any(isinstance(task.outcome, StoredToken) for task in world.tasks):
            continue
        world.odds = FINE
        later = world.task(world.process("later", may_ask=False), at=world.now)
        run(world, 2 * UNTIL)
        assert isinstance(later.outcome, StoredToken), told(world)


@pytest.mark.parametrize(
    ("setting", "seeds"), [("3", [0, 1, 2]), ("7:8", [7]), ("7:10", [7, 8, 9])], ids=["count", "one", "range"]
)
def test_the_setting_names_a_number_of_seeds_or_a_range(setting: str, seeds: list[int]) -> None:
    """A number starts at seed 0, as the nightly session does; a range repeats the seeds of a failure."""
    assert list(seeds_of(setting)) == seeds


def test_a_failure_names_its_seed_and_how_to_run_it_again(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the code under test does so too, not only a broken invariant."""
    world = World(7, FINE)
    cold(world)
    monkeypatch.setattr(world.authority, "code", broken)
    with pytest.raises(pytest.fail.Exception) as failed:
        run(world)
    message = str(failed.value)
    assert message.startswith("ZeroDivisionError: broken\nseed 7\n")
    assert message.endswith(f'DOORCODE_SIMULATION_SEEDS=7:8 pytest "{request.node.nodeid}"')


def broken(_user: str) -> NoReturn:
    """Fail."""
    raise ZeroDivisionError("broken")
