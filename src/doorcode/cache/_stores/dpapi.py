"""Encryption by Windows data protection (DPAPI) through msal-extensions, as in azure-identity's file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from doorcode.cache._ciphers.cipher import DecryptionError
from doorcode.cache._errors import StoreKeyError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DpapiCipher", "ProtectionAgent", "open_agent"]


class ProtectionAgent(Protocol):
    """The methods of msal-extensions' WindowsDataProtectionAgent that this module calls."""

    def protect(self, message: str) -> bytes:
        """Return text, encrypted for this user."""
        ...

    def unprotect(self, cipher_text: bytes) -> str:
        """Return the text that was encrypted."""
        ...


def open_agent() -> ProtectionAgent:
    """Return msal-extensions' agent.

    Raises:
        StoreUnavailable: this is not Windows.
    """
    try:
        from msal_extensions.windows import WindowsDataProtectionAgent

        agent: ProtectionAgent = WindowsDataProtectionAgent()
    except Exception as error:  # ctypes raises errors of several types
        raise StoreUnavailable(f"Windows data protection cannot be used: {type(error).__name__}: {error}") from error
    return agent


class DpapiCipher:
    """Encrypt content for the Windows user who runs the program.

    Args:
        opener: returns msal-extensions' agent.
    """

    def __init__(self, *, opener: Callable[[], ProtectionAgent] = open_agent) -> None:
        self._opener = opener

    @property
    def encrypted(self) -> bool:
        """Return True: content is encrypted."""
        return True

    def describe(self) -> str:
        """Return that Windows encrypts the content."""
        return "encrypted by Windows for this user"

    def encrypt(self, data: bytes) -> bytes:
        """Return the content, encrypted."""
        try:
            return self._opener().protect(data.decode())
        except OSError as error:
            raise StoreKeyError(f"Windows did not encrypt the token cache: {error}", errno=error.errno) from error

    def decrypt(self, encrypted: bytes) -> bytes:
        """Return the content.

        Raises:
            DecryptionError: the bytes are damaged, or were encrypted for another user, machine or profile.
        """
        try:
            return self._opener().unprotect(encrypted).encode()
        except (OSError, UnicodeDecodeError):
            raise DecryptionError("Windows cannot decrypt it for this user") from None

    def is_current(self, encrypted: bytes) -> bool:  # noqa: ARG002 - the Protocol's shape
        """Return True: there is one form."""
        return True

    def probe(self) -> None:
        """Check that Windows decrypts what it has encrypted.

        Raises:
            StoreUnavailable: it does not; the message says why.
        """
        try:
            same = self.decrypt(self.encrypt(b"{}")) == b"{}"
        except (StoreKeyError, DecryptionError) as error:
            raise StoreUnavailable(str(error)) from error
        if not same:
            raise StoreUnavailable("Windows did not give back what it had encrypted")
