"""get_bearer_token_provider: a credential as a function that returns a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from doorcode._azure_core import SupportsTokenInfo

if TYPE_CHECKING:
    from azure.core.credentials import TokenProvider


def get_bearer_token_provider(credential: TokenProvider, *scopes: str) -> Callable[[], str]:
    """Return a function that returns a bearer token, for clients that want one (OpenAI's, for example).

    Args:
        credential: any credential of azure-core's shape; it caches and refreshes, this function does neither.
        *scopes: what the token is for, at least one.

    Returns:
        a function of no arguments; it returns the token and raises what the credential raises.

    Raises:
        ValueError: no scope.
    """
    if not scopes:
        message = "get_bearer_token_provider requires at least one scope"
        raise ValueError(message)

    def provide() -> str:
        if isinstance(credential, SupportsTokenInfo):
            return credential.get_token_info(*scopes).token
        return credential.get_token(*scopes).token

    return provide
