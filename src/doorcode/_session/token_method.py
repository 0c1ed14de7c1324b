"""Choose the method with which a credential returns a token, and tell asyncio credentials from others."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

from doorcode._core.checks import check_scope_texts
from doorcode._core.object_checks import is_coroutine_function, refuse_class


def token_method(credential: object, scopes: tuple[str, ...], *, name: str) -> Callable[..., Any]:
    """Return the method to call: ``get_token_info`` where the credential has it, else ``get_token``.

    Args:
        credential: of azure-core's shape.
        scopes: what it is asked for.
        name: the function that was called, for messages.

    Raises:
        TypeError: the credential has neither method, or is a class, or a scope is no string.
        ValueError: no scope, or an empty one.
    """
    check_scope_texts(scopes, "get_bearer_token_provider")
    refuse_class("credential", credential)
    for method in ("get_token_info", "get_token"):
        get = getattr(credential, method, None)
        if callable(get):
            return cast("Callable[..., Any]", get)
    raise TypeError(
        f"{name} takes a credential, which has a method get_token or get_token_info, not {type(credential).__name__}"
    )


def check_plain(get: object, credential: object, *, name: str, other: str) -> None:
    """Check that a method can be called without asyncio.

    Args:
        get: the method.
        credential: whose method it is.
        name: the function that was called, for messages.
        other: the function for asyncio.

    Raises:
        TypeError: it is a coroutine function.
    """
    if is_coroutine_function(get):
        raise _for_asyncio(credential, name, other)


def check_answer(answer: Any, credential: object, *, name: str, other: str) -> str:
    """Return the token in what a credential's method returned.

    Raises:
        TypeError: it has to be awaited.
    """
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()  # Otherwise Python warns that it was never awaited.
        raise _for_asyncio(credential, name, other)
    token: str = answer.token
    return token


def may_block(credential: object, get: object) -> bool:
    """Return whether a method is known to block: the credential supports ``with``, and not ``async with``."""
    only_sync = hasattr(type(credential), "__enter__") and not hasattr(type(credential), "__aenter__")
    return only_sync and not is_coroutine_function(get)


def _for_asyncio(credential: object, name: str, other: str) -> TypeError:
    return TypeError(f"{type(credential).__name__} is a credential for asyncio: use {other} instead of {name}")
