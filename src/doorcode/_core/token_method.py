"""Choose the method of a credential that returns a token, and tell a credential for asyncio from one that is not."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, cast


def token_method(
    credential: object, scopes: tuple[str, ...], *, name: str, other: str, awaits: bool
) -> Callable[..., Any]:
    """Return the method to call: ``get_token_info`` where the credential has it, else ``get_token``.

    Args:
        credential: of azure-core's shape.
        scopes: what it is asked for.
        name: the function that was called, for messages.
        other: the function for the other kind of credential.
        awaits: whether the caller awaits the method's result.

    Raises:
        TypeError: the credential has neither method, or is certainly of the other kind.
        ValueError: no scope.
    """
    if not scopes:
        raise ValueError("get_bearer_token_provider requires at least one scope")
    for method in ("get_token_info", "get_token"):
        get = getattr(credential, method, None)
        if callable(get):
            if _is_other_kind(credential, get, awaits=awaits):
                raise _other_kind(credential, name, other)
            return cast("Callable[..., Any]", get)
    raise TypeError(
        f"{name} takes a credential, which has a method get_token or get_token_info, not {type(credential).__name__}"
    )


def check_answer(answer: Any, credential: object, *, name: str, other: str) -> str:
    """Return the token in what a credential's method returned.

    Raises:
        TypeError: it has to be awaited.
    """
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()  # Otherwise Python warns that it was never awaited.
        raise _other_kind(credential, name, other)
    token: str = answer.token
    return token


def check_awaitable(answer: Any, credential: object, *, name: str, other: str) -> Awaitable[Any]:
    """Return what a credential's method returned, to be awaited.

    Raises:
        TypeError: it cannot be awaited.
    """
    if not inspect.isawaitable(answer):
        raise _other_kind(credential, name, other)
    return answer


def _is_other_kind(credential: object, get: object, *, awaits: bool) -> bool:
    """Return whether a credential is certainly of the other kind, without a call, which might prompt the user."""
    coroutine = inspect.iscoroutinefunction(get)
    if not awaits:
        return coroutine
    only_sync = hasattr(type(credential), "__enter__") and not hasattr(type(credential), "__aenter__")
    return only_sync and not coroutine


def _other_kind(credential: object, name: str, other: str) -> TypeError:
    kind = "not one for asyncio" if name.startswith("doorcode.aio") else "one for asyncio"
    return TypeError(f"{type(credential).__name__} is {kind}: use {other} instead of {name}")
