"""Servers that real Azure SDK clients talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from doorcode.emulator import Emulator
from support.vault import Vault, serving


@pytest.fixture
def vault(doorcode_emulator: Emulator) -> Iterator[Vault]:
    """Give a vault of the tenant that is always there, without secrets."""
    empty = Vault(doorcode_emulator.url, doorcode_emulator.tenant_id, doorcode_emulator.verify)
    with serving(empty, *doorcode_emulator.issue_server_certificate("127.0.0.1")) as running:
        yield running
