"""Where the peers' sdists are: ``DOORCODE_PEER_SDISTS``, which the session ``peer`` of the noxfile sets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def sdists() -> Path:
    """Return the folder of the downloaded sdists."""
    folder = os.environ.get("DOORCODE_PEER_SDISTS")
    if folder is None:
        pytest.skip("the suites are fetched by `nox -s peer`")
    return Path(folder)
