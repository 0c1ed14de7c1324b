"""Bind a sign-in to the browser of the user who started it.

Other users of the machine can read the command line with which a browser is started. The address in it is a local one,
and so holds nothing of the sign-in: the program sends the browser on from there, if it is this user's. Where the system
does not say whose browser it is, the first one that opens a link gets a cookie, and only that one is let through.
"""

from __future__ import annotations

import secrets
from enum import Enum, auto
from typing import Final

from doorcode._browser.loopback_peer import Peer

_BYTES: Final = 24


class Verdict(Enum):
    """What becomes of a request.

    ``TWICE`` says that a second browser opened a link: one of the two may be another user's.
    """

    ALLOWED = auto()
    COOKIE_NEEDED = auto()
    ANOTHER_USER = auto()
    TWICE = auto()


class BrowserBinding:
    """Know the links of one sign-in, and which browsers may use them. Not thread-safe.

    Attributes:
        cookie_name: of the cookie that a browser gets with its first visit.
    """

    def __init__(self) -> None:
        self.cookie_name = f"doorcode-{secrets.token_hex(4)}"
        self._cookies: dict[str, str] = {}
        self._visited: set[str] = set()

    def link(self) -> str:
        """Return the path of a new link; each may be opened by one browser where users cannot be told apart."""
        path = f"/{secrets.token_urlsafe(_BYTES)}"
        self._cookies[path] = secrets.token_urlsafe(_BYTES)
        return path

    def is_link(self, path: str) -> bool:
        """Return whether a path is one of the links."""
        return path in self._cookies

    def visit(self, path: str, peer: Peer, cookies: str) -> Verdict:
        """Decide whether a browser that opened a link is sent on.

        Args:
            path: of the link.
            peer: whose browser it is.
            cookies: the request's Cookie header, "" without one.
        """
        if peer is Peer.ANOTHER_USER:
            return Verdict.ANOTHER_USER
        if peer is Peer.UNKNOWN and path in self._visited and self._cookie_in(cookies) != self._cookies[path]:
            return Verdict.TWICE
        self._visited.add(path)
        return Verdict.ALLOWED

    def answer(self, peer: Peer, cookies: str) -> Verdict:
        """Decide whether a browser may bring the answer.

        Args:
            peer: whose browser it is.
            cookies: as for ``visit``.
        """
        if peer is Peer.ANOTHER_USER:
            return Verdict.ANOTHER_USER
        given = {self._cookies[path] for path in self._visited}
        known = peer is Peer.THIS_USER or self._cookie_in(cookies) in given
        return Verdict.ALLOWED if known else Verdict.COOKIE_NEEDED

    def set_cookie(self, path: str) -> str:
        """Return the Set-Cookie header for the browser that opened a link (RFC 6265 4.1)."""
        return f"{self.cookie_name}={self._cookies[path]}; Path=/; HttpOnly; SameSite=Lax"

    def _cookie_in(self, cookies: str) -> str | None:
        # Other programs' cookies on localhost may be anything, so the whole header is not read as cookies.
        pairs = (each.strip().partition("=") for each in cookies.split(";"))
        return next((value for name, _, value in pairs if name == self.cookie_name), None)
