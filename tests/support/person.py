"""A user with a browser, as far as HTTP goes: opens a page, signs in, and is sent on to the program."""

from __future__ import annotations

import html
import re
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from urllib.parse import parse_qs, urlsplit

import requests

from doorcode.emulator import Emulator
from support.signing import PATIENCE, start


class Person:
    """Stand in for ``webbrowser.open``: what is opened is visited in a thread of its own.

    Attributes:
        links: what was opened: local addresses.
        urls: the pages that the browser was sent on to from there.
        does: what the user does with a page; returns the page that they end on, or None.
    """

    def __init__(self, authority: Emulator) -> None:
        self._authority = authority
        self.links: list[str] = []
        self.urls: list[str] = []
        self.visits: list[Future[requests.Response | None]] = []
        self.does: Callable[[str], requests.Response | None] = self.sign_in

    def open(self, url: str) -> bool:
        """Open a page, with one argument, as the browser credential does."""
        self.links.append(url)
        page = sent_on(url)
        self.urls.append(page)
        listed = threading.Event()

        def visit() -> requests.Response | None:
            listed.wait(PATIENCE)
            return self.does(page)

        self.visits.append(start(visit))
        listed.set()
        return True

    def sign_in(self, url: str) -> requests.Response:
        """Sign in, and return the page that the program shows at the end."""
        return post(self.redirect_uri(url), self.answer(url))

    def answer(self, url: str) -> dict[str, str]:
        """Sign in, and return what the authority sends to the program, without sending it."""
        page = requests.get(url, verify=self._authority.ca_file, timeout=PATIENCE, allow_redirects=False)
        if page.status_code == requests.codes.found:
            return {name: values[0] for name, values in parse_qs(urlsplit(page.headers["Location"]).query).items()}
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        return {name: html.unescape(value) for name, value in fields}

    @staticmethod
    def redirect_uri(url: str) -> str:
        """Return where a page sends people on to."""
        return query_of(url)["redirect_uri"]

    def last_page(self) -> requests.Response:
        """Return the page that the user ended on."""
        page = self.visits[-1].result(PATIENCE)
        assert page is not None
        return page


def sent_on(url: str) -> str:
    """Return the page that a local address of the program's leads to; another address is a page already."""
    if not url.startswith("http://localhost:") and not url.startswith("http://127.0.0.1:"):
        return url
    visit = requests.get(url, timeout=PATIENCE, allow_redirects=False, headers={"Connection": "close"})
    assert visit.status_code == requests.codes.found, visit.text
    return visit.headers["Location"]


def query_of(url: str) -> dict[str, str]:
    """Return the query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def get(address: str, fields: dict[str, str] | None = None) -> requests.Response:
    """Open an address of the program's."""
    return requests.get(address, params=fields, timeout=PATIENCE, headers={"Connection": "close"})


def post(address: str, fields: dict[str, str]) -> requests.Response:
    """Send a form to the program."""
    return requests.post(address, data=fields, timeout=PATIENCE, headers={"Connection": "close"})


def free_port() -> int:
    """Return a port that nobody listens on, on either loopback address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def is_free(port: int) -> bool:
    """Return whether a port can be had on both loopback addresses."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((address, port))
            except OSError:
                return False
    return True
