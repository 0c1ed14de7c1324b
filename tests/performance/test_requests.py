"""What goes over the wire: counted, and compared with azure-identity on the same authority."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import azure.identity
import pytest
import urllib3.connection

import doorcode
from doorcode.emulator import Emulator
from support.signing import together

SCOPE = "https://r.example/.default"
OTHER = "https://s.example/.default"
THREADS = 32


def counts(library: Any, authority: Emulator) -> dict[str, int]:
    """Return the number of requests that each operation of a credential takes."""
    credential = library.DeviceCodeCredential(
        prompt_callback=authority.prompt_approver(), **authority.credential_options
    )
    operations: dict[str, Callable[[], object]] = {
        "sign in": lambda: credential.authenticate(scopes=[SCOPE]),
        "that token": lambda: credential.get_token(SCOPE),
        "another resource": lambda: credential.get_token(OTHER),
        "with CAE": lambda: credential.get_token(OTHER, enable_cae=True),
        "with claims": lambda: credential.get_token(OTHER, claims='{"access_token":{"x":null}}'),
        "many threads": lambda: together(THREADS, lambda _: credential.get_token("https://t.example/.default")),
    }
    found = {}
    for name, operation in operations.items():
        before = authority.count()
        operation()
        found[name] = authority.count() - before
    credential.close()
    return found


def test_no_operation_makes_more_requests_than_with_azure_identity(doorcode_emulator: Emulator) -> None:
    """Whatever is done: as many requests, or fewer."""
    doorcode_emulator.configure(interval=1)
    ours, theirs = counts(doorcode, doorcode_emulator), counts(azure.identity, doorcode_emulator)
    assert {name for name, count in ours.items() if count > theirs[name]} == set()
    assert ours["that token"] == 0
    assert ours["many threads"] == 1


def test_a_refresh_is_one_request_on_a_connection_that_is_there(
    doorcode_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Discovery is done once, and one connection serves the sign-in and everything after it."""
    doorcode_emulator.configure(interval=1)
    opened: list[object] = []
    connect = urllib3.connection.HTTPSConnection.connect

    def counting(self: urllib3.connection.HTTPSConnection) -> None:
        opened.append(self)
        connect(self)

    monkeypatch.setattr(urllib3.connection.HTTPSConnection, "connect", counting)
    with doorcode.DeviceCodeCredential(
        prompt_callback=doorcode_emulator.prompt_approver(), **doorcode_emulator.credential_options
    ) as credential:
        credential.authenticate(scopes=[SCOPE])
        before = doorcode_emulator.count()
        for number in range(3):
            credential.get_token(f"https://r{number}.example/.default")
        assert doorcode_emulator.count() - before == doorcode_emulator.count("token:refresh_token") == 3
    assert doorcode_emulator.count("discovery") == 1
    assert len(opened) == 1
