"""The loopback server that takes a sign-in's redirect (RFC 8252 7.3): one path, one answer, nothing else."""

from __future__ import annotations

import errno
import re
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar, Final, cast
from urllib.parse import urlsplit

from doorcode._core.browser import read_redirect
from doorcode._core.browser_steps import Redirect
from doorcode._core.secret import Secret
from doorcode._core.values import dataclass
from doorcode._last_page import ELSEWHERE, GIVEN_UP, Words, headers, render

PORTS: Final = range(8400, 9000)
"""Tried in this order when no redirect URI is given: registrations and ``ssh -L`` rely on it."""
PATIENCE: Final = 5.0
"""Seconds that a client may stay silent in the middle of its request."""
LARGEST_BODY: Final = 64 * 1024
"""Bytes of a form: an answer has a few thousand."""
MOST_CONNECTIONS: Final = 32
"""Open at a time; the oldest gives way, so that silent ones keep nobody out."""
LONGEST_HOLD: Final = 40.0
"""Seconds that the browser waits for its last page, while the code is redeemed."""
FORM: Final = "application/x-www-form-urlencoded"
_LENGTH: Final = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a redirect URI leads on this machine.

    Attributes:
        uri: the redirect URI.
        hosts: the names that a browser may mean by it, as its Host header has them.
        path: the only one that is answered.
        addresses: to listen on, each with its family.
        port: to listen on.
    """

    uri: str
    hosts: frozenset[str]
    path: str
    addresses: tuple[tuple[socket.AddressFamily, str], ...]
    port: int


def place_of(redirect_uri: str) -> Place:
    """Return where a redirect URI leads; ``localhost`` is both loopback addresses, and nothing but those."""
    parts = urlsplit(redirect_uri)
    host, port = parts.hostname or "", parts.port or 0
    both = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
    one = ((socket.AF_INET6 if ":" in host else socket.AF_INET, host),)
    netloc = parts.netloc.lower()
    hosts = {netloc, netloc.removesuffix(":80")} if port == 80 else {netloc}  # noqa: PLR2004 - http's own port
    return Place(redirect_uri, frozenset(hosts), parts.path or "/", both if host == "localhost" else one, port)


class Listener:
    """Listen for one redirect. Thread-safe; its threads are daemons, and end when it is closed.

    Args:
        redirect_uri: http on loopback with a port; None takes the first free one of ``PORTS`` on ``localhost``.

    Raises:
        OSError: the port is taken, on either address family; or none of ``PORTS`` is free.
    """

    def __init__(self, redirect_uri: str | None = None) -> None:
        self._place, self._sockets = _opened(redirect_uri)
        self.redirect_uri = self._place.uri
        self._lock = threading.Lock()
        self._state: Secret | None = None
        self._notify: Callable[[], object] = lambda: None
        self._redirect: Redirect | None = None
        self._words: Words = GIVEN_UP
        self._arrived, self._ended, self._told = threading.Event(), threading.Event(), threading.Event()
        self._connections: deque[socket.socket] = deque()
        self._bell, self._ear = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="doorcode-listener", daemon=True)
        self._thread.start()

    def expect(self, state: Secret, arrived: Callable[[], object] = lambda: None) -> None:
        """Say which answer is waited for: before that, and with another ``state``, every request is a stranger's.

        Args:
            state: that of the sign-in page.
            arrived: called once, when the answer is there.
        """
        with self._lock:
            self._state, self._notify = state, arrived

    def wait(self, seconds: float) -> Redirect | None:
        """Wait for the answer; None when it does not come in so many seconds, or the listener is closed."""
        self._arrived.wait(min(seconds, threading.TIMEOUT_MAX))
        return self._redirect

    def conclude(self, words: Words, seconds: float) -> None:
        """Send the browser its last page, and wait until it has it: the program may end right after."""
        self._words = words
        self._ended.set()
        if self._redirect is not None:
            self._told.wait(seconds)

    def close(self) -> None:
        """Stop to listen: the port is free when this returns. A browser that waits gets a page that says so."""
        self._ended.set()
        with suppress(OSError):
            self._bell.send(b".")
        self._thread.join(PATIENCE)
        self._arrived.set()

    # -- the listening thread

    def _run(self) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                for each in (self._ear, *self._sockets):
                    selector.register(each, selectors.EVENT_READ)
                while not self._ended_by(selector):
                    pass
        finally:
            for each in (*self._sockets, self._ear, self._bell):
                each.close()
            self._hang_up(0)

    def _ended_by(self, selector: selectors.BaseSelector) -> bool:
        """Accept what comes; return whether it was time to stop."""
        ready = [key.fileobj for key, _ in selector.select()]
        for each in ready:
            if each is not self._ear:
                self._accept(each)
        return self._ear in ready

    def _accept(self, listening: Any) -> None:
        try:
            connection, address = cast("socket.socket", listening).accept()
        except OSError:  # it went away again
            return
        self._hang_up(MOST_CONNECTIONS - 1)
        with self._lock:
            self._connections.append(connection)
        threading.Thread(target=self._serve, args=(connection, address), name="doorcode-redirect", daemon=True).start()

    def _hang_up(self, most: int) -> None:
        """Cut the oldest connections until there are no more than so many."""
        with self._lock:
            while len(self._connections) > most:
                with suppress(OSError):
                    self._connections.popleft().shutdown(socket.SHUT_RDWR)

    # -- a connection's thread

    def _serve(self, connection: socket.socket, address: object) -> None:
        try:
            with suppress(OSError):
                _Handler(connection, address, self)
        finally:
            self.keep(connection)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            connection.close()

    def keep(self, connection: socket.socket) -> None:
        """Cut this connection no more."""
        with self._lock, suppress(ValueError):
            self._connections.remove(connection)

    def is_here(self, host: str, path: str) -> bool:
        """Return whether a request is for the redirect URI; one for a name that was rebound to this machine is not."""
        return host.lower() in self._place.hosts and path == self._place.path

    def take(self, fields: str) -> bool:
        """Take an answer, if it is the one that is waited for, and the first."""
        with self._lock:
            if self._state is None or self._redirect is not None or self._ended.is_set():
                return False
            self._redirect = read_redirect(fields, self._state)
        if self._redirect is None:
            return False
        self._arrived.set()
        self._notify()
        return True

    def ending(self) -> Words:
        """Wait until it is known how the sign-in ended, and return the words for it."""
        self._ended.wait(LONGEST_HOLD)
        return self._words

    def told(self) -> None:
        """Note that the browser has its last page."""
        self._told.set()


class _Handler(BaseHTTPRequestHandler):
    """Read one request, bounded by the limits of ``http.server``, answer it, and close the connection."""

    timeout: ClassVar[float | None] = PATIENCE
    server_version = "doorcode"
    sys_version = ""

    def __init__(self, connection: socket.socket, address: object, listener: Listener) -> None:
        self._listener = listener
        super().__init__(connection, cast("Any", address), cast("Any", None))

    def do_GET(self) -> None:
        """Take an answer in the query."""
        path, _, query = self.path.partition("?")
        self._decide(path, query)

    def do_POST(self) -> None:
        """Take an answer in a form's body."""
        path, _, _ = self.path.partition("?")
        body = self._body() if self._listener.is_here(self._host(), path) else None
        self._decide(path, body or "")

    def send_error(self, *_: object, **__: object) -> None:
        """Answer whatever else comes: other methods, what is no HTTP, what is too long."""
        self._send(404, ELSEWHERE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Write nothing: the request line holds the code."""

    def _decide(self, path: str, fields: str) -> None:
        if not self._listener.is_here(self._host(), path) or not self._listener.take(fields):
            self._send(404, ELSEWHERE)
            return
        self._listener.keep(self.connection)
        words = self._listener.ending()
        try:
            self._send(words.status, words)
        finally:
            self._listener.told()

    def _host(self) -> str:
        return self.headers.get("Host", "")

    def _body(self) -> str | None:
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        length = self.headers.get("Content-Length", "")
        if kind != FORM or not _LENGTH.fullmatch(length) or int(length) > LARGEST_BODY:
            return None
        return self.rfile.read(int(length)).decode("utf-8", "replace")

    def _send(self, status: int, words: Words) -> None:
        self.close_connection = True
        body = render(words)
        self.send_response(status)
        for name, value in headers(body).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _opened(redirect_uri: str | None) -> tuple[Place, list[socket.socket]]:
    if redirect_uri is not None:
        place = place_of(redirect_uri)
        return place, _bound(place)
    for port in PORTS:
        place = place_of(f"http://localhost:{port}")
        with suppress(OSError):
            return place, _bound(place)
    raise OSError(errno.EADDRINUSE, f"no port from {PORTS[0]} to {PORTS[-1]} is free")


def _bound(place: Place) -> list[socket.socket]:
    """Listen on every address of a place, or on none; a family that this machine lacks is left out."""
    bound: list[socket.socket] = []
    try:
        bound.extend(_each_bound(place))
    except OSError:
        _close(bound)
        raise
    if not bound:
        raise OSError(errno.EADDRNOTAVAIL, "this machine has no loopback address for it")
    return bound


def _each_bound(place: Place) -> Iterator[socket.socket]:
    for family, address in place.addresses:
        listening = _listening_if_there(family, address, place.port)
        if listening is not None:
            yield listening


def _listening_if_there(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
    try:
        return _listening(family, address, port)
    except OSError as exception:
        if exception.errno in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
            return None
        raise


def _listening(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    """Return a socket that nobody else can share the port with."""
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # On Windows SO_REUSEADDR would let others in; elsewhere it only forgives connections that linger.
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        listening.setsockopt(socket.SOL_SOCKET, exclusive or socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, port))
        listening.listen(4 * MOST_CONNECTIONS)
        listening.settimeout(0)
    except OSError:
        listening.close()
        raise
    return listening


def _close(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        each.close()
