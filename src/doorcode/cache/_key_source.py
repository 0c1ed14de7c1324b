"""The encryption key of a program: 32 bytes, or a function that returns them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Final, TypeAlias, cast

from doorcode._core.object_checks import is_coroutine_function

__all__ = ["KEY_BYTES", "KeySource", "checked_key", "checked_source", "key_of"]

KEY_BYTES: Final = 32
KeySource: TypeAlias = bytes | Callable[[], object]
"""A key, or the function that returns it."""


def key_of(source: KeySource) -> bytes:
    """Return the 32 bytes of a key; if it is a function, call it.

    Raises:
        TypeError: the function did not return bytes.
        ValueError: the function raised, or did not return 32 bytes.
    """
    return checked_key(_called(source)) if callable(source) else source


def checked_key(key: object) -> bytes:
    """Check that a key is 32 bytes, and return it.

    Raises:
        TypeError: the key is not bytes.
        ValueError: the key has another length.
    """
    if not isinstance(key, (bytes, bytearray, memoryview)):
        raise TypeError(f"encryption_key must be {KEY_BYTES} bytes or a function that returns them, not {_kind(key)}")
    data = bytes(cast("bytes", key))
    if len(data) != KEY_BYTES:
        size = len(data)
        raise ValueError(f"encryption_key must be {KEY_BYTES} bytes, not {size}; make one with os.urandom({KEY_BYTES})")
    return data


def checked_source(key: object) -> bytes | Callable[[], object] | None:
    """Return a checked key, or the function that will return it, without calling that."""
    if key is None:
        return None
    if not callable(key):
        return checked_key(key)
    if is_coroutine_function(key):
        raise _coroutine_refused()
    return key


def _called(source: Callable[[], object]) -> object:
    """Call the program's function and return its result."""
    try:
        key = source()
    except Exception as error:
        raise ValueError(f"the function raised {_kind(error)}: {error}") from error
    if isinstance(key, Coroutine):
        key.close()
        raise _coroutine_refused()
    return key


def _coroutine_refused() -> TypeError:
    return TypeError(
        "encryption_key must be a plain function, not a coroutine function: the cache is read in threads that have no "
        "event loop"
    )


def _kind(value: object) -> str:
    return type(value).__name__
