"""The leases that processes share: their names, who holds one, and what the user reads while this process waits."""

from __future__ import annotations

import math
from typing import Final

from doorcode._core.values import value_class

REFRESH_LEASE: Final = "refresh"
"""The name of the lease for a refresh."""
LONGEST_PROMPT: Final = 900.0
"""Seconds that other processes wait for a sign-in that does not say how long its prompt is valid: the usual lifetime
of a device code."""


@value_class(frozen=True, slots=True)
class LeaseHolder:
    """The process that holds a lease.

    Attributes:
        process: its number; None if unknown.
        host: the name of its machine, on one line; "" if unknown.
        until: when its work ends by the wall clock, in Unix seconds; None if it has not said so.
    """

    process: int | None = None
    host: str = ""
    until: float | None = None


_SHORT: Final = 120.0
"""Seconds below which this process's own time limit is told in seconds."""


def _count(number: float, unit: str) -> str:
    whole = max(1, math.ceil(number))
    return f"{whole} {unit}{'s' if whole > 1 else ''}"


def waiting_for(holder: LeaseHolder | None, now: float, left: float = math.inf) -> str:
    """Say which process this process waits for, and for how long at most.

    Args:
        holder: of the lease of the sign-in; None if unknown.
        now: the time in Unix seconds.
        left: seconds until this process's own time limit.
    """
    who, until = "", ""
    if holder is not None and holder.process is not None:
        who = f" (process {holder.process}{f' on {holder.host}' if holder.host else ''})"
    theirs = math.inf if holder is None or holder.until is None else max(1.0, holder.until - now)
    if left < min(theirs, _SHORT):
        until = f", for {_count(left, 'second')} at most"
    elif min(theirs, left) < math.inf:
        until = f", for {_count(min(theirs, left) / 60, 'minute')} at most"
    return f"Another process{who} is asking the user to sign in. This process waits for that sign-in{until}."
