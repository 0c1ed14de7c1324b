"""The loopback listener, over real sockets: one path, one answer, and everybody else is sent away."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
import requests

from doorcode._browser import loopback
from doorcode._browser.local import LocalBrowser
from doorcode._browser.redirect_server import LARGEST_BODY, MOST_CONNECTIONS, Listener
from doorcode._browser.result_page import FINISHED, failed
from doorcode._core.flows.browser_steps import Redirect, SignInPage
from doorcode._core.model import Failure, Reason
from doorcode._core.secret import Secret, SecretDict
from doorcode._error_mapping import exception_for
from support.person import free_port, get, is_free, post
from support.signing import AGES, PATIENCE, start

STATE = "the-state"
RIGHT = {"code": "the-code", "state": STATE}


@pytest.fixture
def port() -> int:
    """Give a port that is free."""
    return free_port()


@pytest.fixture
def listener(port: int) -> Iterator[Listener]:
    """Give a listener that waits for an answer with ``STATE``."""
    listening = Listener(f"http://localhost:{port}/back")
    listening.answers.expect(Secret(STATE))
    yield listening
    listening.close()


def taken(listener: Listener) -> str | None:
    """Return the code that a listener took."""
    redirect = listener.answers.wait(PATIENCE)
    return redirect.code.reveal() if isinstance(redirect, Redirect) and redirect.code is not None else None


def raw(port: int, request: bytes) -> bytes:
    """Send bytes and return what comes back until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(request)
        return received(connection)


def received(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    answer = b""
    try:
        while part := connection.recv(65536):
            answer += part
    except ConnectionError:
        pass
    return answer


@pytest.mark.parametrize("send", [get, post])
def test_the_answer(listener: Listener, send: object) -> None:
    """Query and form bring the answer; the browser's last page comes when the sign-in has ended."""
    page = start(lambda: (post if send is post else get)(listener.redirect_uri, RIGHT))
    assert taken(listener) == "the-code"
    assert not page.done()
    listener.conclude(FINISHED, PATIENCE)
    assert page.result(PATIENCE).status_code == 200


def test_the_last_page(listener: Listener) -> None:
    """It loads nothing, runs nothing, may stand in no frame and no cache, and shows markup as text."""
    page = start(lambda: post(listener.redirect_uri, RIGHT))
    taken(listener)
    listener.conclude(failed(Failure(Reason.REFUSED, 'No <script src="//evil">.\n"Second" line & more')), PATIENCE)
    answer = page.result(PATIENCE)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Connection"] == "close"
    assert "<script" not in answer.text
    assert "No &lt;script src=&quot;//evil&quot;&gt;." in answer.text
    assert "://" not in answer.text


def request(method: str, path: str = "/back", headers: str = "", body: bytes = b"", host: str = "localhost") -> bytes:
    """Return a request as bytes; ``PORT`` stands for the port."""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}:PORT\r\n{headers}\r\n".encode() + body


FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
GOOD = b"code=x&state=the-state"
STRANGERS = {
    "no state": request("GET", "/back?code=x"),
    "nothing": request("GET"),
    "another state": request("GET", "/back?code=x&state=the-stat"),
    "the state twice": request("GET", "/back?code=x&state=the-state&state=the-state"),
    "the code twice": request("GET", "/back?code=x&code=y&state=the-state"),
    "too many fields": request("GET", "/back?code=x&state=the-state" + "&a=b" * 40),
    "a favicon": request("GET", "/favicon.ico?code=x&state=the-state"),
    "the root": request("GET", "/?code=x&state=the-state"),
    "below the path": request("GET", "/back/?code=x&state=the-state"),
    "a rebound name": request("GET", "/back?code=x&state=the-state", host="evil.example"),
    "no name": b"GET /back?code=x&state=the-state HTTP/1.1\r\n\r\n",
    "HEAD": request("HEAD", "/back?code=x&state=the-state"),
    "PUT": request("PUT", headers=f"{FORM}Content-Length: 22\r\n", body=GOOD),
    "OPTIONS": request("OPTIONS", "/back?code=x&state=the-state"),
    "CONNECT": request("CONNECT", "/back?code=x&state=the-state"),
    "a form without a length": request("POST", headers=FORM, body=GOOD),
    "a form in pieces": request("POST", headers=f"{FORM}Transfer-Encoding: chunked\r\n", body=b"16\r\n" + GOOD),
    "a negative length": request("POST", headers=f"{FORM}Content-Length: -1\r\n", body=GOOD),
    "a length in words": request("POST", headers=f"{FORM}Content-Length: two\r\n", body=GOOD),
    "a length of an age": request("POST", headers=f"{FORM}Content-Length: 00000000000000000009999999\r\n", body=GOOD),
    "JSON": request("POST", headers="Content-Type: application/json\r\nContent-Length: 22\r\n", body=GOOD),
    "a query with a form's method": request("POST", "/back?code=x&state=the-state", f"{FORM}Content-Length: 0\r\n"),
    "a body that is too large": request(
        "POST", headers=f"{FORM}Content-Length: {LARGEST_BODY + 1}\r\n", body=GOOD + b"&a=" + b"a" * LARGEST_BODY
    ),
    "a line without end": b"GET /back?" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a header without end": request("GET", "/back?code=x&state=the-state", headers="X: " + "a" * 100_000 + "\r\n"),
    "headers without end": request("GET", "/back?code=x&state=the-state", headers="X: a\r\n" * 1000),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "nothing at all": b"\r\n",
}


@pytest.mark.parametrize("sent", STRANGERS.values(), ids=STRANGERS)
def test_strangers(listener: Listener, port: int, sent: bytes) -> None:
    """Whatever is not the answer is answered 404, if at all, and passed over; the answer is taken after it."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(sent.replace(b"PORT", str(port).encode()))
        with suppress(OSError):  # it was hung up already
            connection.shutdown(socket.SHUT_WR)
        answer = received(connection)
    assert answer == b"" or b" 404 " in answer.split(b"\r\n")[0] or answer.startswith(b"<!doctype html>")
    assert b"code=x" not in answer
    page = start(lambda: post(listener.redirect_uri, RIGHT))
    assert taken(listener) == "the-code"
    listener.conclude(FINISHED, PATIENCE)
    assert page.result(PATIENCE).ok


def test_a_megabyte(listener: Listener, port: int) -> None:
    """A body of 1 MB is not read: the sender is sent away, and the answer is taken after it."""
    head = request("POST", headers=f"{FORM}Content-Length: 1048576\r\n").replace(b"PORT", str(port).encode())
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        with suppress(ConnectionError):
            connection.sendall(head + b"a" * 1_048_576)
        received(connection)
    page = start(lambda: post(listener.redirect_uri, RIGHT))
    assert taken(listener) == "the-code"
    listener.conclude(FINISHED, PATIENCE)
    assert page.result(PATIENCE).ok


def test_before_anybody_is_asked(port: int) -> None:
    """Until it is known which answer is waited for, there is none."""
    listener = Listener(f"http://localhost:{port}")
    try:
        assert get(listener.redirect_uri, {"code": "x", "state": ""}).status_code == 404
        assert listener.answers.wait(0) is None
    finally:
        listener.close()


def test_twice(listener: Listener) -> None:
    """The second answer, a page that was reloaded, finds nobody; the first one counts."""
    page = start(lambda: post(listener.redirect_uri, RIGHT))
    assert taken(listener) == "the-code"
    assert post(listener.redirect_uri, {**RIGHT, "code": "another"}).status_code == 404
    listener.conclude(FINISHED, PATIENCE)
    assert page.result(PATIENCE).ok
    assert taken(listener) == "the-code"


def test_a_flood(listener: Listener) -> None:
    """Hundreds of requests while the answer is waited for do not keep it out."""
    stop = threading.Event()

    def flood() -> int:
        count = 0
        while not stop.is_set():
            count += get(listener.redirect_uri, {"code": "x"}).status_code == 404
        return count

    floods = [start(flood) for _ in range(4)]
    for _ in range(100):
        get(listener.redirect_uri)
    page = start(lambda: post(listener.redirect_uri, RIGHT))
    assert taken(listener) == "the-code"
    listener.conclude(FINISHED, PATIENCE)
    assert page.result(PATIENCE).ok
    stop.set()
    assert all(each.result(PATIENCE) > 0 for each in floods)


def test_silent_clients(listener: Listener, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that say nothing, or stop in the middle, are cut when there are too many; the answer gets in."""
    monkeypatch.setattr("doorcode._browser.redirect_server._RedirectHandler.timeout", AGES)
    with ExitStack() as connections:
        for number in range(2 * MOST_CONNECTIONS):
            silent = connections.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            if number % 8 == 0:
                silent.sendall(b"POST /back HTTP/1.1\r\nContent-Length: 50\r\n")
        # By IPv4, as they come: connections by IPv6 wait elsewhere, and would be accepted before the last of these.
        form = request("POST", headers=f"{FORM}Content-Length: {len(GOOD)}\r\n", body=GOOD)
        page = start(lambda: raw(port, form.replace(b"PORT", str(port).encode())))
        assert taken(listener) == "x"
        listener.conclude(FINISHED, PATIENCE)
        assert b" 200 " in page.result(PATIENCE)


