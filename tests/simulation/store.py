"""The simulated store: the bytes of one cache, and its leases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doorcode.cache._errors import StoreError
from doorcode.cache._protocol import Conflict, Lease, Loaded, Stamp

if TYPE_CHECKING:
    from simulation.world import SimProcess, World


@dataclass
class SimStore:
    """The bytes of one cache, shared by every process; compare-and-set, and leases that end as a file's do.

    A lease ends with its process, and when its holder has needed longer than it said. Where nodes share no locks, each
    node has leases of its own.
    """

    world: World
    data: bytes | None = None
    version: int = 0
    leases: dict[tuple[str, str], SimLease] = field(default_factory=dict)
    seen: dict[tuple[SimProcess, str], tuple[SimLease, int, float]] = field(default_factory=dict)

    encrypted = True

    def load(self) -> Loaded:
        """Return the content."""
        return Loaded(self.data, self.stamp())

    def stamp(self) -> Stamp:
        """Return the stamp."""
        return None if self.data is None else str(self.version)

    def save(self, data: bytes, expected: Stamp) -> Stamp | Conflict:
        """Replace the content, unless the disk is full."""
        if self.world.chance(self.world.odds.store_fault):
            self.world.note("the store refuses a write")
            raise StoreError("disk full")
        if expected != self.stamp():
            return Conflict(self.data, self.stamp())
        self.data, self.version = data, self.version + 1
        return self.stamp()

    def delete(self) -> None:
        """Remove the content."""
        self.data, self.version = None, self.version + 1

    def describe(self) -> str:
        """Say which store this is."""
        return "the simulated store"

    def lease(self, name: str, seconds: float) -> Lease | None:
        """Try once to take a lease."""
        process = self.world.running
        assert process is not None
        key = (process.node, name)
        held = self.leases.get(key)
        if held is not None and held.process.alive and not self._is_overdue(held, process, name):
            return None
        self.leases[key] = lease = SimLease(self, key, process)
        lease.renew(seconds)
        return lease

    def _is_overdue(self, held: SimLease, process: SimProcess, name: str) -> bool:
        """Tell whether a process has waited for a lease for longer than its holder said it would need."""
        seen = self.seen.get((process, name))
        if seen is None or seen[:2] != (held, held.renewals):
            seen = self.seen[process, name] = held, held.renewals, self.world.now + max(2.0, held.left)
        return self.world.now > seen[2]


@dataclass(eq=False)
class SimLease:
    """A lease of the simulated store."""

    store: SimStore
    key: tuple[str, str]
    process: SimProcess
    seconds: float = 0.0
    until: float | None = None
    renewals: int = 0

    @property
    def left(self) -> float:
        """Return for how long another process waits that sees it now for the first time."""
        return self.seconds if self.until is None else min(self.seconds, self.until - self.store.world.wall)

    def renew(self, seconds: float, until: float | None = None) -> bool:
        """Hold it from now on; False where another process has it."""
        if self.store.leases.get(self.key) is not self:
            return False
        self.seconds, self.until, self.renewals = seconds, until, self.renewals + 1
        return True

    def release(self) -> None:
        """Let the next one have it."""
        if self.store.leases.get(self.key) is self:
            del self.store.leases[self.key]
