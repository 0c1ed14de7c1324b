"""Who joins a flight: for tests that wait until a call waits for another one's refresh or sign-in."""

from __future__ import annotations

from typing import Any

import pytest

from doorcode._session.singleflight import SingleFlight


def joins_of(monkeypatch: pytest.MonkeyPatch, kind: str | None = None) -> list[bool]:
    """Return a list of who joins a flight from now on: True for a caller that leads it, False for one that waits.

    Args:
        monkeypatch: puts itself in front of ``SingleFlight.join``.
        kind: the kind of the flights; None for all of them.
    """
    roles: list[bool] = []
    join = SingleFlight.join

    def join_and_tell(flights: SingleFlight, name: Any, *details: Any) -> Any:
        answer = join(flights, name, *details)
        if kind in (None, name[0]):
            roles.append(answer[1])
        return answer

    monkeypatch.setattr(SingleFlight, "join", join_and_tell)
    return roles
