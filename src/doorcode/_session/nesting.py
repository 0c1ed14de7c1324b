"""What the calls further up this thread, task or request hold, so that a nested call never waits for its own caller.

A nested call is one of the program's log handlers, hooks or prompts that asks for a token.
"""

from __future__ import annotations

import weakref
from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from typing import Final, TypeVar

T = TypeVar("T")

_HELD: Final[ContextVar[frozenset[object]]] = ContextVar("doorcode_held", default=frozenset())


LOCKED: Final = "a lock of a token cache"
"""Held by a call that reads or writes a token cache while it logs a warning."""


class StoreUse:
    """Record, within a ``with`` block, that an object uses stores.

    The program may have written the store, or a function that returns its key. The record refers to this object weakly:
    if Ctrl-C keeps Python from calling ``__exit__``, the record ends with the ``with`` statement all the same.

    Args:
        user: the object.

    Attributes:
        lasts: whether the block lasts; a thread or a task that began inside it may live on.

    Raises:
        AuthenticationFailedError: at the start of the block, if it is reached by a call of such code, which would wait
            for the object's use of the store.
    """

    __slots__ = ("__weakref__", "_token", "lasts", "user")

    def __init__(self, user: object) -> None:
        self.user = user
        self.lasts = False

    def __enter__(self) -> None:
        outer = _HELD.get()
        uses = (each() for each in outer if isinstance(each, weakref.ref))
        if any(isinstance(use, StoreUse) and use.lasts and use.user is self.user for use in uses):
            refuse_to_wait()
        self.lasts = True
        self._token = _HELD.set(outer.union((weakref.ref(self),)))

    def __exit__(self, *_: object) -> None:
        self.lasts = False
        put_back(_HELD, self._token)


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
