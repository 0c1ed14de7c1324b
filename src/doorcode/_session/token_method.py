"""Choose the method with which a credential returns a token, and tell asyncio credentials from others."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any, Final, cast

from doorcode._core.checks import check_scope_texts
from doorcode._core.numeric_checks import as_number
from doorcode._core.object_checks import is_coroutine_function, refuse_class

_REFRESHED_BEFORE: Final = 300
"""Seconds before its end, at which a token without a time to refresh it is refreshed."""


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


class LastToken:
    """Keep the latest token of a credential of another library, as azure-core's policies do: it may keep none itself.

    Args:
        credential: whose tokens; one of doorcode's keeps them itself, and forgets them when the user signs out.
    """

    def __init__(self, credential: object) -> None:
        from doorcode._session.credential_base import BaseCredential

        self._keeps = not isinstance(credential, BaseCredential)
        self._last: tuple[str, float] | None = None

    def __getstate__(self) -> dict[str, object]:
        return {"_keeps": self._keeps, "_last": None}  # no token in a pickle

    def fresh(self) -> str | None:
        """Return the token, or None if the credential has to be asked."""
        last = self._last
        return last[0] if last is not None and time.time() < last[1] else None

    def keep(self, answer: Any) -> str:
        """Return the token in what the credential returned, and keep it until it is to be refreshed."""
        token: str = answer.token
        expires_on, refresh_on = (as_number(getattr(answer, name, None)) for name in ("expires_on", "refresh_on"))
        if self._keeps and expires_on is not None:
            self._last = token, min(refresh_on, expires_on) if refresh_on else expires_on - _REFRESHED_BEFORE
        return token


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


def check_answer(answer: Any, credential: object, *, name: str, other: str) -> Any:
    """Return what a credential's method returned.

    Raises:
        TypeError: it has to be awaited.
    """
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()  # Otherwise Python warns that it was never awaited.
        raise _for_asyncio(credential, name, other)
    return answer


def may_block(credential: object, get: object) -> bool:
    """Return whether a method is known to block: the credential supports ``with``, and not ``async with``."""
    only_sync = hasattr(type(credential), "__enter__") and not hasattr(type(credential), "__aenter__")
    return only_sync and not is_coroutine_function(get)


def _for_asyncio(credential: object, name: str, other: str) -> TypeError:
    return TypeError(f"{type(credential).__name__} is a credential for asyncio: use {other} instead of {name}")
