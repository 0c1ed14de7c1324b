"""Perform the steps of a flow that leads through a browser: :mod:`doorcode._core.flows.browser_steps`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from doorcode._browser.agent import BrowserAgent
from doorcode._core.flows.browser_steps import AwaitRedirect, BeginBrowser, Conclude, Listen, OpenPage, RedeemCode
from doorcode._core.model import Tokens
from doorcode._core.steps import AcceptSignIn, Exchange, Step
from doorcode._session.reply_storage import refused_account
from doorcode._session.session import Session
from doorcode._session.step_handler import StepHandler


class BrowserStepHandler(StepHandler):
    """Perform a flow's steps, including those of a browser.

    Args:
        session: the credential's session.
        open_agent: returns the agent that shows the page to the user and returns the redirect; it is called when the
            user is asked, and the agent is closed when it is not needed any more.
        any_account: whether any account may sign in.
    """

    def __init__(
        self,
        session: Session,
        open_agent: Callable[[], AbstractContextManager[BrowserAgent]],
        *,
        any_account: bool = False,
    ) -> None:
        super().__init__(session, any_account=any_account)
        self._open_agent = open_agent
        self._opened = ExitStack()
        self._current: BrowserAgent | None = None

    @property
    def _agent(self) -> BrowserAgent:
        assert self._current is not None, "the first step of a browser's flow is Listen"
        return self._current

    def perform(self, step: Step[Any]) -> object:
        """Perform a step that makes no request and does not wait for the user."""
        if isinstance(step, (Listen, AcceptSignIn)):
            self._opened.close()
        if isinstance(step, Listen):
            self._current = self._opened.enter_context(self._open_agent())
            return self._agent.start()
        return super().perform(step)

    def exchange(self, step: Exchange[Any]) -> object:
        """Make a request, or wait for the user; blocks."""
        answer: object
        match step:
            case BeginBrowser(request, redirect_uri, login_hint, within):
                mode = self._agent.response_mode
                answer = self.session.application.begin_browser(request, redirect_uri, login_hint, mode, within)
            case OpenPage(page, left):
                answer = self._agent.show(page, left)
            case AwaitRedirect(page, within):
                answer = self._agent.wait(page, within)
            case RedeemCode(request, page, redirect, within):
                answer = self.session.application.redeem_code(request, page, redirect, within)
            case Conclude(outcome, within):
                if isinstance(outcome, Tokens):
                    outcome = refused_account(self.session, outcome, any_account=self.any_account) or outcome
                self._agent.conclude(outcome, within)
                answer = None
            case _:
                answer = super().exchange(step)
        return answer

    def release(self, ended_by: BaseException | None) -> None:
        """Release everything that the flow holds, beginning with the port or the terminal."""
        try:
            self._opened.close()
        finally:
            super().release(ended_by)
