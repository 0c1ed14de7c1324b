"""Sign in in a browser on this machine: open the page, listen for the answer."""

from __future__ import annotations

import errno
import queue
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from doorcode._browser.launcher import is_printed, open_page
from doorcode._browser.loopback import PORTS
from doorcode._browser.redirect_server import Listener
from doorcode._browser.result_page import FINISHED, failed
from doorcode._core.flows.browser_steps import Redirect, SignInPage
from doorcode._core.messages.failures import unavailable
from doorcode._core.model import Failure
from doorcode._log import logger

_LOGGER: Final = logger(__name__)
FOREGROUND: Final = 4.0
"""Seconds after which a browser that was started and has not ended counts as open."""
_TAKEN: Final = "Another program may have the port: end it, or pass another redirect_uri."
_THREADS: Final = "Raise the limit on the processes and threads of this user (ulimit -u), or end some of them."
_INSTEAD: Final = (
    "Use DeviceCodeCredential here, or InteractiveBrowserCredential(paste=True) to open the page on another machine."
)


class LocalBrowser:
    """Open the page here and take the answer on a loopback port (RFC 8252 7.3).

    Args:
        redirect_uri: http on loopback, with a port; None takes the first port that is free.
    """

    response_mode = "form_post"

    def __init__(self, redirect_uri: str | None) -> None:
        self._redirect_uri = redirect_uri
        self._listener: Listener | None = None
        self._news: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._telling = threading.Lock()
        self._is_over = False

    def start(self) -> str | Failure:
        """Listen; return where."""
        try:
            self._listener = Listener(self._redirect_uri)
        except OSError as exception:
            where = self._redirect_uri or f"http://localhost:{PORTS[0]} to {PORTS[-1]}"
            why = f"Couldn't start an HTTP server on {where}: {exception.strerror or exception}"
            return unavailable(why, _THREADS if exception.errno == errno.EAGAIN else _TAKEN, exception)
        return self._listener.redirect_uri

    def show(self, page: SignInPage, left: float) -> Failure | None:
        """Open the page, and tell the user until when; an address that no window shows can be opened by hand."""
        if not self._opened(page, min(FOREGROUND, left / 2)):
            return unavailable("Couldn't open a browser on this machine.", _INSTEAD)
        until = datetime.fromtimestamp(time.time() + left).astimezone()
        host = urlsplit(page.url).netloc
        self._tell(
            f"To sign in at {host}, open the address above in a browser on this machine, before {until:%H:%M:%S}."
            if is_printed()
            else f"To sign in at {host}, use the browser that opens now, before {until:%H:%M:%S}. "
            # Another link than the browser's: the user may prefer another browser.
            f"If none does, open this address on this machine: {self._listening.link(page.url)}"
        )
        return None

    def wait(self, page: SignInPage, seconds: float) -> Redirect | Failure | None:  # noqa: ARG002 - the listener has it
        """Return the answer that the browser brings."""
        return self._listening.answers.wait(seconds)

    def conclude(self, failure: Failure | None, seconds: float) -> None:
        """Show the user the last page, and free the port."""
        self._end()
        self._listening.conclude(FINISHED if failure is None else failed(failure), seconds)
        self.close()

    def close(self) -> None:
        """Free the port."""
        self._end()
        if self._listener is not None:
            self._listener.close()

    def _opened(self, page: SignInPage, wait_timeout: float) -> bool:
        """Open the page; a browser that stays in the foreground is there, and so is one that has brought the answer."""
        self._listening.answers.expect(page.state, lambda: self._news.put(item=True))
        link = self._listening.link(page.url)
        threading.Thread(target=lambda: self._news.put(self._open(link)), name="doorcode-browser", daemon=True).start()
        try:
            return self._news.get(timeout=wait_timeout)
        except queue.Empty:
            return True

    def _open(self, link: str) -> bool:
        try:
            return open_page(link, lambda: not self._is_over)
        except Exception:
            _LOGGER.debug("A browser could not be opened.", exc_info=True)
            return False

    def _end(self) -> None:
        """Show nothing from now on."""
        with self._telling:
            self._is_over = True
        self._news.put(item=True)

    def _tell(self, message: str) -> None:
        """Print help on standard error, where there is one: standard output may be the program's data."""
        with self._telling, suppress(OSError, ValueError, AttributeError):
            if not self._is_over:
                print(message, file=sys.stderr, flush=True)  # noqa: T201 - this is the prompt

    @property
    def _listening(self) -> Listener:
        assert self._listener is not None, "a flow begins with Listen"
        return self._listener