def test_silent_clients_that_come_after_the_answer(listener: Listener, port: int) -> None:
    """The browser that brought the answer gets its result page, however many connect while the answer is taken."""
    with ExitStack() as connections:

        def crowd() -> None:
            for _ in range(MOST_CONNECTIONS):
                connections.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            assert b" 404 " in raw(port, b"GET /elsewhere HTTP/1.0\r\n\r\n")  # all before it have been accepted

        listener.answers.expect(Secret(STATE), crowd)
        page = start(lambda: post(listener.redirect_uri, RIGHT))
        assert taken(listener) == "the-code"
        listener.conclude(FINISHED, PATIENCE)
        assert page.result(PATIENCE).ok


def test_both_families_are_held(listener: Listener, port: int) -> None:
    """``localhost`` is both loopback addresses; nobody else can have the port on either, nor on all addresses."""
    for family, address in (
        (socket.AF_INET, "127.0.0.1"),
        (socket.AF_INET6, "::1"),
        (socket.AF_INET, "0.0.0.0"),  # noqa: S104 - that it cannot be had is the test
        (socket.AF_INET6, "::"),
    ):
        for option in (None, socket.SO_REUSEADDR):
            with socket.socket(family) as squatter:
                if option is not None:
                    squatter.setsockopt(socket.SOL_SOCKET, option, 1)
                with pytest.raises(OSError, match="in use"):
                    squatter.bind((address, port)) or squatter.listen()
    assert requests.get(f"http://[::1]:{port}/", timeout=PATIENCE).status_code == 404


def test_nobody_outside_can_reach_it(listener: Listener, port: int) -> None:
    """It listens on loopback alone."""
    try:
        found = socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)
    except socket.gaierror:
        pytest.skip("this machine's name has no address: add it to /etc/hosts")
    addresses = {str(info[4][0]) for info in found}
    for address in addresses - {"127.0.0.1", "127.0.1.1"}:
        with socket.socket() as tried, pytest.raises(OSError, match="refused|unreachable"):
            tried.connect((address, port))


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("[::1]", socket.AF_INET6)], ids=["IPv4", "IPv6"]
)
def test_an_address_is_that_address(port: int, host: str, family: socket.AddressFamily) -> None:
    """A redirect URI with an address listens there and not on the other family."""
    listener = Listener(f"http://{host}:{port}")
    try:
        listener.answers.expect(Secret(STATE))
        page = start(lambda: post(listener.redirect_uri, RIGHT))
        assert taken(listener) == "the-code"
        listener.conclude(FINISHED, PATIENCE)
        assert page.result(PATIENCE).ok
        other = ("::1", socket.AF_INET6) if family == socket.AF_INET else ("127.0.0.1", socket.AF_INET)
        with socket.socket(other[1]) as tried, pytest.raises(ConnectionRefusedError):
            tried.connect((other[0], port))
    finally:
        listener.close()


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"]
)
def test_a_port_of_somebody_elses(port: int, family: socket.AddressFamily, address: str) -> None:
    """A port that is taken on one family alone is taken, and nothing is left on the other."""
    with socket.create_server((address, port), family=family), pytest.raises(OSError, match="in use"):
        Listener(f"http://localhost:{port}")
    assert is_free(port)


