"""How a process says whom it waits for."""

from __future__ import annotations

import pytest

from doorcode._core.flows.leases import LeaseHolder, waiting_for

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("holder", "who", "how_long"),
    [
        (None, "", ""),
        (LeaseHolder(), "", ""),
        (LeaseHolder(7), " (process 7)", ""),
        (LeaseHolder(7, "login1"), " (process 7 on login1)", ""),
        (LeaseHolder(7, "login1", NOW + 840), " (process 7 on login1)", ", for 14 minutes at most"),
        (LeaseHolder(7, "login1", NOW + 61), " (process 7 on login1)", ", for 2 minutes at most"),
        (LeaseHolder(7, "login1", NOW + 30), " (process 7 on login1)", ", for 1 minute at most"),
        (LeaseHolder(7, "login1", NOW - 30), " (process 7 on login1)", ", for 1 minute at most"),
        (LeaseHolder(until=NOW + 60), "", ", for 1 minute at most"),
    ],
)
def test_whom_a_process_waits_for(holder: LeaseHolder | None, who: str, how_long: str) -> None:
    """Its number, its machine and the time, each where it is known."""
    assert waiting_for(holder, NOW) == (
        f"Another process{who} is asking the user to sign in. This process waits for that sign-in{how_long}."
    )


@pytest.mark.parametrize(
    ("until", "left", "how_long"),
    [
        (840, 12.0, "12 seconds"),
        (840, 9.2, "10 seconds"),
        (840, 0.4, "1 second"),
        (840, 119.0, "119 seconds"),
        (840, 300.0, "5 minutes"),
        (60, 300.0, "1 minute"),
        (None, 12.0, "12 seconds"),
        (None, 600.0, "10 minutes"),
    ],
)
def test_a_process_waits_no_longer_than_its_own_timeout(until: float | None, left: float, how_long: str) -> None:
    """The user reads the shorter of the two times."""
    holder = LeaseHolder(7, until=None if until is None else NOW + until)
    assert waiting_for(holder, NOW, left).endswith(f"This process waits for that sign-in, for {how_long} at most.")
