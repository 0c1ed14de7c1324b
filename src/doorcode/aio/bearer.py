"""get_bearer_token_provider: an asyncio credential as a coroutine function that returns a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from doorcode._core.token_method import check_awaitable, token_method

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenProvider

NAME: Final = "doorcode.aio.get_bearer_token_provider"
OTHER: Final = "doorcode.get_bearer_token_provider"


def get_bearer_token_provider(credential: AsyncTokenProvider, *scopes: str) -> Callable[[], Awaitable[str]]:
    """Return a coroutine function that returns a bearer token, for clients that want one (OpenAI's, for example).

    Args:
        credential: any asyncio credential of azure-core's shape; it caches and refreshes, this function does neither.
            ``get_token_info`` is called where the credential has it, else ``get_token``.
        *scopes: what the token is for, at least one.

    Returns:
        A coroutine function of no arguments; it returns the token and raises what the credential raises.

    Raises:
        TypeError: the credential has neither method, or is not one for asyncio.
        ValueError: no scope.
    """
    get = token_method(credential, scopes, name=NAME, other=OTHER, awaits=True)

    async def provide() -> str:
        answer = await check_awaitable(get(*scopes), credential, name=NAME, other=OTHER)
        token: str = answer.token
        return token

    return provide
