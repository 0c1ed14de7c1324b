"""Sign the user in with a browser on another machine: the user opens an address there and pastes the final one here."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Final, TypeAlias, cast

from doorcode._browser.terminal import Terminal, is_there
from doorcode._core.clouds import DEVELOPER_CLIENT_ID
from doorcode._core.flows.auth_code import read_address
from doorcode._core.flows.browser_steps import Redirect, SignInPage
from doorcode._core.messages.failures import prompt_failed, unavailable
from doorcode._core.model import Failure, Tokens
from doorcode._core.values import field, value_class
from doorcode._session.prompt import print_whole, prompting

REDIRECT_URI: Final = "http://localhost:8400"
"""The default redirect URI, where the user's browser ends; no program listens there."""
MOST_TRIES: Final = 5
"""How many wrong pastes end the sign-in."""


@value_class(frozen=True, slots=True)
class PasteRequest:
    """The content of a prompt for a user who signs in on another machine.

    ``str()`` returns the whole text. A prompt of your own must show the application, the host and ``warning`` before
    the address, because attackers trick users into signing in for them in this way.

    Attributes:
        url: the address to open in a browser on any machine.
        redirect_uri: the beginning of the address that the user pastes.
        application: the application that the user signs in to, with its name if it is known.
        host: the authority where the user signs in.
        expires_on: when the prompt expires, as an aware UTC ``datetime``.
        problem: what was wrong with the address that the user pasted before; None the first time.
    """

    url: str = field(repr=False)
    redirect_uri: str
    application: str
    host: str
    expires_on: datetime
    problem: str | None = None

    @property
    def warning(self) -> str:
        """Return the warning that a user must read before they paste the address."""
        return (
            "Go on only if you started this program yourself, just now. The address that you end on gives access to "
            "your account. Paste it into this program only, and give it to no one else, even if they claim to help you."
        )

    def __str__(self) -> str:
        until = f"{self.expires_on.astimezone():%H:%M:%S}"
        if self.problem is not None:
            return f"{self.problem}\nPaste the whole address (it is not shown), then press Enter, before {until}:"
        return (
            f"This program asks you to sign in.\n"
            f"  application:  {self.application}\n"
            f"  signing in at: {self.host}\n"
            f"{self.warning}\n\n"
            f"1. Open this address in a browser on any machine:\n\n{self.url}\n\n"
            f"2. Sign in. The browser ends at {self.redirect_uri} and can show nothing there: that is right.\n"
            f"3. Copy the whole address, paste it here (it is not shown) and press Enter, before {until}:"
        )


PastePrompt: TypeAlias = Callable[[PasteRequest], str]
"""Shows a request to the user and returns what they paste; it is called in its own thread and may block."""


class Paste:
    """Ask the user to paste the address that the browser ends on.

    Args:
        prompt: the program's own prompt; None asks at the terminal.
        redirect_uri: the redirect URI, or None for the default.
        client_id: the application's client ID.
        host: the authority's host.
    """

    response_mode = "query"

    def __init__(self, prompt: PastePrompt | None, redirect_uri: str | None, client_id: str, host: str) -> None:
        self._terminal = Terminal()
        self._is_over = threading.Event()
        self._needs_terminal = prompt is None
        self._prompt = prompt or self._ask_at_terminal
        self._redirect_uri = redirect_uri or REDIRECT_URI
        known = " (Microsoft's own for developers, the Azure CLI)" if client_id == DEVELOPER_CLIENT_ID else ""
        self._application = client_id + known
        self._host = host

    def start(self) -> str | Failure:
        """Return the redirect URI."""
        if self._needs_terminal and not is_there():
            return unavailable("paste=True needs a terminal, and there is none.", "Pass a prompt: paste=function.")
        return self._redirect_uri

    def show(self, page: SignInPage, left: float) -> None:
        """Do nothing: ``wait`` shows the page's address together with its question."""

    def wait(self, page: SignInPage, seconds: float) -> Redirect | Failure | None:
        """Ask until the user pastes the address of this sign-in."""
        expires_on = datetime.fromtimestamp(time.time() + seconds, timezone.utc)
        problem: str | None = None
        for _ in range(MOST_TRIES):
            if self._is_over.is_set():
                return None
            request = PasteRequest(page.url, page.redirect_uri, self._application, self._host, expires_on, problem)
            text = self._asked(request)
            if isinstance(text, Failure):
                return text
            if not isinstance(text, str):
                kind = "None" if text is None else type(text).__name__
                return prompt_failed(
                    f"paste returned {kind}, and must return the address that the user pasted, as text"
                )
            answer = read_address(text, page)
            if isinstance(answer, Redirect):
                return answer
            problem = answer
        return prompt_failed(f"the address of this sign-in was not pasted in {MOST_TRIES} tries. {problem}")

    def _asked(self, request: PasteRequest) -> object:
        """Return what the prompt returned; a failure where the user has ended the terminal's input."""
        with prompting("paste"):
            try:
                return cast("object", self._prompt(request))
            except EOFError:
                if not self._needs_terminal:
                    raise
                return prompt_failed("the input has ended before the address was pasted")

    def conclude(self, outcome: Tokens | Failure, seconds: float) -> None:
        """Do nothing: the program itself shows the user how the sign-in ended."""

    def close(self) -> None:
        """Stop asking, and restore the terminal."""
        self._is_over.set()
        self._terminal.close()

    def _ask_at_terminal(self, request: PasteRequest) -> str:
        return self._terminal.read(lambda: print_whole(str(request), sys.stderr))
