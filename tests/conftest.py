"""What every test gets: a home of its own, nothing of the machine's, and skips that fail where all must run."""

from __future__ import annotations

import os
import shutil
import signal
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from doorcode.cache import RedisStore
from doorcode.emulator import Emulator
from support import azurite as azurite_program
from support import redis_server as redis_program
from support.signing import PATIENCE
from support.terminal import Terminal

pytest_plugins = ["doorcode.testing"]

# A deadline for each example is a timed test, and so is a limit to making examples: a busy machine fails it.
settings.register_profile("doorcode", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("doorcode")

# The sessions `peer` and `clients` bring what these run; nothing of it is kept here.
SESSIONS = {"peer": "DOORCODE_PEER_SDISTS", "clients": "DOORCODE_CLIENTS"}
collect_ignore = [folder for folder, variable in SESSIONS.items() if variable not in os.environ]

REQUIRE_ALL = "DOORCODE_REQUIRE_ALL"
NOT_OURS = {
    "ALL_PROXY",
    "CURL_CA_BUNDLE",
    "DBUS_SESSION_BUS_ADDRESS",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
}


def pytest_configure() -> None:
    """Let the processes that tests start take Ctrl-C: a shell ignores it for what it runs in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a test's skip into a failure where everything has to run."""
    report = yield
    if report.skipped and os.environ.get(REQUIRE_ALL) and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} must not be skipped ({REQUIRE_ALL} is set): {reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a whole module's skip into a failure where everything has to run."""
    report = yield
    if report.skipped and os.environ.get(REQUIRE_ALL):
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} must not be skipped ({REQUIRE_ALL} is set): {reason(report)}"
    return report


def reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why pytest skipped."""
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give each test a home of its own, and keep the machine's clouds, proxies, certificates and keyrings away."""
    for name in list(os.environ):
        if name.startswith("AZURE_") or name.upper() in NOT_OURS:
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Give a terminal whose commands have this process's environment."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not here")
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    running = Terminal(tmp_path / "tmux")
    yield running
    running.end()


@pytest.fixture
def azurite(doorcode_emulator: Emulator, tmp_path: Path) -> Iterator[str]:
    """Give the URL of an account of Azurite's, empty, with a certificate of the emulator's authority."""
    program = azurite_program.find()
    if program is None:
        pytest.skip("Azurite is not here: npm install azurite, and set DOORCODE_AZURITE to its azurite-blob")
    cert_file, key_file = doorcode_emulator.issue_server_certificate("127.0.0.1")
    with azurite_program.running(program, tmp_path, cert_file, key_file) as url:
        yield url


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis_program.RedisServer]:
    """Give one Redis server for the whole run, on a Unix socket; tests keep apart by the names of their caches."""
    with redis_program.running(tmp_path_factory.mktemp("redis")) as server, pytest.MonkeyPatch.context() as patched:
        # How soon a busy machine's Redis answers is not what tests are about, nor the examples of the documentation.
        defaults = RedisStore.__init__.__kwdefaults__ or {}
        patched.setitem(defaults, "timeout", PATIENCE)
        yield server


@pytest.fixture
def cache_name() -> str:
    """Return the name of a cache that no other test uses."""
    return uuid.uuid4().hex
