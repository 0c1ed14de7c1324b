"""Use a coroutine function as the prompt for a pasted address."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeAlias, cast

from doorcode._browser import agent
from doorcode._browser.agent import BrowserAgent
from doorcode._browser.paste import PastePrompt, PasteRequest
from doorcode._config import Config
from doorcode._core.object_checks import is_coroutine_function

AsyncPastePrompt: TypeAlias = Callable[[PasteRequest], Awaitable[str] | str]


@contextmanager
def blocking(paste: bool | AsyncPastePrompt) -> Generator[bool | PastePrompt]:  # noqa: FBT001 - an option's value
    """Yield the prompt as a function for a thread; if its coroutine still runs at the end, cancel it."""
    call = getattr(paste, "__call__", None)  # noqa: B004 - what is looked for is its kind
    if not (is_coroutine_function(paste) or is_coroutine_function(call)):
        yield cast("bool | PastePrompt", paste)
        return
    loop = asyncio.get_running_loop()
    ask = cast("Callable[[PasteRequest], asyncio.Future[str]]", paste)
    running: list[Future[str]] = []

    async def asked(request: PasteRequest) -> str:
        return await ask(request)

    def call_on_loop(request: PasteRequest) -> str:
        future = asyncio.run_coroutine_threadsafe(asked(request), loop)
        running.append(future)
        return future.result()

    try:
        yield call_on_loop
    finally:
        for future in running:
            future.cancel()


@contextmanager
def open_agent(paste: bool | AsyncPastePrompt, redirect_uri: str | None, config: Config) -> Generator[BrowserAgent]:  # noqa: FBT001 - an option's value
    """Yield the agent of a sign-in, and close it in the end."""
    with blocking(paste) as prompt, agent.open_agent(prompt, redirect_uri, config) as opened:
        yield opened
