"""An emulator for all scripts, as new for each run of one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from doorcode.emulator import Emulator


@pytest.fixture(scope="session")
def authority() -> Iterator[Emulator]:
    """Give one running emulator; a stage resets it."""
    with Emulator(interval=1) as emulator:
        yield emulator
