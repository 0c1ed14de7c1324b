"""Which browsers may take part in a sign-in: what another user of the machine can read is not enough to end it."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import threading
from http.client import HTTPResponse
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests

from doorcode import errors
from doorcode._browser import answers, loopback_peer
from doorcode._browser.binding import BrowserBinding, Verdict
from doorcode._browser.loopback_peer import Peer, peer_of, uid_of
from doorcode._browser.redirect_server import Listener
from doorcode._browser.result_page import FINISHED
from doorcode._core.flows.browser_steps import Redirect
from doorcode._core.model import Failure
from doorcode._core.secret import Secret
from doorcode.emulator import Emulator
from support.person import Person, free_port, post, query_of
from support.signing import ADA, GRACE, PATIENCE, SCOPE, outcome, start

STATE = "the-state"
PAGE = f"https://login.example/authorize?state={STATE}"
ANSWER = {"code": "the-code", "state": STATE}
ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux says whose a connection is")
NOBODY = 65534


@pytest.fixture
def listener() -> Any:
    """Give a listener that waits for an answer with ``STATE``."""
    listening = Listener(f"http://localhost:{free_port()}")
    listening.answers.expect(Secret(STATE))
    yield listening
    listening.close()


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system not say whose a connection is, as on macOS."""
    monkeypatch.setattr(answers, "peer_of", lambda _connection: Peer.UNKNOWN)


class AsAnotherUser:
    """Make requests over connections that another user of this machine opened, as Linux has them in its tables."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can become another user")

    def get(self, address: str) -> requests.Response:
        """Open an address."""
        return self._send(f"GET {_target(address)} HTTP/1.0\r\nHost: {urlsplit(address).netloc}\r\n\r\n", address)

    def post(self, address: str, fields: dict[str, str]) -> requests.Response:
        """Send a form."""
        body = urlencode(fields)
        head = f"POST {_target(address)} HTTP/1.0\r\nHost: {urlsplit(address).netloc}\r\n"
        kind = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        return self._send(head + kind + body, address)

    @staticmethod
    def _send(request: str, address: str) -> requests.Response:
        libc = ctypes.CDLL(None)
        # The calling thread's alone; what it opens then belongs to that user.
        libc.setfsuid(NOBODY)
        try:
            connection = socket.create_connection(("127.0.0.1", urlsplit(address).port or 80), timeout=PATIENCE)
        finally:
            libc.setfsuid(os.geteuid())
        with connection:
            connection.sendall(request.encode())
            answer = HTTPResponse(connection)
            answer.begin()
            read = requests.Response()
            read.status_code = answer.status
            read.headers.update(dict(answer.headers.items()))
            read._content = answer.read()
        return read


def _target(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"


class Browser:
    """A browser with a cookie jar of its own that shows each answer and follows none."""

    def __init__(self) -> None:
        self._session = requests.Session()

    def open(self, address: str) -> requests.Response:
        """Open an address."""
        return self._session.get(address, timeout=PATIENCE, allow_redirects=False, headers={"Connection": "close"})

    def form(self, address: str, *, cookies: bool = False) -> requests.Response:
        """Send the answer as another site's page does: a form of another site goes without cookies."""
        sender: Any = self._session if cookies else requests
        return sender.post(address, ANSWER, timeout=PATIENCE, allow_redirects=False, headers={"Connection": "close"})


def finished(listener: Listener, page: Any) -> str:
    """Return the code that a listener took, and end the sign-in."""
    redirect = listener.answers.wait(PATIENCE)
    assert isinstance(redirect, Redirect)
    assert redirect.code is not None
    listener.conclude(FINISHED, PATIENCE)
    assert page.result(PATIENCE).status_code == 200
    return redirect.code.reveal()


# -- the rules


def test_the_rules_where_users_are_told_apart() -> None:
    """This user may open a link in any browser and bring the answer with any; another user may do neither."""
    binding = BrowserBinding()
    path = binding.link()
    assert binding.visit(path, Peer.ANOTHER_USER, "") is Verdict.ANOTHER_USER
    assert [binding.visit(path, Peer.THIS_USER, "") for _ in range(3)] == [Verdict.ALLOWED] * 3
    assert binding.answer(Peer.THIS_USER, "") is Verdict.ALLOWED
    cookie = binding.set_cookie(path).partition(";")[0]
    assert binding.answer(Peer.ANOTHER_USER, cookie) is Verdict.ANOTHER_USER


