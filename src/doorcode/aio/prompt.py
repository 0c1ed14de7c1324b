"""How a user is told, with asyncio: a callback is awaited on the loop, and nothing is printed there."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias

from doorcode._core.replies.device_code import DeviceCode
from doorcode._session.prompt import PromptCallback, present, prompting
from doorcode.aio.cancel_scope import off_loop

AsyncPromptCallback: TypeAlias = Callable[[str, str, datetime], Awaitable[None] | None]


async def show(code: DeviceCode, callback: PromptCallback | None) -> None:
    """Show a code to the user.

    Args:
        code: what to show.
        callback: the program's own, a function or a coroutine function; None prints the service's message.

    Raises:
        AuthenticationFailedError: the prompt failed.
    """
    with prompting():
        if callback is None:
            await off_loop(lambda: present(code, None))  # writing blocks while a reader of the output is slow
        else:
            shown = present(code, callback)
            if inspect.isawaitable(shown):
                await shown
