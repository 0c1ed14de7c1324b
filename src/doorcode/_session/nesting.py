"""What the calls further up this thread, task or request hold, so that a nested call never waits for its own caller.

A nested call is one of the program's log handlers, hooks or prompts that asks for a token.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from typing import Final, TypeVar

T = TypeVar("T")

_HELD: Final[ContextVar[frozenset[object]]] = ContextVar("doorcode_held", default=frozenset())


LOCKED: Final = "a lock of a token cache"
"""Held by a call that reads or writes a token cache while it logs a warning."""


@contextmanager
def holding(*things: object) -> Generator[None]:
    """Record what this call holds for the calls inside it, also in the thread of its request."""
    token = _HELD.set(_HELD.get().union(things))
    try:
        yield
    finally:
        put_back(_HELD, token)


def put_back(variable: ContextVar[T], token: Token[T]) -> None:
    """Give a variable its earlier value; a task that was destroyed while it waited ends in another context, without."""
    with suppress(ValueError):
        variable.reset(token)


def held() -> frozenset[object]:
    """Return what the calls further up hold."""
    return _HELD.get()


def refuse_to_wait() -> None:
    """Refuse a call that would wait for its own caller.

    Raises:
        AuthenticationFailedError: always.
    """
    from doorcode._core.messages.failures import waits_for_itself
    from doorcode._error_mapping import exception_for

    raise exception_for(waits_for_itself())
