"""What calls further up this thread, task or request hold: a call inside them that waited for it would wait for itself.

A log handler, a hook or a prompt of the program's that asks for a token is such a call.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from typing import Final, TypeVar

T = TypeVar("T")

_HELD: Final[ContextVar[frozenset[object]]] = ContextVar("doorcode_held", default=frozenset())


LOCKED: Final = "a lock of a token cache"
"""What a call holds that reads or writes a token cache while it warns."""


@contextmanager
def holding(*things: object) -> Generator[None]:
    """Say, to what is called inside, what this call holds; a request's thread is told too."""
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
    """End a call that would wait for itself.

    Raises:
        AuthenticationFailedError: always; it says so.
    """
    from doorcode._core.messages.failures import waits_for_itself
    from doorcode._error_mapping import exception_for

    raise exception_for(waits_for_itself())
