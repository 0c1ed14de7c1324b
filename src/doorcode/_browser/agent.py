"""What brings a user to the sign-in page and the answer back: one for a window here, one for a screen elsewhere."""

from __future__ import annotations

from typing import Protocol

from doorcode._core.flows.browser_steps import Redirect, SignInPage
from doorcode._core.model import Failure


class BrowserAgent(Protocol):
    """One sign-in's way to a browser and back. Each method blocks; ``close`` ends the others, from any thread."""

    response_mode: str

    def start(self) -> str | Failure:
        """Return the redirect URI at which the answer can be had."""
        ...

    def show(self, page: SignInPage, left: float) -> Failure | None:
        """Bring the user to the page; they have so many seconds left."""
        ...

    def wait(self, page: SignInPage, seconds: float) -> Redirect | Failure | None:
        """Return the answer; None when there is none within so many seconds."""
        ...

    def conclude(self, failure: Failure | None, seconds: float) -> None:
        """Tell the user how it ended, which may take so many seconds."""
        ...

    def close(self) -> None:
        """Let go of whatever is held: a port, a terminal."""
        ...
