"""The Keychain of macOS, through msal-extensions: the same item that azure-identity uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from doorcode.cache._errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KeychainBackend", "TextStore", "account_of", "open_keychain"]

SERVICE: Final = "Microsoft.Developer.IdentityService"
_DEFAULT_CACHE: Final = "msal.cache.nocae"
_EMPTY: Final = "{}"


class TextStore(Protocol):
    """The methods of msal-extensions' KeychainPersistence that this module calls."""

    def load(self) -> str:
        """Return the text."""
        ...

    def save(self, content: str) -> None:
        """Replace the text."""
        ...


def account_of(cache: str) -> str:
    """Return the Keychain account under which azure-identity keeps a cache."""
    return "MSALCache" if cache == _DEFAULT_CACHE else cache


def open_keychain(signal: str, account: str) -> TextStore:
    """Return msal-extensions' access to one Keychain item.

    Raises:
        StoreUnavailable: the system has no Keychain.
    """
    try:
        from msal_extensions import KeychainPersistence

        opened: TextStore = KeychainPersistence(signal, SERVICE, account)
    except Exception as error:  # a missing framework is an OSError of ctypes, an ImportError or an AttributeError
        raise StoreUnavailable(f"the Keychain cannot be used: {_words(error)}") from error
    return opened


class KeychainBackend:
    """Keep one secret in the Keychain. macOS may show the user a dialog, which a program cannot prevent.

    Args:
        signal: the path of the cache's signal file.
        account: the account of the item.
        opener: opens an item for a signal file and an account.
    """

    def __init__(self, signal: str, account: str, *, opener: Callable[[str, str], TextStore] = open_keychain) -> None:
        self._signal = signal
        self._account = account
        self._damaged = f"{account}.damaged"
        self._opener = opener

    def describe(self) -> str:
        """Return where the secret is."""
        return f"the Keychain, service {SERVICE!r}, account {self._account!r}"

    def read(self) -> bytes | None:
        """Return the secret; None if there is none."""
        return self._read(self._account)

    def _read(self, account: str) -> bytes | None:
        item = self._opener(self._signal, account)
        try:
            text = item.load()
        except Exception as error:
            if type(error).__name__ == "PersistenceNotFound":
                return None
            raise self._failed("read", error) from error
        return None if text in {"", _EMPTY} else text.encode()

    def write(self, data: bytes) -> None:
        """Replace the secret."""
        self._save(self._account, data.decode())

    def remove(self) -> None:
        """Empty the item, as msal-extensions cannot remove it."""
        if self.read() is not None:
            self._save(self._account, _EMPTY)

    def keep(self, data: bytes) -> str:
        """Keep damaged content under the account ``<account>.damaged``."""
        self._save(self._damaged, data.decode(errors="backslashreplace"))
        return f"account {self._damaged!r}"

    def discard(self) -> None:
        """Empty the item that keeps damaged content, if there is one."""
        if self._read(self._damaged) is not None:
            self._save(self._damaged, _EMPTY)

    def probe(self) -> None:
        """Check that the Keychain can be read.

        Raises:
            StoreUnavailable: it cannot be read, as over SSH while it is locked.
        """
        try:
            self.read()
        except StoreUnavailable:
            raise
        except StoreError as error:
            raise StoreUnavailable(str(error)) from error

    def _save(self, account: str, text: str) -> None:
        item = self._opener(self._signal, account)
        try:
            item.save(text)
        except Exception as error:
            raise self._failed("write", error) from error

    def _failed(self, what: str, error: Exception) -> StoreError:
        return StoreError(
            f"the Keychain did not {what} the token cache: {_words(error)}; if it is locked, as over SSH, run "
            "`security unlock-keychain`",
            where=self.describe(),
        )


def _words(error: Exception) -> str:
    status = getattr(error, "exit_status", None)
    return f"error {status}" if status is not None else f"{type(error).__name__}: {error}"
