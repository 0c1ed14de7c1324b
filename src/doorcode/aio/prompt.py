"""The prompt of a sign-in: shown, told of each wait and told the outcome, with asyncio."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias

from doorcode._core.account_selection import prompts_here
from doorcode._core.messages.outcome import SignInOutcome
from doorcode._core.replies.device_code import DeviceCode
from doorcode._session.prompt import check_has_run, present, prompting
from doorcode._session.prompt_hooks import PromptHooks, log_failed_hook
from doorcode.aio.waits import off_loop

AsyncPromptCallback: TypeAlias = Callable[[str, str, datetime], Awaitable[None] | None]


class Prompt(PromptHooks):
    """The prompt of one sign-in: the program's own, with functions or coroutine functions, or a ready-made one."""

    async def show(self, code: DeviceCode) -> None:
        """Show a code to the user.

        Raises:
            AuthenticationFailedError: the prompt failed.
        """
        self.shown = True
        with prompting():
            answer = await self._call(lambda: present(code, self.callback))
        check_has_run(answer)

    async def waiting(self, seconds_left: float) -> None:
        """Tell the prompt how long the user still has.

        Raises:
            AuthenticationFailedError: the prompt failed.
        """
        with prompting("prompt_callback.waiting"):
            answer = await self._call(lambda: self.call_waiting(seconds_left))
        check_has_run(answer, "prompt_callback.waiting")

    async def finish(self, outcome: SignInOutcome) -> None:
        """Tell the prompt how the sign-in ended."""
        try:
            check_has_run(await self._call(lambda: self.call_finished(outcome)), "prompt_callback.finished")
        except Exception as error:  # noqa: BLE001 - whatever the program raises
            log_failed_hook(error)

    async def _call(self, hook: Callable[[], object]) -> object:
        """Call a method of the prompt; of a ready-made one in a thread, because writing to a slow reader blocks."""
        if prompts_here(self.callback):
            return await off_loop(hook)
        answer = hook()
        return await answer if inspect.isawaitable(answer) else answer
