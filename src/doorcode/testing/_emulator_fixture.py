"""A fixture that gives each test a fresh authority, on one server for the whole run."""

from __future__ import annotations

from typing import Final

import pytest

from doorcode.emulator import Emulator

RUNNING: Final = pytest.StashKey[Emulator]()


@pytest.fixture
def doorcode_emulator(request: pytest.FixtureRequest) -> Emulator:
    """Return a running `doorcode.emulator.Emulator`, which is reset for each test.

    The server, its port and its CA stay for the whole run; users, tokens, settings, faults and counters are reset.
    """
    stash = request.config.stash
    emulator = stash.get(RUNNING, None)
    if emulator is None:
        emulator = stash[RUNNING] = Emulator(interval=1).start()
        request.config.add_cleanup(emulator.stop)
    emulator.reset()
    return emulator
