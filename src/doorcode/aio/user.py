"""The asyncio UserCredential: sign a user in with the method that fits where the program runs."""

from __future__ import annotations

from typing import Any, Literal

from doorcode._browser.agent_choice import make_agent
from doorcode._browser.step_handler import BrowserStepHandler
from doorcode._browser.user_flow import SignInOptions, sign_in
from doorcode._core.account_selection import prompts_here
from doorcode._core.checks import check_callback
from doorcode._core.clouds import DEVELOPER_CLIENT_ID
from doorcode._session.prompt import tell
from doorcode._session.step_handler import TokenResult
from doorcode.aio.credential import InteractiveCredential
from doorcode.aio.paste import AsyncPastePrompt, blocking
from doorcode.aio.prompt import AsyncPromptCallback, prompt_for


class UserCredential(InteractiveCredential):
    """Sign a user in, with asyncio: silently, else in a browser where one opens here, else with a code.

    Args:
        client_id: the application that users sign in to. The default is Microsoft's own application for developers;
            register your own for programs that others use.
        prefer: ``"browser"`` or ``"device_code"`` to choose the first method yourself.
        timeout: seconds to wait for the user, with each method; by default 300 for a browser, and for a code as long as
            it is valid. 0 shows no prompt and times out at once.
        prompt_callback: shows a code, as for :class:`doorcode.aio.DeviceCodeCredential`.
        redirect_uri: as for :class:`doorcode.aio.InteractiveBrowserCredential`.
        login_hint: likewise.
        paste: likewise; the browser is then on another machine.
        **kwargs: as for :class:`doorcode.InteractiveCredential`.

    Raises:
        TypeError: an option has a wrong type, or a name close to an option's.
        ValueError: an option has an invalid value.
    """

    def __init__(
        self,
        *,
        client_id: str = DEVELOPER_CLIENT_ID,
        prefer: Literal["browser", "device_code"] | None = None,
        timeout: float | None = None,
        prompt_callback: AsyncPromptCallback | None = None,
        redirect_uri: str | None = None,
        login_hint: str | None = None,
        paste: bool | AsyncPastePrompt = False,
        **kwargs: Any,
    ) -> None:
        self._sign_in_options = SignInOptions.checked(prefer, timeout, redirect_uri, login_hint, paste)
        self._timeout = self._sign_in_options.timeout
        self._login_hint = self._sign_in_options.login_hint
        self._paste = paste
        self._prompt_callback = check_callback(prompt_callback)
        super().__init__(client_id=client_id, **kwargs)

    def _prompts_here(self) -> bool:
        return isinstance(self._paste, bool) and prompts_here(self._prompt_callback)

    async def _request_token(self, *scopes: str, **kwargs: Any) -> dict[str, Any]:
        request = self._session.user_request(scopes, kwargs)
        flow = sign_in(request, self._sign_in_options.with_hint(kwargs.get("login_hint")))
        with blocking(self._paste) as paste:
            handler = BrowserStepHandler(
                self._session, make_agent(paste, self._sign_in_options.redirect_uri, self._session.config)
            )
            async with prompt_for(self._prompt_callback) as prompt:
                return TokenResult(prompt.ended_with(await self._drive(flow, handler, request, prompt)))

    def _show_message(self, message: str) -> bool:
        return tell(message, self._prompt_callback)
