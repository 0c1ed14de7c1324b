"""Decide how the redirect server answers each request of a sign-in.

This user's browser opens a link, is redirected to the sign-in page, and brings the answer. All others are refused.
"""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable
from typing import Final

from doorcode._browser.binding import BrowserBinding, Verdict
from doorcode._browser.loopback_peer import Peer, peer_of
from doorcode._browser.result_page import ANOTHER_USER, NO_COOKIE, OPENED_TWICE, Words
from doorcode._core.flows.auth_code import read_redirect
from doorcode._core.flows.browser_steps import Redirect
from doorcode._core.messages.failures import opened_twice
from doorcode._core.model import Failure
from doorcode._core.secret import Secret
from doorcode._core.values import value_class
from doorcode._log import logger

_LOGGER: Final = logger("doorcode")
MOST_HELD: Final = 8
"""The most answers to hold until their browser shows its cookie."""


@value_class(frozen=True, slots=True)
class Visitor:
    """The sender of a request.

    Attributes:
        connection: the connection of the request.
        cookies: the Cookie header, or "".
    """

    connection: socket.socket
    cookies: str

    @property
    def peer(self) -> Peer:
        """Return the user whose browser sent the request."""
        return peer_of(self.connection)


@value_class(frozen=True, slots=True)
class SentOn:
    """A redirect of the browser, with its cookie.

    Attributes:
        location: the address; the sign-in page's address contains the state.
        cookie: a Set-Cookie header, or None.
        status: 302; or 303 in answer to a form (RFC 9110 15.4.4).
    """

    location: Secret
    cookie: Secret | None = None
    status: int = 302


class BrowserAnswers:
    """Redirect this user's browser to the sign-in page, and take the answer that it brings. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: Secret | None = None
        self._notify: Callable[[], object] = lambda: None
        self._binding = BrowserBinding()
        self._pages: dict[str, Secret] = {}
        self._held: dict[str, Secret] = {}
        self._warned = False
        self._arrived, self._ended = threading.Event(), threading.Event()
        self.answer: Redirect | Failure | None = None

    def expect(self, state: Secret, arrived: Callable[[], object] = lambda: None) -> None:
        """Set the expected answer. Before this call, and with another ``state``, every answer is refused.

        Args:
            state: the state of the sign-in page.
            arrived: called once, when the answer has come.
        """
        with self._lock:
            self._state, self._notify = state, arrived

    def link(self, url: str) -> str:
        """Return the path of a new local address that redirects this user's browser to a page.

        Other users of the machine may see the address, for example in a command line.
        """
        with self._lock:
            path = self._binding.link()
            self._pages[path] = Secret(url)
        return path

    def wait(self, seconds: float) -> Redirect | Failure | None:
        """Wait for the answer.

        Returns:
            the answer; a failure if two browsers opened one link; None if no answer comes within this many seconds, or
            ``end`` was called.
        """
        self._arrived.wait(min(seconds, threading.TIMEOUT_MAX))
        return self.answer

    def end(self) -> None:
        """Refuse answers from now on, and end every ``wait``."""
        self._ended.set()
        self._arrived.set()

    def visit(self, path: str, visitor: Visitor) -> SentOn | Words | None:
        """Return the redirect or the page for a browser that opened a link; None if the path is no link."""
        with self._lock:
            page = self._pages.get(path)
            if page is None or self._is_over:
                return None
            verdict = self._binding.visit(path, visitor.peer, visitor.cookies)
            cookie = Secret(self._binding.set_cookie(path))
        if verdict is Verdict.ALLOWED:
            return SentOn(page, cookie)
        if verdict is Verdict.TWICE:
            self._arrive(opened_twice())
            return OPENED_TWICE
        return self._refuse()

    def take(self, fields: str, visitor: Visitor, *, hold: bool) -> Redirect | SentOn | Words | None:
        """Take an answer if it is the expected one, the first, and comes from this user's browser.

        Args:
            fields: the query or the form.
            visitor: the sender.
            hold: whether the browser may have left its cookie out. Browsers send a form of another site's page without
                cookies; the request after a 303 has them (RFC 6265bis 5.2).

        Returns:
            the answer, if it was taken; else a redirect or a page for the browser; None if the answer is not expected.
        """
        with self._lock:
            redirect = None if self._is_over or self._state is None else read_redirect(fields, self._state)
            if redirect is None:
                return None
            verdict = self._binding.answer(visitor.peer, visitor.cookies)
        if verdict is Verdict.ALLOWED:
            return redirect if self._arrive(redirect) else None
        if verdict is Verdict.ANOTHER_USER:
            return self._refuse()
        return SentOn(self._hold(fields), status=303) if hold else NO_COOKIE

    def held(self, path: str) -> str | None:
        """Return the answer that is held under a path until its browser shows the cookie."""
        with self._lock:
            fields = self._held.pop(path, None)
        return None if fields is None else fields.reveal()

    @property
    def _is_over(self) -> bool:
        return self.answer is not None or self._ended.is_set()

    def _hold(self, fields: str) -> Secret:
        path = f"/{secrets.token_urlsafe(24)}"
        with self._lock:
            self._held[path] = Secret(fields)
            while len(self._held) > MOST_HELD:
                del self._held[next(iter(self._held))]
        return Secret(path)

    def _arrive(self, redirect: Redirect | Failure) -> bool:
        with self._lock:
            if self._is_over:
                return False
            self.answer = redirect
        self._arrived.set()
        self._notify()
        return True

    def _refuse(self) -> Words:
        if not self._warned:
            self._warned = True
            _LOGGER.warning("Another user of this machine tried to take part in a sign-in in the browser; refused.")
        return ANOTHER_USER
