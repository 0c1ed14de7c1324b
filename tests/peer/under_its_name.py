"""A pytest plug-in: run azure-identity's own tests, against it or against doorcode in its place.

It is loaded into a process of its own, which runs the unpacked suite. ``PEER_PLACE`` says which library stands under
the name ``azure.identity``, and ``PEER_REPORT`` where the outcomes go. No test reaches a network beyond this machine.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import azure.identity
import azure.identity.aio
import pytest
from azure.core.pipeline.policies import RetryPolicy

import doorcode
import doorcode.aio
from doorcode._core.authorities import parse_authority
from doorcode._core.flows.device_code import Pace
from doorcode._entra.pipeline import user_agent

LOOPBACK: Final = ("127.", "::1", "localhost")
OUTCOMES: Final[dict[str, str]] = {}


def normalize_authority(text: str) -> str:
    """Return an authority as azure-identity's function of that name does: with its scheme."""
    return f"https://{parse_authority(text).netloc}"


def get_default_authority() -> str:
    """Return the authority of a credential that is given none."""
    return f"https://{doorcode.DeviceCodeCredential()._session.config.authority.netloc}"


STAND_INS: Final[dict[str, Any]] = {
    "azure.identity._credentials.chained.CredentialUnavailableError": doorcode.CredentialUnavailableError,
    "azure.identity.aio._credentials.chained.CredentialUnavailableError": doorcode.CredentialUnavailableError,
    "azure.identity._internal.InteractiveCredential": doorcode.InteractiveCredential,
    "azure.identity._internal.get_default_authority": get_default_authority,
    "azure.identity._internal.normalize_authority": normalize_authority,
    "azure.identity._internal.user_agent.USER_AGENT": user_agent(),
}
"""What stands for private names of azure-identity that its tests use and doorcode has too, under another name."""


def take_its_place() -> None:
    """Put doorcode's public names, and what stands for private ones, in the place of azure-identity's."""
    for theirs, ours in ((azure.identity, doorcode), (azure.identity.aio, doorcode.aio)):
        for name in ours.__all__:
            if hasattr(theirs, name):
                setattr(theirs, name, getattr(ours, name))
    for dotted, stand_in in STAND_INS.items():
        module, _, name = dotted.rpartition(".")
        setattr(import_module(module), name, stand_in)
    # Polls follow each other at once: how long to wait is tested in tests/core.
    Pace.pause = property(lambda _: 0.02)  # type: ignore[assignment, method-assign]


def stay_at_home() -> None:
    """Let no connection leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            raise ConnectionRefusedError(f"this run has no network: {address[0]}")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[assignment, method-assign]
    socket.getaddrinfo = _local_names(socket.getaddrinfo)


def _local_names(getaddrinfo: Any) -> Any:
    def guarded(host: Any, *args: Any, **options: Any) -> Any:
        if host is not None and not str(host).startswith(LOOPBACK):
            raise socket.gaierror(f"this run has no network: {host}")
        return getaddrinfo(host, *args, **options)

    return guarded


stay_at_home()
RetryPolicy.get_backoff_time = lambda *_: 0.0  # type: ignore[method-assign] # what does not answer does not do so later
if os.environ.get("PEER_PLACE") == "doorcode":
    take_its_place()


def pytest_configure(config: pytest.Config) -> None:
    """Know the suite's own marks."""
    for mark in ("asyncio", "manual", "prints", "live_test_only", "trio"):
        config.addinivalue_line("markers", f"{mark}: of the suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what wants somebody at a browser."""
    for item in items:
        if item.get_closest_marker("manual"):
            item.add_marker(pytest.mark.skip(reason="it wants somebody at a browser"))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine function on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how a test ended: the worst of its phases."""
    if report.when == "call" or report.outcome != "passed":
        OUTCOMES[report.nodeid] = report.outcome if report.outcome != "failed" else f"failed: {_words(report)}"


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a module that cannot be loaded."""
    if report.failed:
        OUTCOMES[report.nodeid] = f"failed: {report.longrepr}"


def pytest_sessionfinish() -> None:
    """Write the outcomes."""
    Path(os.environ["PEER_REPORT"]).write_text(json.dumps(OUTCOMES), encoding="utf-8")


def _words(report: pytest.TestReport) -> str:
    return str(report.longrepr)[-1500:]


assert "azure.identity" in sys.modules
