"""The Protocol of agents, which show the sign-in page and return the redirect, and the agent of a credential."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing
from typing import Protocol, cast

from doorcode._browser.paste import Paste, PastePrompt
from doorcode._config import Config
from doorcode._core.checks import check_loopback_uri, check_redirect_uri
from doorcode._core.clouds import DEVELOPER_CLIENT_ID
from doorcode._core.flows.browser_steps import Redirect, SignInPage
from doorcode._core.model import Failure, Tokens


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

    def conclude(self, outcome: Tokens | Failure, seconds: float) -> None:
        """Tell the user how the sign-in ended, within this many seconds."""
        ...

    def close(self) -> None:
        """Release the port or the terminal."""
        ...


def check_redirect(redirect_uri: object, paste: object) -> str | None:
    """Check ``redirect_uri`` and ``paste``.

    Raises:
        TypeError: a value has the wrong type.
        ValueError: the redirect URI has no port, or leads to another machine and ``paste`` is not set.
    """
    if not isinstance(paste, bool) and not callable(paste):
        message = f"paste must be True, False or callable with a PasteRequest, not {type(paste).__name__}"
        raise TypeError(message)
    if redirect_uri is None or redirect_uri == "":
        return None
    return check_redirect_uri(redirect_uri) if paste else check_loopback_uri(redirect_uri)


def open_agent(paste: object, redirect_uri: str | None, config: Config) -> AbstractContextManager[BrowserAgent]:
    """Return the agent for a sign-in, for a ``with`` statement that closes it.

    Args:
        paste: False for a browser on this machine, True for the terminal, or the program's own prompt.
        redirect_uri: the redirect URI, or None for the default.
        config: the credential's configuration.
    """
    if paste is False:
        from doorcode._browser.local import LocalBrowser

        return closing(LocalBrowser(redirect_uri, _known_as(config.client_id)))
    prompt = None if paste is True else cast("PastePrompt", paste)
    return closing(Paste(prompt, redirect_uri, config.client_id, config.authority.netloc))


def _known_as(client_id: str) -> str:
    """Return the name that the authority's pages have for an application, where this library knows it."""
    return "Microsoft Azure CLI" if client_id == DEVELOPER_CLIENT_ID else client_id
