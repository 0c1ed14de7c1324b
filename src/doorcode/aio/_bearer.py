"""get_bearer_token_provider: an asyncio credential as a coroutine function that returns a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from azure.core.credentials_async import AsyncSupportsTokenInfo

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenProvider


def get_bearer_token_provider(credential: AsyncTokenProvider, *scopes: str) -> Callable[[], Awaitable[str]]:
    """Return a coroutine function that returns a bearer token, for clients that want one (OpenAI's, for example).

    Args:
        credential: any asyncio credential of azure-core's shape; it caches and refreshes, this function does neither.
        *scopes: what the token is for, at least one.

    Returns:
        a coroutine function of no arguments; it returns the token and raises what the credential raises.

    Raises:
        ValueError: no scope.
    """
    if not scopes:
        message = "get_bearer_token_provider requires at least one scope"
        raise ValueError(message)

    async def provide() -> str:
        if isinstance(credential, AsyncSupportsTokenInfo):
            return (await credential.get_token_info(*scopes)).token
        return (await credential.get_token(*scopes)).token

    return provide
