"""No password of the machine's own is sent to the authority."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.pipeline.policies import HeadersPolicy
from azure.core.pipeline.transport import RequestsTransport

from doorcode.emulator import Emulator, Reply
from support.proxy import proxy
from support.signing import OTHER, SCOPE, outcome

ENTRIES = {
    "default": "default login me password hunter2\n",
    "host": "machine 127.0.0.1 login me password hunter2\nmachine localhost login me password hunter2\n",
}


@pytest.fixture(params=[(place, entry) for place in ("NETRC", ".netrc", "_netrc") for entry in ENTRIES], ids="-".join)
def netrc(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the user a file of passwords, wherever requests looks for one, with an entry that fits the authority."""
    place, entry = request.param
    file = tmp_path / (place if place != "NETRC" else "passwords")
    file.write_text(ENTRIES[entry])
    file.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    if place == "NETRC":
        monkeypatch.setenv("NETRC", str(file))


def sent(authority: Emulator) -> set[str | None]:
    """Return what requests authenticated with."""
    return {request.headers.get("authorization") for request in authority.requests}


@pytest.mark.usefixtures("netrc")
def test_a_file_of_passwords(make: Any, authority: Emulator) -> None:
    """Neither discovery, the code, a poll nor a refresh carries a password out of it."""
    credential = make()
    credential.get_token(SCOPE)
    credential.get_token(OTHER)
    assert sent(authority) == {None}


def session(authority: Emulator) -> requests.Session:
    """Return a session as a program makes one."""
    made = requests.Session()
    made.verify = authority.ca_file
    return made


@pytest.mark.parametrize("netrc", [("NETRC", "default")], indirect=True, ids="-".join)
@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize(
    "options",
    [
        lambda authority: {"transport": RequestsTransport(connection_verify=authority.ca_file)},
        lambda authority: {"session": session(authority)},
        lambda authority: {"policies": [HeadersPolicy({"x-mine": "yes"})]},
    ],
    ids=["transport", "session", "policies"],
)
def test_a_transport_of_the_programs(make: Any, authority: Emulator, options: Any) -> None:
    """Nor does a request through a transport, a session or policies of the program's own."""
    make(**options(authority)).get_token(SCOPE)
    assert sent(authority) == {None}


@pytest.mark.parametrize("netrc", [("NETRC", "default")], indirect=True, ids="-".join)
@pytest.mark.usefixtures("netrc")
def test_what_the_program_authenticates_with_is_sent(make: Any, authority: Emulator) -> None:
    """A header or an ``auth`` that the program gave goes out, as the program wrote it."""
    make(headers={"Authorization": "Bearer mine"}).get_token(SCOPE)
    assert sent(authority) == {"Bearer mine"}
    authority.reset_counters()
    own = session(authority)
    own.auth = ("program", "own")
    make(session=own).get_token(SCOPE)
    assert sent(authority) == {"Basic " + base64.b64encode(b"program:own").decode()}


@pytest.mark.parametrize("netrc", [("NETRC", "default")], indirect=True, ids="-".join)
@pytest.mark.usefixtures("netrc")
def test_the_rest_of_the_environment_counts(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies and certificates of the environment are used, and neither is with use_env_settings=False."""
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        with proxy() as running, monkeypatch.context() as patch:
            patch.setenv("HTTPS_PROXY", running.url)
            patch.setenv(variable, authority.ca_file)
            make(connection_verify=None).get_token(SCOPE)
            assert set(running.tunnels) == {authority.host}
            running.tunnels.clear()
            make(use_env_settings=False).get_token(SCOPE)
            assert running.tunnels == []
    assert sent(authority) == {None}


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Another host, which is to be asked nothing."""

    asked: list[str]

    def do_POST(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    do_GET = do_POST  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Run another host; give its address and what it was asked."""
    asked: list[str] = []
    server = http.server.HTTPServer(("127.0.0.1", 0), type("Handler", (Elsewhere,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://localhost:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("endpoint", ["discovery", "devicecode", "token"])
def test_a_redirect_is_not_followed(
    make: Any, authority: Emulator, elsewhere: tuple[str, list[str]], endpoint: str, status: int
) -> None:
    """A request with a code or a token goes to the authority that the program named, and nowhere else."""
    place, asked = elsewhere
    authority.faults.queue(endpoint, Reply(status, b"", "text/plain", headers={"Location": f"{place}/x"}))
    outcome(lambda: make(retry_total=0, timeout=3).get_token(SCOPE))
    assert asked == []
