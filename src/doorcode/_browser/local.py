"""Sign the user in with a browser on this machine: open the page, and listen for the redirect."""

from __future__ import annotations

import errno
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import datetime
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

from doorcode._browser.launcher import is_printed, open_page
from doorcode._browser.loopback import PORTS
from doorcode._browser.redirect_server import Listener
from doorcode._browser.result_page import failed, finished
from doorcode._core.display import LONGEST_NAME, account_name, one_line
from doorcode._core.flows.browser_steps import Redirect, SignInPage
from doorcode._core.messages.descriptors import FREE_DESCRIPTORS, is_without_descriptors
from doorcode._core.messages.failures import unavailable
from doorcode._core.model import Failure, Tokens

FOREGROUND: Final = 4.0
"""Seconds after which a browser command that is still running counts as an open browser."""
_TAKEN: Final = "Another program may have the port: end it, or pass another redirect_uri."
_THREADS: Final = "Raise the limit on the processes and threads of this user (ulimit -u), or end some of them."
_INSTEAD: Final = (
    "Use DeviceCodeCredential here, or InteractiveBrowserCredential(paste=True) to open the page on another machine."
)


class LocalBrowser:
    """Open the page on this machine, and receive the redirect on a loopback port (RFC 8252 7.3).

    Args:
        redirect_uri: an http URI on loopback with a port; None takes the first free port.
        application: the name of the application that the user signs in to, for the result page.
    """

    response_mode = "form_post"

    def __init__(self, redirect_uri: str | None, application: str = "") -> None:
        self._redirect_uri = redirect_uri
        self._application = application
        self._listener: Listener | None = None
        self._events: deque[bool] = deque()
        self._wake = threading.Event()
        self._output_lock = threading.Lock()
        self._is_over = False

    def start(self) -> str | Failure:
        """Start to listen, and return the redirect URI."""
        try:
            self._listener = Listener(self._redirect_uri)
        except OSError as exception:
            where = self._redirect_uri or f"http://localhost:{PORTS[0]} to {PORTS[-1]}"
            why = f"Couldn't start an HTTP server on {where}: {exception.strerror or exception}"
            return unavailable(why, _advice(exception), exception)
        return self._listener.redirect_uri

    def show(self, page: SignInPage, left: float) -> Failure | None:
        """Open the page, and print its address and the time limit, so that the user can open it by hand too."""
        try:
            opened = self._opened(page, min(FOREGROUND, left / 2))
        except RuntimeError as exception:
            return unavailable("Couldn't start a thread to open a browser in.", _THREADS, exception)
        if not opened:
            return unavailable("Couldn't open a browser on this machine.", _INSTEAD)
        until = datetime.fromtimestamp(time.time() + left).astimezone()
        host = urlsplit(page.url).netloc
        self._tell(
            f"To sign in at {host}, open the address above in a browser on this machine, before {until:%H:%M:%S}."
            if is_printed()
            else f"To sign in at {host}, use the browser that opens now, before {until:%H:%M:%S}. "
            # A second link, because one link works in one browser only, and the user may prefer another one.
            f"If none does, open this address on this machine: {self._listening.link(page.url)}"
        )
        return None

    def wait(self, page: SignInPage, seconds: float) -> Redirect | Failure | None:  # noqa: ARG002 - the listener has it
        """Return the redirect that the browser brings."""
        return self._listening.answers.wait(seconds)

    def conclude(self, outcome: Tokens | Failure, seconds: float) -> None:
        """Show the user the result page, and free the port."""
        self._end()
        if isinstance(outcome, Failure):
            words = failed(outcome)
        else:
            identity = outcome.identity
            username = "" if identity is None else account_name(identity.username, identity.home_account_id)
            words = finished(username, program_name(sys.argv), self._application)
        self._listening.conclude(words, seconds)
        self.close()

    def close(self) -> None:
        """Free the port."""
        self._end()
        if self._listener is not None:
            self._listener.close()

    def _opened(self, page: SignInPage, wait_timeout: float) -> bool:
        """Open the page; return whether a browser opened it, is still running, or has brought the answer."""
        self._listening.answers.expect(page.state, lambda: self._put(event=True))
        link = self._listening.link(page.url)
        threading.Thread(target=self._open, args=[link], name="doorcode-browser", daemon=True).start()
        return self._events.popleft() if self._wake.wait(wait_timeout) else True

    def _open(self, link: str) -> None:
        self._put(open_page(link, lambda: not self._is_over))

    def _put(self, event: bool) -> None:  # noqa: FBT001 - one event of a queue
        self._events.append(event)
        self._wake.set()

    def _end(self) -> None:
        """Print nothing and open no browser from now on."""
        with self._output_lock:
            self._is_over = True
        self._put(event=True)

    def _tell(self, message: str) -> None:
        """Print a message on standard error, if there is one: standard output may be the program's data."""
        with self._output_lock, suppress(OSError, ValueError, AttributeError):
            if not self._is_over:
                print(message, file=sys.stderr, flush=True)  # noqa: T201 - this is the prompt

    @property
    def _listening(self) -> Listener:
        assert self._listener is not None, "a flow begins with Listen"
        return self._listener


def _advice(error: OSError) -> str:
    if is_without_descriptors(error):
        return FREE_DESCRIPTORS
    return _THREADS if error.errno == errno.EAGAIN else _TAKEN


def program_name(argv: list[str]) -> str:
    """Return the name of the running program, as its user knows it."""
    path = PurePath(argv[0]) if argv else PurePath()
    if path.name == "__main__.py":
        path = path.parent
    if path.stem == "ipykernel_launcher":
        return "a notebook"
    return one_line(path.name, LONGEST_NAME) if path.name not in {"", "-c", "-m"} else "Python"