def test_the_rules_where_users_are_not_told_apart() -> None:
    """A link is the first browser's that opens it; what that one got as a cookie, the answer has to carry."""
    binding = BrowserBinding()
    path, another = binding.link(), binding.link()
    cookie = binding.set_cookie(path).partition(";")[0]
    assert binding.answer(Peer.UNKNOWN, cookie) is Verdict.COOKIE_NEEDED  # nobody has it yet
    assert binding.visit(path, Peer.UNKNOWN, "") is Verdict.ALLOWED
    assert binding.visit(path, Peer.UNKNOWN, f"other={{}}; {cookie}") is Verdict.ALLOWED
    assert binding.visit(path, Peer.UNKNOWN, "") is Verdict.TWICE
    assert binding.visit(another, Peer.UNKNOWN, "") is Verdict.ALLOWED
    for wrong in ("", f"{binding.cookie_name}=", f"{cookie}x", cookie.partition("=")[2], "\x00;=;"):
        assert binding.answer(Peer.UNKNOWN, wrong) is Verdict.COOKIE_NEEDED
    assert binding.answer(Peer.UNKNOWN, cookie) is Verdict.ALLOWED


def test_the_cookie() -> None:
    """No script reads it, and no form of another site carries it."""
    binding = BrowserBinding()
    assert binding.set_cookie(binding.link()).endswith("; Path=/; HttpOnly; SameSite=Lax")


# -- whose a connection is


@ON_LINUX
@pytest.mark.parametrize(
    ("address", "family", "target"),
    [
        ("127.0.0.1", socket.AF_INET, "127.0.0.1"),
        ("::1", socket.AF_INET6, "::1"),
        ("127.0.0.1", socket.AF_INET6, "::ffff:127.0.0.1"),
    ],
    ids=["IPv4", "IPv6", "IPv4 from a socket of IPv6"],
)
def test_the_other_end(address: str, family: socket.AddressFamily, target: str) -> None:
    """Linux says who opened a connection, as long as it is open."""
    listening = socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    with listening, socket.socket(family) as caller:
        caller.connect((target, listening.getsockname()[1]))
        accepted, _ = listening.accept()
        with accepted:
            assert uid_of(accepted) == os.getuid()
            assert peer_of(accepted) is Peer.THIS_USER
            caller.close()
            accepted.recv(1)
            # What is closed is listed as root's, and must not pass for it.
            assert uid_of(accepted) is None


