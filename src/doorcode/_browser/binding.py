"""Bind a sign-in to the browser of the user who started it.

Other users of the machine can read the command line that starts a browser. The address in it is a local link without
any data of the sign-in, and the program redirects only this user's browser from there. If the system does not tell
whose browser opens a link, the first browser gets a cookie, and only that one is let through.
"""

from __future__ import annotations

import secrets
from enum import Enum, auto
from typing import Final

from doorcode._browser.loopback_peer import Peer

_BYTES: Final = 24


class Verdict(Enum):
    """The decision about a request.

    ``TWICE``: a second browser opened a link, and one of the two may belong to another user.
    """

    ALLOWED = auto()
    COOKIE_NEEDED = auto()
    ANOTHER_USER = auto()
    TWICE = auto()


class BrowserBinding:
    """The links of one sign-in, and the browsers that may use them. Not thread-safe.

    Attributes:
        cookie_name: the name of the cookie that a browser gets at its first visit.
    """

    def __init__(self) -> None:
        self.cookie_name = f"doorcode-{secrets.token_hex(4)}"
        self._cookies: dict[str, str] = {}
        self._visited: set[str] = set()

    def link(self) -> str:
        """Return the path of a new link; if the system does not tell users apart, only one browser may open it."""
        path = f"/{secrets.token_urlsafe(_BYTES)}"
        self._cookies[path] = secrets.token_urlsafe(_BYTES)
        return path

    def visit(self, path: str, peer: Peer, cookies: str) -> Verdict:
        """Decide whether a browser that opened a link is redirected to the page.

        Args:
            path: the path of the link.
            peer: the browser's user.
            cookies: the request's Cookie header, or "".
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
            peer: the browser's user.
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
        # Other programs set cookies of any form on localhost, so a strict parser could fail on the header.
        pairs = (each.strip().partition("=") for each in cookies.split(";"))
        return next((value for name, _, value in pairs if name == self.cookie_name), None)
