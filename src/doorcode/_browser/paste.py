"""Sign in in a browser on another machine: the user opens an address there and brings the one it ends on back."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import field
from datetime import datetime, timezone
from typing import Final, TypeAlias

from doorcode._browser.terminal import Terminal, is_there
from doorcode._core.clouds import DEVELOPER_CLIENT_ID
from doorcode._core.flows.auth_code import read_address
from doorcode._core.flows.browser_steps import Redirect, SignInPage
from doorcode._core.messages.failures import prompt_failed, unavailable
from doorcode._core.model import Failure
from doorcode._core.values import dataclass
from doorcode._session.prompt import prompting

REDIRECT_URI: Final = "http://localhost:8400"
"""Where the user's browser ends, if the program names nothing else; nobody listens there."""
MOST_TRIES: Final = 5
"""Pastes of something else before the sign-in is given up."""


@dataclass(frozen=True, slots=True)
class PasteRequest:
    """What to show a user who signs in on another machine, and to whom they give the address they end on.

    ``str()`` of it is all of it in words. Show the application, the host and ``warning`` before the address: people are
    tricked into signing a stranger in this way.

    Attributes:
        url: the address to open in a browser, anywhere.
        redirect_uri: what the address begins with that they are to bring back.
        application: the application that they sign in to, its name where it is known.
        host: where they sign in.
        expires_on: until when, an aware UTC ``datetime``.
        problem: what was wrong with the address that they brought before; None the first time.
    """

    url: str = field(repr=False)
    redirect_uri: str
    application: str
    host: str
    expires_on: datetime
    problem: str | None = None

    @property
    def warning(self) -> str:
        """Return what a user must know before they bring the address to anybody."""
        return (
            "Go on only if you started this program yourself, just now. The address that you end on lets who has it "
            "into your account. Give it to this program alone: nobody else may ask you for it, whoever they say to be."
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
"""Shows a request to the user and returns what they paste; called in a thread of its own, so that it may block."""


class Paste:
    """Let the user carry the answer.

    Args:
        prompt: the program's own; None is the terminal.
        redirect_uri: None for the default.
        client_id: of the application.
        host: of the authority.
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
        """Do nothing: the page is shown together with the question for the address."""

    def wait(self, page: SignInPage, seconds: float) -> Redirect | Failure | None:
        """Ask until the user brings the address of this very sign-in."""
        expires_on = datetime.fromtimestamp(time.time() + seconds, timezone.utc)
        problem: str | None = None
        for _ in range(MOST_TRIES):
            if self._is_over.is_set():
                return None
            request = PasteRequest(page.url, page.redirect_uri, self._application, self._host, expires_on, problem)
            with prompting("paste"):
                text = self._prompt(request)
            answer = read_address(text, page)
            if isinstance(answer, Redirect):
                return answer
            problem = answer
        return prompt_failed(f"the address of this sign-in was not pasted in {MOST_TRIES} tries. {problem}")

    def conclude(self, failure: Failure | None, seconds: float) -> None:
        """Do nothing: the program has the user's eye."""

    def close(self) -> None:
        """Ask no more, and give the terminal back."""
        self._is_over.set()
        self._terminal.close()

    def _ask_at_terminal(self, request: PasteRequest) -> str:
        return self._terminal.read(lambda: print(request, file=sys.stderr, flush=True))  # noqa: T201 - the prompt
