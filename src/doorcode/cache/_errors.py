"""The exceptions that token stores raise.

::

    StoreError                  a store failed; its content is as it was
    ├── StoreUnreadable         the content was damaged, and was set aside
    ├── StoreKeyError           the key is missing, wrong or damaged; the content was not touched
    ├── StoreLocked             another process held the store's lock for too long
    └── StoreUnavailable        this kind of store does not work here
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["StoreError", "StoreKeyError", "StoreLocked", "StoreUnavailable", "StoreUnreadable", "called"]

P = ParamSpec("P")
R = TypeVar("R")


class StoreError(Exception):
    """A store failed; the message says what failed, where, and what to do, and never shows the content.

    Attributes:
        where: the file, item or server, as text for the user.
        errno: the operating system's error number, or None.
    """

    def __init__(self, message: str, *, where: str = "", errno: int | None = None) -> None:
        super().__init__(message)
        self.where = where
        self.errno = errno

    def _render_traceback_(self) -> list[str]:
        """Return what IPython prints."""
        from doorcode._notebook_traceback import rendered

        return rendered(self)


class StoreUnreadable(StoreError):  # noqa: N818 - the name says what the content is
    """The content was damaged, torn or foreign, and was set aside; the store is empty now.

    Attributes:
        aside: where the content was put; None when it could not be moved.
    """

    def __init__(self, message: str, *, where: str = "", aside: str | None = None) -> None:
        super().__init__(message, where=where)
        self.aside = aside


class StoreKeyError(StoreError):
    """The key of the content is missing or wrong, or cannot be read."""


class StoreLocked(StoreError):  # noqa: N818 - likewise
    """Another process did not release the lock in time."""


class StoreUnavailable(StoreError):  # noqa: N818 - likewise
    """This machine cannot use a kind of store; the message is one line of a list of reasons."""


def called(method: Callable[P, R], *args: P.args, **options: P.kwargs) -> R:
    """Call a method of a store, which a program may have written.

    Raises:
        StoreError: the method raised it, or another exception, which is the cause then.
    """
    try:
        return method(*args, **options)
    except StoreError:
        raise
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise StoreError(message, errno=error.errno if isinstance(error, OSError) else None) from error
