"""Who holds a lease that other processes wait for, and how they say so."""

from __future__ import annotations

import math
from typing import Final

from doorcode._core.values import dataclass

LONGEST_PROMPT: Final = 900.0
"""Seconds that other processes wait for a sign-in that does not say how long its prompt lives: as long as a device code
commonly does."""


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


def waiting_for(holder: LeaseHolder | None, now: float) -> str:
    """Say whom this process waits for, and for how long at most.

    Args:
        holder: of the lease of the sign-in; None where that is not known.
        now: the time in Unix seconds.
    """
    who, until = "", ""
    if holder is not None and holder.process is not None:
        who = f" (process {holder.process}{f' on {holder.host}' if holder.host else ''})"
    if holder is not None and holder.until is not None:
        minutes = max(1, math.ceil((holder.until - now) / 60))
        until = f", for {minutes} minute{'s' if minutes > 1 else ''} at most"
    return f"Another process{who} is asking the user to sign in. This process waits for that sign-in{until}."
