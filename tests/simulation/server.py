"""The simulated server: a cache on it is compared and set, its leases end by themselves, and it is not always there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn

from doorcode.cache._errors import StoreError
from doorcode.cache._protocol import Conflict, Lease, Loaded, Stamp

if TYPE_CHECKING:
    from simulation.world import SimProcess, World

LONGEST_OUTAGE = 60.0
"""Seconds for which the server is away at most."""
LONGEST_LAG = 2.0
"""Seconds by which the copy that takes over is behind at most."""
NOTICED = 1.0
"""Seconds after which a process knows that the server is away: it asks once more before each refresh."""
LONGEST = 300.0
"""Seconds for which a lease outlasts its holder at most: a longer one is extended while its holder runs."""


@dataclass(frozen=True)
class Copy:
    """What the server holds at one time."""

    at: float
    data: bytes | None = None
    stamp: Stamp = None
    leases: dict[str, SimServerLease] = field(default_factory=dict)


@dataclass
class SimServer:
    """The bytes of one cache on a server, for processes of all nodes.

    Attributes:
        copies: what it held, the last seconds of it; the last one counts.
        away_since: when it went away last.
        away_until: when it is back.
    """

    world: World
    written: int = 0
    copies: list[Copy] = field(default_factory=lambda: [Copy(0.0)])
    away_since: float = 0.0
    away_until: float = 0.0

    encrypted = True
    remote = True

    @property
    def now(self) -> Copy:
        """Return what it holds."""
        return self.copies[-1]

    def load(self) -> Loaded:
        """Return the content."""
        self._answers()
        return Loaded(self.now.data, self.now.stamp)

    def stamp(self) -> Stamp:
        """Return the stamp."""
        self._answers()
        return self.now.stamp

    def save(self, data: bytes, expected: Stamp) -> Stamp | Conflict:
        """Replace the content, if it is still what the caller knew."""
        self._answers()
        if self.now.stamp != expected:
            return Conflict(self.now.data, self.now.stamp)
        self.written += 1  # no stamp comes back, whichever copy takes over
        self._keep(replace(self.now, data=data, stamp=f"S{self.written}"))
        if self.world.chance(self.world.odds.away):
            self._go_away()  # before it says that it has written
        return self.now.stamp

    def delete(self) -> None:
        """Remove the content."""
        self._answers()
        self._keep(replace(self.now, data=None, stamp=None))

    def describe(self) -> str:
        """Say which store this is."""
        return "the simulated server"

    def lease(self, name: str, seconds: float) -> Lease | None:
        """Try once to take a lease."""
        self._answers()
        process = self.world.running
        assert process is not None
        held = self.now.leases.get(name)
        if held is not None and not held.has_ended():
            return None
        lease = SimServerLease(self, name, process, self.world.now, seconds)
        self._keep(replace(self.now, leases={**self.now.leases, name: lease}))
        return lease

    def holds(self, lease: SimServerLease) -> bool:
        """Tell whether a lease is the one that counts."""
        self._answers()
        return self.now.leases.get(lease.name) is lease

    def drop(self, lease: SimServerLease) -> None:
        """Give a lease back."""
        if self.holds(lease):
            self._keep(replace(self.now, leases={n: each for n, each in self.now.leases.items() if each is not lease}))

    def is_used_blindly(self, secret: str) -> bool:
        """Tell whether a process that has had the time to notice an outage redeems what the server holds."""
        now = self.world.now
        return self.away_since + NOTICED < now < self.away_until and secret.encode() in (self.now.data or b"")

    def _keep(self, copy: Copy) -> None:
        since = self.world.now - LONGEST_LAG
        recent = [each for each in self.copies if each.at >= since]
        last = [each for each in self.copies if each.at < since][-1:]
        self.copies = [*last, *recent, replace(copy, at=self.world.now)]

    def _answers(self) -> None:
        """Answer, or not: the server may go away now, or fail over to a copy that lacks the last writes."""
        world = self.world
        if world.now < self.away_until:
            raise StoreError("the server does not answer in time")
        if world.chance(world.odds.failover):
            until = world.now - world.random.uniform(0, LONGEST_LAG)
            older = [each for each in self.copies if each.at <= until] or self.copies[:1]
            self.copies = [older[-1]]
            world.disturb("the server fails over to an older copy")
        if world.chance(world.odds.away):
            self._go_away()

    def _go_away(self) -> NoReturn:
        world = self.world
        self.away_since = world.now
        self.away_until = world.now + world.random.uniform(0, LONGEST_OUTAGE)
        world.disturb("the server goes away")
        raise StoreError("the server does not answer in time")


@dataclass(eq=False)
class SimServerLease:
    """A lease on the server, which ends by the server's clock."""

    server: SimServer
    name: str
    process: SimProcess
    since: float
    seconds: float
    dead_since: float | None = None

    def has_ended(self) -> bool:
        """Tell whether its time is over; over a prompt it is extended for as long as its holder runs."""
        now, end = self.server.world.now, self.since + self.seconds
        if self.seconds > LONGEST:
            end = min(end, self._extended_last() + LONGEST)
        return now >= end

    def renew(self, seconds: float, until: float | None = None) -> bool:
        """Hold it from now on; False where another process has it, or the server cannot tell."""
        del until
        try:
            if not self.server.holds(self) or self.has_ended():
                return False
        except StoreError:
            return False
        self.since, self.seconds = self.server.world.now, seconds
        return True

    def release(self) -> None:
        """Let the next one have it."""
        try:
            self.server.drop(self)
        except StoreError:
            return  # it ends by itself

    def _extended_last(self) -> float:
        world = self.server.world
        if not self.process.alive:
            self.dead_since = world.now if self.dead_since is None else self.dead_since
            return self.dead_since
        return self.process.stops[-1][0] if self.process.stopped_until > world.now else world.now