def test_systems_that_do_not_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Elsewhere nothing is known, which matters where command lines are public."""
    monkeypatch.setattr(loopback_peer, "TABLES", (tmp_path / "tcp", tmp_path / "tcp6"))
    one, other = socket.socketpair()
    with one, other:
        assert uid_of(one) is None
    listening = socket.create_server(("127.0.0.1", 0))
    with listening, socket.create_connection(listening.getsockname()) as caller:
        assert uid_of(caller) is None
        assert peer_of(caller) is Peer.UNKNOWN
        monkeypatch.setattr(loopback_peer, "COMMAND_LINES_ARE_PUBLIC", False)
        assert peer_of(caller) is Peer.THIS_USER


@pytest.mark.parametrize(
    ("own", "environment", "uid", "expected"),
    [
        (1000, {}, 1000, Peer.THIS_USER),
        (1000, {}, 0, Peer.THIS_USER),
        (1000, {}, 1001, Peer.ANOTHER_USER),
        (1000, {"SUDO_UID": "1001"}, 1001, Peer.ANOTHER_USER),
        (0, {}, 1001, Peer.ANOTHER_USER),
        (0, {"SUDO_UID": "1001"}, 1001, Peer.THIS_USER),
        (0, {"PKEXEC_UID": "1001"}, 1001, Peer.THIS_USER),
        (0, {"SUDO_UID": "somebody"}, 1001, Peer.ANOTHER_USER),
    ],
)
def test_who_counts_as_this_user(
    monkeypatch: pytest.MonkeyPatch, own: int, environment: dict[str, str], uid: int, expected: Peer
) -> None:
    """The same user, root, and whoever called a program of root's with sudo; nobody else."""
    for name in ("SUDO_UID", "PKEXEC_UID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(loopback_peer, "os", SimpleNamespace(geteuid=lambda: own, environ=os.environ))
    monkeypatch.setattr(loopback_peer, "uid_of", lambda _connection: uid)
    with socket.socket() as connection:
        assert peer_of(connection) is expected


# -- the server


def test_a_link(listener: Listener) -> None:
    """It leads to the page, as often as this user opens it, and says nothing of the sign-in."""
    link = listener.link(PAGE)
    assert link.startswith(f"{listener.redirect_uri}/")
    assert STATE not in link
    for _ in range(2):
        visit = Browser().open(link)
        assert (visit.status_code, visit.headers["Location"]) == (302, PAGE)
        assert visit.headers["Cache-Control"] == "no-store"
        assert visit.headers["Referrer-Policy"] == "no-referrer"
    assert requests.head(link, timeout=PATIENCE).status_code == 404
    assert requests.post(link, {}, timeout=PATIENCE).status_code == 404
    assert requests.get(link, timeout=PATIENCE, headers={"Host": "evil.example"}).status_code == 404


def test_two_answers_at_once(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two answers that are looked at at the same moment, the first one counts."""
    waiting: list[Any] = []

    def another_first(_connection: object) -> Peer:
        if not waiting:
            waiting.append(None)
            monkeypatch.setattr(answers, "peer_of", lambda _: Peer.THIS_USER)
            waiting[0] = listener.answers._arrive(Redirect(Secret("first")))
        return Peer.THIS_USER

    # The lock is let go between the look and the taking: an answer may come in between.
    monkeypatch.setattr(listener.answers, "_lock", threading.RLock())
    monkeypatch.setattr(answers, "peer_of", another_first)
    assert post(listener.redirect_uri, ANSWER).status_code == 404
    redirect = listener.answers.wait(PATIENCE)
    assert isinstance(redirect, Redirect)
    assert redirect.code == Secret("first")


def test_a_link_after_the_answer(listener: Listener) -> None:
    """Once the answer is there, a link leads nowhere."""
    link = listener.link(PAGE)
    page = start(lambda: post(listener.redirect_uri, ANSWER))
    assert isinstance(listener.answers.wait(PATIENCE), Redirect)
    assert Browser().open(link).status_code == 404
    assert finished(listener, page) == "the-code"


@ON_LINUX
def test_another_user(listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    """Another user is sent nowhere, cannot bring an answer, and is in the log, once; this user's answer is taken."""
    link = listener.link(PAGE)
    other = AsAnotherUser()
    for refused in (
        other.get(link),
        other.post(listener.redirect_uri, ANSWER),
        other.get(f"{listener.redirect_uri}?{urlencode(ANSWER)}"),
    ):
        assert refused.status_code == 403
        assert not {"Location", "Set-Cookie"} & refused.headers.keys()
        assert "belongs to another user of this machine" in refused.text
    warnings = [record for record in caplog.records if "Another user of this machine" in record.getMessage()]
    assert len(warnings) == 1
    page = start(lambda: post(listener.redirect_uri, ANSWER))
    assert finished(listener, page) == "the-code"


@pytest.mark.usefixtures("unknown")
def test_a_form_without_its_cookie(listener: Listener) -> None:
    """A form of another site's page goes without cookies: the browser is sent on once, and shows its cookie then."""
    browser = Browser()
    assert browser.open(listener.link(PAGE)).status_code == 302
    held = browser.form(listener.redirect_uri)
    assert held.status_code == 303
    assert "code" not in held.headers["Location"]
    address = f"{listener.redirect_uri}{held.headers['Location']}"
    page = start(lambda: browser.open(address))
    assert finished(listener, page) == "the-code"


@pytest.mark.usefixtures("unknown")
@pytest.mark.parametrize("way", ["a form", "a form with cookies", "a query"])
def test_a_browser_without_the_cookie(listener: Listener, way: str) -> None:
    """An answer that another browser brings is refused, and the right one is taken after it."""
    browser, thief = Browser(), Browser()
    browser.open(listener.link(PAGE))
    if way == "a query":
        refused = thief.open(f"{listener.redirect_uri}?{urlencode(ANSWER)}")
    else:
        held = thief.form(listener.redirect_uri, cookies=way != "a form")
        refused = thief.open(f"{listener.redirect_uri}{held.headers['Location']}")
        assert thief.open(f"{listener.redirect_uri}{held.headers['Location']}").status_code == 404
    assert (refused.status_code, "This browser did not begin the sign-in" in refused.text) == (403, True)
    assert listener.answers.wait(0) is None
    page = start(lambda: browser.open(f"{listener.redirect_uri}?{urlencode(ANSWER)}"))
    assert finished(listener, page) == "the-code"


@pytest.mark.usefixtures("unknown")
def test_a_second_browser(listener: Listener) -> None:
    """It is sent nowhere, and ends the sign-in: the first one may have been somebody else's."""
    link = listener.link(PAGE)
    first, second = Browser(), Browser()
    assert first.open(link).status_code == 302
    assert first.open(link).status_code == 302
    refused = second.open(link)
    assert (refused.status_code, "opened in another browser before" in refused.text) == (403, True)
    failure = listener.answers.wait(PATIENCE)
    assert isinstance(failure, Failure)
    assert "two browsers opened the address" in failure.message
    assert first.form(listener.redirect_uri).status_code == 404


@pytest.mark.usefixtures("unknown")
def test_answers_that_wait_are_bounded(listener: Listener) -> None:
    """Forms without their cookie take no memory without end."""
    held = [Browser().form(listener.redirect_uri).headers["Location"] for _ in range(answers.MOST_HELD + 1)]
    assert Browser().open(f"{listener.redirect_uri}{held[0]}").status_code == 404
    assert Browser().open(f"{listener.redirect_uri}{held[-1]}").status_code == 403


# -- whole sign-ins


def test_what_stands_in_a_process_list(make: Any, person: Person) -> None:
    """The address that a browser is started with is a local one, and holds neither state, nonce nor challenge."""
    make().get_token(SCOPE)
    ((link,), (page,)) = person.links, person.urls
    asked = query_of(page)
    assert link.startswith(f"{asked['redirect_uri']}/")
    assert not any(asked[name] in link for name in ("state", "nonce", "code_challenge"))


@ON_LINUX
def test_another_user_reads_the_process_list(make: Any, authority: Emulator, person: Person) -> None:
    """They learn neither where to sign in nor what the answer has to carry; this user's sign-in goes on."""
    other = AsAnotherUser()
    seen: list[int] = []

    def attacked(url: str) -> requests.Response:
        seen.append(other.get(person.links[0]).status_code)
        stolen = {**person.answer(url), "code": "the-attackers"}  # as if they had learnt even the state
        seen.append(other.post(person.redirect_uri(url), stolen).status_code)
        return person.sign_in(url)

    person.does = attacked
    assert make().authenticate(scopes=[SCOPE]).username == ADA
    assert seen == [403, 403]


@pytest.mark.usefixtures("unknown")
def test_an_attacker_who_is_first(make: Any, authority: Emulator, person: Person) -> None:
    """Where users cannot be told apart, this user's browser comes second, and the sign-in ends with an error."""
    person.open = lambda url: [Browser().open(url), Browser().open(url)] != []  # type: ignore[method-assign]
    import webbrowser

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(webbrowser, "open", person.open)
        ended = outcome(lambda: make().authenticate(scopes=[SCOPE]))
    assert isinstance(ended, errors.AuthenticationFailedError)
    assert "two browsers opened the address of this sign-in" in str(ended)
    assert authority.count("token:authorization_code") == 0


@pytest.mark.usefixtures("unknown")
def test_an_attacker_who_is_second(make: Any, authority: Emulator, person: Person) -> None:
    """Their account is not the one that is signed in: their visit ends the sign-in."""
    authority.approve_all(GRACE)
    person.does = lambda _url: Browser().open(person.links[0])
    ended = outcome(lambda: make().authenticate(scopes=[SCOPE]))
    assert isinstance(ended, errors.AuthenticationFailedError)
    assert authority.count("token:authorization_code") == 0
