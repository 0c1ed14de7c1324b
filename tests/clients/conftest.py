"""What the clients of other libraries talk to, and the examples of docs/clients.md for them."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from clients.service import Service, serving
from doorcode import DeviceCodeCredential
from doorcode.emulator import Emulator
from support.examples import ROOT, examples, take_the_clouds_place

# Its clients pin versions of the others', so the session `clients` runs it in an environment of its own.
collect_ignore = [] if find_spec("azureml") else ["test_azure_ml.py"]

Run = Callable[..., dict[str, Any]]
PAGE = ROOT / "docs" / "clients.md"


class WithoutDiscovery(DeviceCodeCredential):
    """A credential that trusts the authority that a library names, as it does a cloud's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"disable_instance_discovery": True, **kwargs})


@pytest.fixture
def authority(doorcode_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Give the authority where every credential signs in, and which every client of this process trusts."""
    take_the_clouds_place(doorcode_emulator, tmp_path, monkeypatch)
    monkeypatch.setattr("doorcode._sync.device_code.DeviceCodeCredential", WithoutDiscovery)  # what libraries are given
    for name, value in doorcode_emulator.environment.items():
        monkeypatch.setenv(name, value)
    # aiohttp reads the system's certificates when it is imported, which was before this authority had one.
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", ssl.create_default_context())
    return doorcode_emulator


@pytest.fixture
def service(authority: Emulator) -> Iterator[Service]:
    """Give a server over HTTPS that answers what a test says, and keeps the requests."""
    with serving(Service(authority.verify), *authority.issue_server_certificate("127.0.0.1")) as running:
        yield running


@pytest.fixture
def run_example(authority: Emulator) -> Run:
    """Give what runs the examples of a section of the page, with some texts replaced; it returns their names."""

    def run_section(heading: str, replaced: Mapping[str, str] | None = None) -> dict[str, Any]:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        found = [each.parsed for each in examples(PAGE) if section(each.path, each.line) == heading]
        assert found, heading
        for text in found:
            exec(compile(with_replaced(text, replaced or {}), f"{PAGE.name}: {heading}", "exec"), namespace)  # noqa: S102
        return namespace

    return run_section


def with_replaced(text: str, replaced: Mapping[str, str]) -> str:
    """Return an example with addresses of this machine."""
    for there, here in replaced.items():
        text = text.replace(there, here)
    return text


def section(path: str, line: int) -> str:
    """Return the last heading before a line of a page."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()[:line]
    return next(text.removeprefix("## ") for text in reversed(lines) if text.startswith("## "))
