"""What the emulator's tests share: one server for all, and a client that trusts it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from doorcode.emulator import Emulator
from doorcode.testing import FakeClock, doorcode_emulator
from emulator.client import Client

__all__ = ["doorcode_emulator"]

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _no_other_ca(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's CA bundle away: requests prefers it to the one that a session was given."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


def session_for(authority: Emulator) -> requests.Session:
    """Return a session that trusts the CA of an emulator and takes nothing from the environment."""
    session = requests.Session()
    session.trust_env = False
    session.verify = authority.ca_file
    return session


@pytest.fixture
def authority(doorcode_emulator: Emulator) -> Emulator:
    """Give the authority of the run, as new."""
    return doorcode_emulator


@pytest.fixture
def client(authority: Emulator) -> Iterator[Client]:
    """Give a client of that authority."""
    with session_for(authority) as session:
        yield Client(authority, session)


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that shows the real time and stands still."""
    return FakeClock(float(int(time.time())))


@pytest.fixture
def timed(clock: FakeClock) -> Iterator[Client]:
    """Give a client of an authority that lives by ``clock``."""
    with Emulator(interval=5, clock=clock) as authority, session_for(authority) as session:
        yield Client(authority, session)
