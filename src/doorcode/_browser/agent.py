"""The Protocol of the agents that show the sign-in page to the user and return the redirect of the authority."""

from __future__ import annotations

from typing import Protocol

from doorcode._core.flows.browser_steps import Redirect, SignInPage
from doorcode._core.model import Failure


class BrowserAgent(Protocol):
    """The browser's part of one sign-in. Each method blocks; any thread may call ``close``, which ends the others."""

    response_mode: str

    def start(self) -> str | Failure:
        """Return the redirect URI of this sign-in."""
        ...

    def show(self, page: SignInPage, left: float) -> Failure | None:
        """Show the page to the user, who has this many seconds left."""
        ...

    def wait(self, page: SignInPage, seconds: float) -> Redirect | Failure | None:
        """Return the redirect; None if none comes within this many seconds."""
        ...

    def conclude(self, failure: Failure | None, seconds: float) -> None:
        """Tell the user how the sign-in ended, within this many seconds."""
        ...

    def close(self) -> None:
        """Release the port or the terminal."""
        ...