def test_the_first_port_that_is_free(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a redirect URI, ports are tried in their order; with none left, that is said."""
    monkeypatch.setattr(loopback, "PORTS", (port,))
    first = Listener()
    assert first.redirect_uri == f"http://localhost:{port}"
    another = free_port()
    monkeypatch.setattr(loopback, "PORTS", (port, another))
    second = Listener()
    assert second.redirect_uri == f"http://localhost:{another}"
    with pytest.raises(OSError, match="no port from"):
        Listener()
    first.close()
    second.close()
    assert is_free(port)


def test_the_ports_of_registrations() -> None:
    """Registrations and ``ssh -L`` rely on these."""
    assert (loopback.PORTS[0], loopback.PORTS[-1]) == (8400, 8999)


def test_no_thread_to_listen_in(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one nothing listens: the error says why, and the port is free."""
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(OSError, match="no further thread"):
        Listener(f"http://localhost:{port}/back")
    failure = LocalBrowser(f"http://localhost:{port}/back").start()
    assert isinstance(failure, Failure)
    assert "ulimit -u" in str(exception_for(failure))
    assert is_free(port)


@pytest.mark.parametrize("missing", ["socket", "socketpair"])
def test_no_descriptor_to_listen_with(port: int, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """The error says so, and not that another program has the port; while it is kept, the port is free."""
    monkeypatch.setattr(loopback, "PORTS", (port,))

    def full(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(socket, missing, full)
        failure = LocalBrowser(None).start()
    assert isinstance(failure, Failure)
    assert "Too many open files" in failure.message
    assert "ulimit -n" in failure.message
    Listener().close()


def test_no_thread_to_open_the_browser_in(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may refuse a thread that comes later than the listener's: the sign-in fails, and says why."""
    window = LocalBrowser(f"http://localhost:{port}/back")
    uri = window.start()
    assert isinstance(uri, str)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    failure = window.show(SignInPage("https://login.example/?state=s", uri, Secret("s"), SecretDict()), PATIENCE)
    window.close()
    assert isinstance(failure, Failure)
    assert "ulimit -u" in str(exception_for(failure))


def test_no_thread_for_a_connection(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that gets no further thread answers in its own, and goes on."""
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    for _ in range(2):
        assert get(f"{listener.redirect_uri}/other", {}).status_code == 404


def no_thread(_: threading.Thread) -> None:
    """Stand for a system that has no thread left."""
    raise RuntimeError("can't start new thread")


def test_closing(port: int) -> None:
    """The port is free when close returns, whoever waits is let go, and a second time does nothing."""
    listener = Listener(f"http://localhost:{port}")
    listener.answers.expect(Secret(STATE))
    waiting = start(lambda: listener.answers.wait(AGES))
    idle = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    listener.close()
    assert waiting.result(PATIENCE) is None
    assert is_free(port)
    assert received(idle) == b""
    idle.close()
    listener.close()
    listener.conclude(FINISHED, PATIENCE)


def test_closing_while_the_browser_waits(listener: Listener, port: int) -> None:
    """A browser that has brought the answer reads that the program gave up."""
    page = start(lambda: post(listener.redirect_uri, RIGHT))
    taken(listener)
    listener.close()
    answer = page.result(PATIENCE)
    assert (answer.status_code, "No program is waiting any more" in answer.text) == (410, True)


def test_the_port_can_be_had_again_at_once(port: int) -> None:
    """Connections that linger after one sign-in do not keep the next one from the same port."""
    for _ in range(2):
        listener = Listener(f"http://localhost:{port}")
        listener.answers.expect(Secret(STATE))
        page = start(lambda: post(listener.redirect_uri, RIGHT))  # noqa: B023 - done within the loop
        assert taken(listener) == "the-code"
        listener.conclude(FINISHED, PATIENCE)
        assert page.result(PATIENCE).ok
        listener.close()


def test_port_80() -> None:
    """A browser leaves http's own port out of the Host header."""
    place = loopback.loopback_address("http://localhost:80")
    assert place.hosts == {"localhost:80", "localhost"}
