"""The loopback server of a sign-in (RFC 8252 7.3), which answers the redirect URI and the links to the sign-in page."""

from __future__ import annotations

import errno
import re
import selectors
import socket
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from types import MappingProxyType
from typing import Any, ClassVar, Final, cast
from urllib.parse import urlsplit

from doorcode._browser.answers import BrowserAnswers, SentOn, Visitor
from doorcode._browser.loopback import close_all, listen
from doorcode._browser.result_page import ELSEWHERE, GIVEN_UP, Words, headers, render
from doorcode._core.flows.browser_steps import Redirect

READ_TIMEOUT: Final = 5.0
"""Seconds that a client may stay silent in the middle of its request."""
LARGEST_BODY: Final = 64 * 1024
"""The most bytes of a form; an answer has a few thousand."""
MOST_CONNECTIONS: Final = 32
"""The most open connections; the oldest is cut, so that silent clients cannot block the browser."""
LONGEST_HOLD: Final = 40.0
"""Seconds that the browser waits for its result page, while the code is redeemed."""
FORM: Final = "application/x-www-form-urlencoded"
_LENGTH: Final = re.compile(r"[0-9]{1,6}", re.ASCII)


class Listener:
    """Listen for one redirect. Thread-safe; its threads are daemons, and end when it is closed.

    Args:
        redirect_uri: http on loopback with a port; None takes the first free one of ``PORTS`` on ``localhost``.

    Raises:
        OSError: the port is taken, on either address family; none of ``PORTS`` is free; or no thread can be started.
    """

    def __init__(self, redirect_uri: str | None = None) -> None:
        self._place, self._sockets = listen(redirect_uri)
        self.redirect_uri = self._place.uri
        self._lock = threading.Lock()
        self.answers = BrowserAnswers()
        self._words: Words = GIVEN_UP
        self._ended, self._page_sent = threading.Event(), threading.Event()
        self._connections: deque[socket.socket] = deque()
        try:
            self._wake_sender, self._wake_receiver = socket.socketpair()
        except OSError:
            close_all(self._sockets)
            raise
        self._thread = threading.Thread(target=self._run, name="doorcode-listener", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as exception:
            self._free()
            raise OSError(errno.EAGAIN, "no further thread can be started") from exception

    def link(self, url: str) -> str:
        """Return a local address that redirects this user's browser to a page."""
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}{self.answers.link(url)}"

    def conclude(self, words: Words, seconds: float) -> None:
        """Send the browser its result page, and wait until it is sent, because the program may end right after."""
        self._words = words
        self._ended.set()
        if isinstance(self.answers.answer, Redirect):
            self._page_sent.wait(seconds)

    def close(self) -> None:
        """Stop listening; the port is free when this returns. A waiting browser gets a page that says so."""
        self._ended.set()
        with suppress(OSError):
            self._wake_sender.send(b".")
        self._thread.join(READ_TIMEOUT)
        self.answers.end()

    # -- the listening thread

    def _run(self) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                for each in (self._wake_receiver, *self._sockets):
                    selector.register(each, selectors.EVENT_READ)
                while not self._accept_ready(selector):
                    pass
        finally:
            self._free()

    def _free(self) -> None:
        for each in (*self._sockets, self._wake_receiver, self._wake_sender):
            each.close()
        self._hang_up(0)

    def _accept_ready(self, selector: selectors.BaseSelector) -> bool:
        """Accept the connections that are ready; return whether ``close`` was called."""
        ready = [key.fileobj for key, _ in selector.select()]
        for each in ready:
            if each is not self._wake_receiver:
                self._accept(each)
        return self._wake_receiver in ready

    def _accept(self, listening: Any) -> None:
        try:
            connection, address = cast("socket.socket", listening).accept()
        except OSError:  # the client is gone again
            return
        self._hang_up(MOST_CONNECTIONS - 1)
        with self._lock:
            self._connections.append(connection)
        serve = threading.Thread(target=self._serve, args=(connection, address), name="doorcode-redirect", daemon=True)
        try:
            serve.start()
        except RuntimeError:  # without a further thread, this one serves it, and other connections wait
            self._serve(connection, address)

    def _hang_up(self, most: int) -> None:
        """Cut the oldest connections until at most this many are left."""
        with self._lock:
            while len(self._connections) > most:
                with suppress(OSError):
                    self._connections.popleft().shutdown(socket.SHUT_RDWR)

    # -- a connection's thread

    def _serve(self, connection: socket.socket, address: object) -> None:
        try:
            with suppress(OSError):
                _RedirectHandler(connection, address, self)
        finally:
            self.exempt(connection)
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            connection.close()

    def exempt(self, connection: socket.socket) -> None:
        """Exempt a connection from being cut."""
        with self._lock, suppress(ValueError):
            self._connections.remove(connection)

    def is_here(self, host: str) -> bool:
        """Return whether a Host header names this listener; this refuses DNS rebinding."""
        return host.lower() in self._place.hosts

    def is_redirect(self, path: str) -> bool:
        """Return whether a path is that of the redirect URI."""
        return path == self._place.path

    def ending(self) -> Words:
        """Wait until the sign-in has ended, and return the words of its result page."""
        self._ended.wait(LONGEST_HOLD)
        return self._words

    def page_was_sent(self) -> None:
        """Note that the result page has been sent."""
        self._page_sent.set()


