"""get_bearer_token_provider: a credential as a function that returns a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from doorcode._lazy import LazyModule
from doorcode._session.token_method import LastToken, check_answer, check_plain, token_method

if TYPE_CHECKING:
    from azure.core import credentials
else:
    credentials = LazyModule("azure.core.credentials")

NAME: Final = "get_bearer_token_provider"
OTHER: Final = "doorcode.aio.get_bearer_token_provider"


def get_bearer_token_provider(credential: credentials.TokenProvider, *scopes: str) -> Callable[[], str]:
    """Return a function that returns a bearer token, for clients that want one (OpenAI's, for example).

    Args:
        credential: any credential of azure-core's shape. ``get_token_info`` is called where the credential has it, else
            ``get_token``. The token of another library's credential is kept until it is to be refreshed; doorcode's
            credentials keep theirs themselves.
        *scopes: what the token is for, at least one.

    Returns:
        A function of no arguments; it returns the token and raises what the credential raises.

    Raises:
        TypeError: the credential has neither method, is a class, or is one for asyncio; or a scope is no string.
        ValueError: no scope, or an empty one.
    """
    get = token_method(credential, scopes, name=NAME)
    check_plain(get, credential, name=NAME, other=OTHER)
    last = LastToken(credential)

    def provide() -> str:
        token = last.fresh()
        return last.keep(check_answer(get(*scopes), credential, name=NAME, other=OTHER)) if token is None else token

    return provide
