"""pyodbc's token structure, and the device login that mssql-python makes itself."""

from __future__ import annotations

import struct
import sys
from types import SimpleNamespace
from typing import Any

import pytest

import doorcode
from clients.conftest import Run
from doorcode.emulator import Emulator

AUDIENCE = "https://database.windows.net"


def test_pyodbc(run_example: Run, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The structure has the length in bytes, and the token in UTF-16."""
    given: dict[str, Any] = {}
    stand_in = SimpleNamespace(connect=lambda _text, **options: given.update(options))
    monkeypatch.setitem(sys.modules, "pyodbc", stand_in)  # the real one needs a driver manager, and a server
    monkeypatch.setattr("doorcode.install_as_azure_identity", lambda: None)
    names = run_example("SQL Server")
    names["connect"]("letters")
    names["connect"]("letters")
    (length,) = struct.unpack_from("<I", given["attrs_before"][1256])
    token = given["attrs_before"][1256][4:]
    assert len(token) == length
    assert authority.verify(token.decode("utf-16-le"))["aud"] == AUDIENCE
    assert authority.count("devicecode") == 1


def test_mssql_pythons_device_login(authority: Emulator) -> None:
    """It asks silently first, then the user, and silently for the next connection."""
    from mssql_python.auth import AADAuth

    with doorcode.install_as_azure_identity():
        first = AADAuth.get_token("devicecode")
        assert AADAuth.get_token("devicecode") == first
    assert authority.verify(first[4:].decode("utf-16-le"))["aud"] == AUDIENCE
    assert authority.count("devicecode") == 1
    (request,) = authority.requests_to("devicecode")
    assert request.headers["user-agent"].startswith("azsdk-python-doorcode/")
