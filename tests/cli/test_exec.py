from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import pytest

from cli.conftest import Command
from doorcode._cli import token_endpoint
from doorcode._cli.exec_command import child_environment, tokens_of
from doorcode._cli.fast_token import AccountChoice
from doorcode._cli.options import account_named, silent_credential
from doorcode._cli.token_endpoint import RequestRefusedError, TokenEndpoint
from doorcode.emulator import Emulator
from support.started import started

VAULT = "https://vault.azure.net"


class Token(NamedTuple):
    token: str = "made-up"
    token_type: str = "Bearer"
    expires_on: int = 1_900_000_000


class Answer(NamedTuple):
    status: int
    body: dict[str, object]


@pytest.fixture
def asked() -> list[str]:
    """Give a list of what the endpoint was asked for."""
    return []


@pytest.fixture
def endpoint(asked: list[str]) -> Iterator[TokenEndpoint]:
    """Give an endpoint that has a token for everything that is allowed."""

    def get_token(resource: str) -> Token:
        asked.append(resource)
        return Token()

    with closing(TokenEndpoint(get_token, frozenset({VAULT}))) as running:
        yield running


def ask(endpoint: TokenEndpoint, path: str | None = None, *, method: str = "GET", **headers: str) -> Answer:
    """Send a request as an SDK does; a header of None is left out."""
    connection = HTTPConnection("127.0.0.1", endpoint.port, timeout=30)
    with closing(connection):
        connection.putrequest(method, path or query(VAULT), skip_host=True)
        given = {
            "Host": f"127.0.0.1:{endpoint.port}",
            "X-IDENTITY-HEADER": endpoint.environment["IDENTITY_HEADER"],
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        for name, value in given.items():
            if value:
                connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return Answer(response.status, json.loads(response.read()))


def query(resource: str, version: str = "2019-08-01", more: str = "") -> str:
    """Return the path and query of a request."""
    return f"/msi/token?api-version={version}&resource={quote(resource, safe='')}{more}"


def test_a_request_with_the_secret_gets_a_token(endpoint: TokenEndpoint) -> None:
    """In the form of App Service's protocol; which identity is named makes no difference."""
    expected = {
        "access_token": "made-up",
        "expires_on": "1900000000",
        "resource": VAULT,
        "token_type": "Bearer",
    }
    assert ask(endpoint) == (200, expected)
    assert ask(endpoint, query(VAULT, more="&client_id=0-0")) == (200, expected)
    assert ask(endpoint, Host=f"localhost:{endpoint.port}").status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_IDENTITY_HEADER": ""}, 401),
        ({"X_IDENTITY_HEADER": "wrong"}, 401),
        ({"X_IDENTITY_HEADER": "schl\xfcssel"}, 401),
        ({"Host": ""}, 403),
        ({"Host": "rebound.example"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "null"}, 403),
        ({"host": "rebound.example"}, 403),  # a second one, in another case
        ({"x_identity_header": "guess"}, 401),
    ],
)
def test_whoever_is_no_child_gets_nothing(
    endpoint: TokenEndpoint, asked: list[str], headers: dict[str, str], status: int
) -> None:
    """Without the secret, under another name, or from a browser; the answer lists nothing."""
    answer = ask(endpoint, **headers)
    assert answer == (status, {"statusCode": status, "message": HTTPStatus(status).phrase})
    assert asked == []


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_slash_at_the_end_makes_no_other_resource(ending: str) -> None:
    """SDKs differ in it; the token is for what the child asks."""
    asked: list[str] = []

    def get_token(resource: str) -> Token:
        asked.append(resource)
        return Token()

    with closing(TokenEndpoint(get_token, frozenset({VAULT + ending}))) as endpoint:
        for resource in (VAULT, f"{VAULT}/"):
            assert ask(endpoint, query(resource)).status == 200
        assert ask(endpoint, query(f"{VAULT}/secrets")).status == 403
    assert asked == [VAULT, f"{VAULT}/"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/msi/token", 400),
        (query(VAULT, "2017-09-01"), 400),
        ("/msi/token?api-version=2019-08-01", 400),
        (query(VAULT) + "&resource=b", 400),
        (query(""), 400),
        (query("a b"), 400),
        (query("a\nb"), 400),
        (query("https://storage.azure.com"), 403),
    ],
)
def test_wrong_requests_say_what_is_wrong(endpoint: TokenEndpoint, asked: list[str], path: str, status: int) -> None:
    """With the secret, that is; nothing is asked of the authority."""
    answer = ask(endpoint, path)
    assert (answer.status, answer.body["statusCode"]) == (status, status)
    assert asked == []


