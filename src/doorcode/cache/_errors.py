"""What can go wrong with a store of tokens, for whoever calls one.

::

    StoreError                  a store failed; its content is as it was
    ├── StoreUnreadable         what was stored cannot be used any more and was set aside
    ├── StoreKeyError           the key is missing, wrong or damaged; what is stored was not touched
    ├── StoreLocked             another process held the store's lock for too long
    └── StoreUnavailable        this kind of store does not work here
"""

from __future__ import annotations

__all__ = ["StoreError", "StoreKeyError", "StoreLocked", "StoreUnavailable", "StoreUnreadable"]


class StoreError(Exception):
    """Say what failed, where, and what to do; never shows what is stored.

    Attributes:
        where: the file, item or server, for people.
        errno: the operating system's number where it gave one, else None.
    """

    def __init__(self, message: str, *, where: str = "", errno: int | None = None) -> None:
        super().__init__(message)
        self.where = where
        self.errno = errno


class StoreUnreadable(StoreError):  # noqa: N818 - the name says what the content is
    """Say that the content was damaged, torn or foreign, and where it was set aside; the store is empty now.

    Attributes:
        aside: where the content was put, or None when it could not be moved and still stands there.
    """

    def __init__(self, message: str, *, where: str = "", aside: str | None = None) -> None:
        super().__init__(message, where=where)
        self.aside = aside


class StoreKeyError(StoreError):
    """Say that the key that seals the content is not the right one, or cannot be read."""


class StoreLocked(StoreError):  # noqa: N818 - likewise
    """Say that another process did not release the lock in time."""


class StoreUnavailable(StoreError):  # noqa: N818 - likewise
    """Say why a kind of store cannot be used here; the message is one line for a list of reasons."""
