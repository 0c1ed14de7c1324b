"""Who holds a lease that other processes wait for."""

from __future__ import annotations

from doorcode._core.values import dataclass


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """Who holds a lease.

    Attributes:
        process: its number; None where that is not known.
        host: the name of its machine, on one line; "" where that is not known.
        until: the wall clock's time at which what it does is over, in Unix seconds; None where it has not said.
    """

    process: int | None = None
    host: str = ""
    until: float | None = None