class _RedirectHandler(BaseHTTPRequestHandler):
    """Read one request, bounded by the limits of ``http.server``, answer it, and close the connection."""

    timeout: ClassVar[float | None] = READ_TIMEOUT
    server_version = "doorcode"
    sys_version = ""

    def __init__(self, connection: socket.socket, address: object, listener: Listener) -> None:
        self._listener = listener
        super().__init__(connection, cast("Any", address), cast("Any", None))

    def do_GET(self) -> None:
        """Redirect a browser from a link, or take an answer in the query."""
        path, _, query = self.path.partition("?")
        if not self._listener.is_here(self._host()):
            self._send(404, ELSEWHERE)
            return
        self._listener.exempt(self.connection)  # as in do_POST
        held = self._listener.answers.held(path)
        answer: Redirect | SentOn | Words | None = None
        if held is None:
            answer = self._listener.answers.visit(path, self._visitor())
        if answer is None and (held is not None or self._listener.is_redirect(path)):
            answer = self._listener.answers.take(held or query, self._visitor(), hold=False)
        self._answer(answer)

    def do_POST(self) -> None:
        """Take an answer in a form's body."""
        path, _, _ = self.path.partition("?")
        here = self._listener.is_here(self._host()) and self._listener.is_redirect(path)
        body = self._body() if here else None
        self._listener.exempt(self.connection)  # silent clients are cut, and this one has sent all that it has to
        self._answer(self._listener.answers.take(body or "", self._visitor(), hold=True))

    def send_error(self, *_: object, **__: object) -> None:
        """Answer all other requests with 404: other methods, malformed and oversized ones."""
        self._send(404, ELSEWHERE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing: the request line contains the code."""

    def _answer(self, answer: Redirect | SentOn | Words | None) -> None:
        if isinstance(answer, Redirect):
            words = self._listener.ending()
            try:
                self._send(words.status, words)
            finally:
                self._listener.page_was_sent()
        elif isinstance(answer, SentOn):
            cookie = {} if answer.cookie is None else {"Set-Cookie": answer.cookie.reveal()}
            self._send(answer.status, ELSEWHERE, {"Location": answer.location.reveal(), **cookie})
        else:
            words = answer or ELSEWHERE
            self._send(words.status, words)

    def _visitor(self) -> Visitor:
        return Visitor(self.connection, self.headers.get("Cookie", ""))

    def _host(self) -> str:
        return self.headers.get("Host", "")

    def _body(self) -> str | None:
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        length = self.headers.get("Content-Length", "")
        if kind != FORM or not _LENGTH.fullmatch(length) or int(length) > LARGEST_BODY:
            return None
        return self.rfile.read(int(length)).decode("utf-8", "replace")

    def _send(self, status: int, words: Words, more: Mapping[str, str] = MappingProxyType({})) -> None:
        self.close_connection = True
        body = render(words)
        self.send_response(status)
        for name, value in {**headers(body), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
