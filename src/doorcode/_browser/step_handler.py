"""Perform the steps of a flow that leads through a browser: :mod:`doorcode._core.flows.browser_steps`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from doorcode._browser.agent import BrowserAgent
from doorcode._core.flows.browser_steps import AwaitRedirect, BeginBrowser, Conclude, Listen, OpenPage, RedeemCode
from doorcode._core.model import Tokens
from doorcode._core.steps import Exchange, Step
from doorcode._session.session import Session
from doorcode._session.step_handler import StepHandler


class BrowserStepHandler(StepHandler):
    """Perform a flow's steps, including those of a browser.

    Args:
        session: the credential's session.
        agent: shows the page to the user and returns the redirect; this handler closes it.
    """

    def __init__(self, session: Session, agent: BrowserAgent) -> None:
        super().__init__(session)
        self._agent = agent

    def perform(self, step: Step[Any]) -> object:
        """Perform a step that makes no request and does not wait for the user."""
        return self._agent.start() if isinstance(step, Listen) else super().perform(step)

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
            case Conclude(failure, within):
                self._agent.conclude(failure, within)
                answer = None
            case _:
                answer = super().exchange(step)
        return answer

    def on_late_result(self, step: Exchange[Any]) -> Callable[[object], object]:
        """Return what takes the result of a step after its flow has ended: a token is stored."""
        if not isinstance(step, RedeemCode):
            return super().on_late_result(step)

        since = self.since

        def keep(answer: object) -> None:
            if isinstance(answer, Tokens):
                self.accept(answer, step.request, since, anybody=False)

        return keep

    def on_timeout(self, step: Exchange[Any]) -> object:
        """Return the result of a step that did not end in time; a browser that still runs counts as open."""
        return None if isinstance(step, (OpenPage, AwaitRedirect, Conclude)) else super().on_timeout(step)

    def release(self, ended_by: BaseException | None) -> None:
        """Release everything that the flow holds, beginning with the port or the terminal."""
        self._agent.close()
        super().release(ended_by)