def test_a_target_that_names_another_host_is_refused(endpoint: TokenEndpoint, asked: list[str]) -> None:
    """It would count instead of the Host header (RFC 9112 3.2.2)."""
    for host in ("http://rebound.example", "http://[", f"http://127.0.0.1:{endpoint.port}"):
        assert ask(endpoint, host + query(VAULT)).status == 403
    assert asked == []


def test_a_client_that_sends_byte_by_byte_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is for the whole request: here it has run out when the second byte arrives."""
    monkeypatch.setattr(token_endpoint, "LONGEST_REQUEST", 0.05)
    with closing(TokenEndpoint(lambda _: Token(), None)) as running:
        client = socket.create_connection(("127.0.0.1", running.port), timeout=30)
        with client, suppress(ConnectionError):  # the time may have run out before the first byte
            client.sendall(b"G")
            assert client.recv(1) == b""
        assert token_endpoint._RequestReader(client).readable()


def test_a_request_in_pieces_is_read(endpoint: TokenEndpoint) -> None:
    """One request a connection: what follows it is not answered, as with keep-alive or pipelining."""
    secret = endpoint.environment["IDENTITY_HEADER"]
    head = f"GET {query(VAULT)} HTTP/1.1\r\nHost: 127.0.0.1:{endpoint.port}\r\nX-IDENTITY-HEADER: {secret}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", endpoint.port), timeout=30) as client:
        for piece in (head[:7], head[7:60], head[60:]):
            client.sendall(piece.encode())
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as reply:
            text = reply.read()
    assert text.startswith(b"HTTP/1.0 200 ")
    assert text.count(b"made-up") == 1


def test_only_get_is_answered(endpoint: TokenEndpoint, asked: list[str]) -> None:
    """And the server does not say what it is made with."""
    assert ask(endpoint, method="POST").status == 501
    assert asked == []


def test_a_refusal_is_an_error_of_the_protocol() -> None:
    """Its message is for the program's log, and each request is told by resource, without token or secret."""
    told: list[str] = []

    def get_token(resource: str) -> Token:
        raise RequestRefusedError(HTTPStatus.BAD_REQUEST, f"no {resource}")

    with closing(TokenEndpoint(get_token, None, told.append)) as running:
        assert ask(running) == (400, {"statusCode": 400, "message": f"no {VAULT}"})
        assert ask(running, X_IDENTITY_HEADER="guess").status == 401
        assert told == [f"exec: 400 no {VAULT}", "exec: 401 Unauthorized"]


def test_a_failure_of_ours_is_an_answer_too() -> None:
    """Without its words, which may be anything."""

    def get_token(resource: str) -> Token:
        raise RuntimeError("made-up")

    with closing(TokenEndpoint(get_token, None)) as running:
        assert ask(running) == (500, {"statusCode": 500, "message": "doorcode failed with RuntimeError"})


