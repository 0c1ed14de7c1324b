"""The base of the sync and asyncio credentials that use a browser: their flows and their agent."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from doorcode._browser.agent import BrowserAgent, open_agent
from doorcode._browser.step_handler import BrowserStepHandler
from doorcode._browser.user_flow import SignInOptions, sign_in
from doorcode._core.account_selection import prompts_here
from doorcode._core.checks import check_login_hint
from doorcode._core.flows import auth_code
from doorcode._core.model import Failure, TokenRequest, Tokens
from doorcode._core.steps import Flow
from doorcode._session.credential_base import BaseCredential
from doorcode._session.prompt import tell


class BaseBrowser(BaseCredential):
    """The base of credentials that sign the user in with a browser."""

    _paste: Any = False
    _redirect_uri: str | None = None

    def _prompts_here(self) -> bool:
        return isinstance(self._paste, bool)

    def _sign_in_flow(self, request: TokenRequest, started: float, now: float) -> Flow[Tokens | Failure]:  # noqa: ARG002 - the page's first step tells the time
        hint = check_login_hint(request.options.get("login_hint")) or self._login_hint
        return auth_code.sign_in(request, started=started, timeout=self._timeout, login_hint=hint)

    def _handler(self, *, any_account: bool = False) -> BrowserStepHandler:
        return BrowserStepHandler(self._session, self._open_agent, any_account=any_account)

    def _open_agent(self) -> AbstractContextManager[BrowserAgent]:
        return open_agent(self._paste, self._redirect_uri, self._session.config)


class BaseUser(BaseBrowser):
    """The base of credentials that sign the user in with a browser or a code."""

    _sign_in_options: SignInOptions

    def _choose(self, options: SignInOptions) -> None:
        """Keep the options that say how the user is asked."""
        self._sign_in_options = options
        self._timeout, self._login_hint, self._redirect_uri = options.timeout, options.login_hint, options.redirect_uri

    def _prompts_here(self) -> bool:
        return super()._prompts_here() and prompts_here(self._prompt_callback)

    def _sign_in_flow(self, request: TokenRequest, started: float, now: float) -> Flow[Tokens | Failure]:
        options = self._sign_in_options.with_hint(request.options.get("login_hint"))
        return sign_in(request, options, started, now)

    def _show_message(self, message: str) -> bool:
        return tell(message, self._prompt_callback)
