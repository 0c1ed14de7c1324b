"""Sign in in a browser on this machine: open the page, listen for the answer."""

from __future__ import annotations

import queue
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from doorcode._core.browser_steps import Redirect, SignInPage
from doorcode._core.failures import unavailable
from doorcode._core.steps import Failure
from doorcode._last_page import FINISHED, failed
from doorcode._listener import PORTS, Listener
from doorcode._opening import open_page

FOREGROUND: Final = 4.0
"""Seconds after which a browser that was started and has not ended counts as open."""
_INSTEAD: Final = (
    "Use DeviceCodeCredential here, or InteractiveBrowserCredential(paste=True) to open the page on another machine."
)


class Window:
    """Open the page here and take the answer on a loopback port (RFC 8252 7.3).

    Args:
        redirect_uri: http on loopback, with a port; None takes the first port that is free.
    """

    response_mode = "form_post"

    def __init__(self, redirect_uri: str | None) -> None:
        self._redirect_uri = redirect_uri
        self._listener: Listener | None = None

    def start(self) -> str | Failure:
        """Listen; return where."""
        try:
            self._listener = Listener(self._redirect_uri)
        except OSError as exception:
            where = self._redirect_uri or f"http://localhost:{PORTS[0]} to {PORTS[-1]}"
            why = f"Couldn't start an HTTP server on {where}: {exception.strerror or exception}"
            return unavailable(why, "Another program may have the port: end it, or pass another redirect_uri.")
        return self._listener.redirect_uri

    def show(self, page: SignInPage, left: float) -> Failure | None:
        """Open the page, and tell the person until when; an address that no window shows can be opened by hand."""
        if not self._opened(page):
            return unavailable("Couldn't open a browser on this machine.", _INSTEAD)
        until = datetime.fromtimestamp(time.time() + left).astimezone()
        _tell(
            f"To sign in at {urlsplit(page.url).netloc}, use the browser that opens now, before {until:%H:%M:%S}. "
            f"If none does, open this address on this machine: {page.url}"
        )
        return None

    def wait(self, page: SignInPage, seconds: float) -> Redirect | None:  # noqa: ARG002 - the listener knows its page
        """Return the answer that the browser brings."""
        return self._listening.wait(seconds)

    def conclude(self, failure: Failure | None, seconds: float) -> None:
        """Show the person the last page, and free the port."""
        self._listening.conclude(FINISHED if failure is None else failed(failure), seconds)
        self.close()

    def close(self) -> None:
        """Free the port."""
        if self._listener is not None:
            self._listener.close()

    def _opened(self, page: SignInPage) -> bool:
        """Open the page; a browser that stays in the foreground is there, and so is one that has brought the answer."""
        news: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._listening.expect(page.state, lambda: news.put(item=True))
        threading.Thread(target=lambda: news.put(open_page(page.url)), name="doorcode-browser", daemon=True).start()
        try:
            return news.get(timeout=FOREGROUND)
        except queue.Empty:
            return True

    @property
    def _listening(self) -> Listener:
        assert self._listener is not None, "a flow begins with Listen"
        return self._listener


def _tell(message: str) -> None:
    """Print help on standard error, where there is one: standard output may be the program's data."""
    with suppress(OSError, ValueError, AttributeError):
        print(message, file=sys.stderr, flush=True)  # noqa: T201 - this is the prompt