def test_a_child_that_goes_away_is_no_traceback(endpoint: TokenEndpoint, capfd: pytest.CaptureFixture[str]) -> None:
    """Standard error is the command's own."""
    with socket.create_connection(("127.0.0.1", endpoint.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(b"GET ")
    assert ask(endpoint).status == 200
    assert capfd.readouterr().err == ""


def test_children_are_answered_side_by_side() -> None:
    """One that waits for the authority does not hold up another."""
    first, second = threading.Event(), threading.Event()

    def get_token(resource: str) -> Token:
        (second if resource == "second" else first).set()
        assert first.wait(30)
        assert second.wait(30)
        return Token()

    with closing(TokenEndpoint(get_token, None)) as running:
        other = threading.Thread(target=ask, args=(running, query("first")))
        other.start()
        assert ask(running, query("second")).status == 200
        other.join()


def test_the_environment_of_the_command() -> None:
    """Other managed identities are taken away, and a proxy does not get to see the secret."""
    own = {"PATH": "/bin", "MSI_ENDPOINT": "x", "MSI_SECRET": "y", "AZURE_CLIENT_ID": "z"}
    added = {"IDENTITY_ENDPOINT": "http://127.0.0.1:1/", "IDENTITY_HEADER": "s"}
    assert child_environment(own, added) == {"PATH": "/bin", "AZURE_CLIENT_ID": "z", **added}
    proxied = child_environment({"http_proxy": "http://p:1", "NO_PROXY": "a"}, added)
    assert (proxied["NO_PROXY"], proxied["no_proxy"]) == ("a,127.0.0.1", "a,127.0.0.1")
    direct = child_environment({"ALL_PROXY": "http://p:1", "no_proxy": "*"}, added)
    assert (direct["NO_PROXY"], direct["no_proxy"]) == ("*", "*"), "programs do not know it in a list"


READ = """
import os, urllib.request, json, sys
url = f"{os.environ['IDENTITY_ENDPOINT']}?api-version=2019-08-01&resource={sys.argv[1]}"
request = urllib.request.Request(url, headers={"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]})
print(json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request))["resource"])
print(os.environ["IDENTITY_ENDPOINT"])
sys.exit(7)
"""
SDK = """
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
for kind in DefaultAzureCredential, ManagedIdentityCredential:
    for _ in range(2):
        print(kind.__name__, len(kind().get_token("https://vault.azure.net/.default").token) > 100)
"""


def doorcode(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "doorcode", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_command_gets_tokens_and_its_exit_code_counts(signed_in: Command) -> None:
    """The endpoint is gone when the command has ended."""
    done = doorcode("exec", "-v", "--", sys.executable, "-c", READ, VAULT)
    resource, address = done.stdout.splitlines()
    assert (done.returncode, resource) == (7, VAULT)
    assert f"doorcode: exec: {VAULT}: answered" in done.stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(address).port or 0), timeout=30)


def test_azure_sdks_find_the_sign_in(signed_in: Command, authority: Emulator) -> None:
    """azure-identity's own credentials get the user's tokens; one refresh serves all of them."""
    before = authority.count("token")
    done = doorcode("exec", "--resource", VAULT, "--", sys.executable, "-c", SDK)
    assert done.stdout.splitlines() == ["DefaultAzureCredential True"] * 2 + ["ManagedIdentityCredential True"] * 2
    assert authority.count("token") - before == 1


@pytest.mark.parametrize(
    ("given", "code"), [("no-such-command", 127), (os.devnull, 126), ("exit 3", 3), ("kill -TERM $$", 143)]
)
def test_exit_codes_are_the_commands_own(signed_in: Command, given: str, code: int) -> None:
    """As a shell has them."""
    arguments = ["sh", "-c", given] if " " in given else [given]
    assert signed_in("exec", "--", *arguments).code == code


def test_a_script_whose_interpreter_is_missing_is_told_from_a_missing_script(
    signed_in: Command, tmp_path: Path
) -> None:
    """Both are exit code 127."""
    script = tmp_path / "script"
    missing = signed_in("exec", "--", str(script))
    assert (missing.code, missing.err) == (127, f"doorcode: {script}: command not found\n")
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    done = signed_in("exec", "--", str(script))
    assert (done.code, "the program that its first line names was not found" in done.err) == (127, True)


def test_without_a_sign_in_the_command_is_not_started(command: Command) -> None:
    """Exit code 3, at once."""
    done = command("exec", "--", "echo", "started")
    assert (done.code, done.out) == (3, "")


def test_variables_that_win_are_named(signed_in: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are left alone."""
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "made-up")
    done = signed_in("exec", "--", "true")
    assert "AZURE_CLIENT_SECRET is set" in done.err
    assert "made-up" not in done.err


WAITS = """
import os, signal, sys
numbers = {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)  # one that comes before it is waited for is kept
print("ready", flush=True)
os.write(1, b"got %d\\n" % signal.sigwait(numbers))
sys.exit(5)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_reach_the_command(signed_in: Command, number: signal.Signals) -> None:
    """One that only doorcode gets is passed on; Ctrl-C, which the terminal sends to both, is left to the command."""
    arguments = [sys.executable, "-m", "doorcode", "exec", "--", sys.executable, "-c", WAITS]
    with started(arguments, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        assert process.communicate(timeout=60)[0] == f"got {int(number)}\n"
    assert process.returncode == 5


@pytest.mark.parametrize(
    ("trouble", "status", "words"),
    [
        ("ended", 400, f"Run `doorcode login --resource {VAULT} --no-instance-discovery`."),
        ("offline", 503, "127.0.0.1"),
        ("wrong", 400, "scope"),
    ],
)
def test_what_keeps_a_token_from_a_child_is_said(
    signed_in: Command, authority: Emulator, trouble: str, status: int, words: str
) -> None:
    """In the protocol's error, which SDKs show."""
    account = account_named(AccountChoice())
    with ExitStack() as stack:
        get_token = tokens_of(stack.enter_context(silent_credential(account)), account, None)
        if trouble == "ended":
            authority.reset()
        elif trouble == "offline":
            stack.enter_context(authority.offline())
        with pytest.raises(RequestRefusedError, match=re.escape(words)) as refusal:
            get_token("a b" if trouble == "wrong" else VAULT)
    assert refusal.value.status == status
