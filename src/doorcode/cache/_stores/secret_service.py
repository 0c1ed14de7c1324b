"""The Secret Service of a Linux desktop, over D-Bus: the same item that azure-identity uses through libsecret."""

from __future__ import annotations

import contextlib
import importlib
import os
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from doorcode.cache._errors import StoreError, StoreUnavailable
from doorcode.cache._stores.session_bus import Connection, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

__all__ = ["LOCKED", "SecretServiceBackend"]

T = TypeVar("T")

CLIENT: Final = "Microsoft.Developer.IdentityService"
LABEL: Final = "MSALCache"
LOCKED: Final = "the default keyring is locked, and unlocking it needs a desktop"
LIMIT: Final = 2.0
"""Seconds that one D-Bus call may take; an operation makes a few calls."""


class Item(Protocol):
    """The methods of secretstorage's Item that this module calls; type checkers disagree on the library's own types."""

    def is_locked(self) -> bool:
        """Tell whether the user must unlock the item first."""
        ...

    def get_secret(self) -> bytes:
        """Return the secret."""
        ...

    def delete(self) -> None:
        """Remove the item."""
        ...


class SecretServiceBackend:
    """Keep one secret in the default collection; never prompts, and waits for each answer up to a limit.

    Each operation opens its own connection, so that threads and forked children share none.

    Args:
        address: the address of the bus.
        name: the cache's name, which is the schema of the item.
        limit: seconds that a call may take.
    """

    def __init__(self, address: str, name: str, *, limit: float = LIMIT) -> None:
        self._address = address
        self._name = name
        self._limit = limit

    def describe(self) -> str:
        """Return where the secret is."""
        return f"the Secret Service (desktop keyring), item {LABEL!r} of schema {self._name!r}"

    def read(self) -> bytes | None:
        """Return the secret; None if there is no item."""

        def secret(connection: Connection) -> bytes | None:
            item = self._find(connection, self._attributes(self._name))
            return None if item is None else bytes(item.get_secret())

        return self._twice("read", secret)

    def write(self, data: bytes) -> None:
        """Replace the item, or create it."""
        self._twice("write", lambda connection: self._put(connection, self._attributes(self._name), data))

    def remove(self) -> None:
        """Remove the item, if there is one."""
        self._remove(self._name)

    def discard(self) -> None:
        """Remove the item that keeps damaged content, if there is one."""
        self._remove(f"{self._name}.damaged")

    def holds_anything(self) -> bool:
        """Tell whether the keyring has an item of the cache or of its damaged content, locked or not."""
        names = self._name, f"{self._name}.damaged"
        return self._twice(
            "look for",
            lambda connection: any(self._search(connection, self._attributes(name)) for name in names),
        )

    def is_locked(self) -> bool:
        """Tell whether the default keyring is locked; some services then find no items in it."""
        with self._connected("look for") as connection:
            secretstorage = importlib.import_module("secretstorage")
            try:
                return bool(secretstorage.Collection(connection).is_locked())
            except secretstorage.ItemNotFoundException:
                return False

    def keep(self, data: bytes) -> str:
        """Keep damaged content in an item of schema ``<name>.damaged``."""
        attributes = self._attributes(f"{self._name}.damaged")
        self._twice("set aside", lambda connection: self._put(connection, attributes, data))
        return f"the item of schema '{self._name}.damaged'"

    def probe(self) -> None:
        """Check that the service works: the cache's item can be read, or a test item can be written and read.

        Raises:
            StoreUnavailable: the service does not work; the message says why.
        """
        try:
            works = self._twice("try", self._works)
        except StoreError as error:
            raise StoreUnavailable(str(error)) from error
        if not works:
            raise StoreUnavailable("the Secret Service did not give back a secret that it had taken")

    def _works(self, connection: Connection) -> bool:
        """Read the cache's item; without one, write a test item, and return whether it is read as it was written."""
        item = self._find(connection, self._attributes(self._name))
        if item is not None:
            item.get_secret()
            return True
        secret = os.urandom(8).hex().encode()
        attributes = {"xdg:schema": "doorcode.probe", "id": secret.decode()}
        self._put(connection, attributes, secret)
        item = self._find(connection, attributes)
        same = item is not None and item.get_secret() == secret
        if item is not None:
            item.delete()
        return same

    @staticmethod
    def _attributes(schema: str) -> dict[str, str]:
        return {"xdg:schema": schema, "MsalClientID": CLIENT}

    def _remove(self, schema: str) -> None:
        """Remove every item of a schema; fail for items in a locked keyring."""

        def remove(connection: Connection) -> None:
            found = self._search(connection, self._attributes(schema))
            locked = [item for item in found if item.is_locked()]
            for item in found:
                if item not in locked:
                    item.delete()
            if locked:
                raise _is_locked()

        self._twice("remove", remove)

    @staticmethod
    def _search(connection: Connection, attributes: dict[str, str]) -> list[Item]:
        search: Callable[[Connection, dict[str, str]], Iterable[Item]]
        search = importlib.import_module("secretstorage").search_items
        return list(search(connection, attributes))

    @classmethod
    def _find(cls, connection: Connection, attributes: dict[str, str]) -> Item | None:
        found = cls._search(connection, attributes)
        unlocked = [item for item in found if not item.is_locked()]
        if found and not unlocked:
            raise _is_locked()
        return unlocked[0] if unlocked else None

    @staticmethod
    def _put(connection: Connection, attributes: dict[str, str], data: bytes) -> None:
        secretstorage = importlib.import_module("secretstorage")
        try:
            # get_default_collection would ask the user to create a keyring.
            collection = secretstorage.Collection(connection)
        except secretstorage.ItemNotFoundException:
            raise StoreUnavailable(
                "the Secret Service has no default keyring, and making one needs a desktop"
            ) from None
        if collection.is_locked():
            raise StoreUnavailable(LOCKED)
        collection.create_item(LABEL, attributes, data, replace=True)

    def _twice(self, what: str, work: Callable[[Connection], T]) -> T:
        """Do it, and do it once more where an item disappears meanwhile: another process removes or replaces it."""
        with self._connected(what) as connection:
            secretstorage = importlib.import_module("secretstorage")
            try:
                return work(connection)
            except secretstorage.ItemNotFoundException:
                return work(connection)

    @contextlib.contextmanager
    def _connected(self, what: str) -> Generator[Connection]:
        try:
            connection = connect(self._address, self._limit)
        except StoreError:
            raise
        except Exception as error:
            raise StoreUnavailable(f"the session's D-Bus cannot be used: {_words(error)}") from error
        try:
            yield connection
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(
                f"the Secret Service did not {what} the token cache: {_words(error)}", where=self.describe()
            ) from error
        finally:
            connection.close()


def _is_locked() -> StoreUnavailable:
    return StoreUnavailable("the keyring that has the token cache is locked, and unlocking it needs a desktop")


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
