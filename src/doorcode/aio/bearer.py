"""get_bearer_token_provider: a credential as a coroutine function that returns a token."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from azure.core.credentials import TokenProvider
from azure.core.credentials_async import AsyncTokenProvider

from doorcode._session.token_method import LastToken, may_block, token_method
from doorcode.aio.waits import in_daemon_thread

NAME: Final = "doorcode.aio.get_bearer_token_provider"


def get_bearer_token_provider(
    credential: AsyncTokenProvider | TokenProvider, *scopes: str
) -> Callable[[], Awaitable[str]]:
    """Return a coroutine function that returns a bearer token, for clients that want one (OpenAI's, for example).

    Args:
        credential: any credential of azure-core's shape, for asyncio or not. ``get_token_info`` is called where the
            credential has it, else ``get_token``. The token of another library's credential is kept until it is to be
            refreshed; doorcode's credentials keep theirs themselves. A credential that blocks is asked in a thread of
            its own, so that the event loop goes on.
        *scopes: what the token is for, at least one.

    Returns:
        A coroutine function of no arguments; it returns the token and raises what the credential raises.

    Raises:
        TypeError: the credential has neither method, or is a class; or a scope is no string.
        ValueError: no scope, or an empty one.
    """
    get = token_method(credential, scopes, name=NAME)
    blocks = may_block(credential, get)
    last = LastToken(credential)

    async def provide() -> str:
        token = last.fresh()
        if token is not None:
            return token
        answer: Any = await in_daemon_thread(partial(get, *scopes)) if blocks else get(*scopes)
        if isinstance(answer, BaseException):
            raise answer
        if inspect.isawaitable(answer):
            answer = await answer
        return last.keep(answer)

    return provide
