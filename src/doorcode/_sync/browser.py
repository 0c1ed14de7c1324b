"""InteractiveBrowserCredential: a user signs in in a browser, on this machine or another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode._browser.agent import check_redirect
from doorcode._browser.credential_base import BaseBrowser
from doorcode._browser.paste import PastePrompt
from doorcode._browser.user_flow import BROWSER_SECONDS
from doorcode._core.checks import check_login_hint
from doorcode._core.clouds import DEVELOPER_CLIENT_ID
from doorcode._core.numeric_checks import check_timeout
from doorcode._lazy import LazyModule
from doorcode._sync.credential import InteractiveCredential

if TYPE_CHECKING:
    import typing_extensions

    from doorcode import _credential_options
else:
    typing_extensions = LazyModule("typing_extensions")
    _credential_options = LazyModule("doorcode._credential_options")


class InteractiveBrowserCredential(BaseBrowser, InteractiveCredential):
    """Sign a user in in their browser (authorization code with PKCE, RFC 6749 4.1, RFC 7636, RFC 8252).

    A drop-in for ``azure.identity.InteractiveBrowserCredential``. It opens the browser of this machine, and listens
    on loopback for the answer. Thread-safe; the constructor sends no request and opens no browser.

    Args:
        client_id: the application that users sign in to. The default is Microsoft's own application for developers;
            register your own for programs that others use.
        redirect_uri: a redirect URI of the application's registration that this machine can answer, such as
            ``http://localhost:8400``; by default ``http://localhost`` with the first free port of 8400 to 8999.
        login_hint: a sign-in name to fill the sign-in page in with. Of the accounts in the cache, only the one with
            this name is used; the user may choose another account on the page.
        timeout: seconds to wait for the user, a day at most; None waits for a day, 0 opens no page and times out at
            once.
        paste: True lets the user open the page on another machine and paste the address that it ends on into the
            terminal. A function replaces the terminal: it is called with a ``doorcode.prompts.PasteRequest`` in a
            thread of its own, and returns the pasted address. Read ``docs/browser.md`` first: attackers trick users
            this way.
        **kwargs: the options of every credential: ``InteractiveCredentialOptions``.

    Raises:
        TypeError: an option has a wrong type, or a name close to an option's.
        ValueError: an option has an invalid value.
    """

    def __init__(
        self,
        *,
        client_id: str | None = DEVELOPER_CLIENT_ID,
        redirect_uri: str | None = None,
        login_hint: str | None = None,
        timeout: float | None = 300,
        paste: bool | PastePrompt = False,
        **kwargs: typing_extensions.Unpack[_credential_options.InteractiveCredentialOptions],
    ) -> None:
        self._paste = paste
        self._redirect_uri = check_redirect(redirect_uri, paste)
        self._login_hint = check_login_hint(login_hint)
        self._timeout = check_timeout(timeout, BROWSER_SECONDS)
        super().__init__(client_id=client_id, **kwargs)

    _request_token = InteractiveCredential._run_sign_in  # noqa: SLF001 - its own base's
