"""The data protection of Windows (DPAPI), through msal-extensions, in the file that azure-identity uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from doorcode.cache._ciphers.cipher import DecryptionError
from doorcode.cache._errors import StoreKeyError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DpapiSeal", "ProtectionAgent", "open_agent"]


class ProtectionAgent(Protocol):
    """What is used of msal-extensions' WindowsDataProtectionAgent."""

    def protect(self, message: str) -> bytes:
        """Return text, encrypted for this user."""
        ...

    def unprotect(self, cipher_text: bytes) -> str:
        """Return what was encrypted."""
        ...


def open_agent() -> ProtectionAgent:
    """Return msal-extensions' agent.

    Raises:
        StoreUnavailable: this is not Windows.
    """
    try:
        from msal_extensions.windows import WindowsDataProtectionAgent

        agent: ProtectionAgent = WindowsDataProtectionAgent()
    except Exception as error:  # ctypes raises whatever it misses
        raise StoreUnavailable(f"Windows data protection cannot be used: {type(error).__name__}: {error}") from error
    return agent


class DpapiSeal:
    """Seal content for the Windows user who runs the program.

    Args:
        opener: returns the agent.
    """

    def __init__(self, *, opener: Callable[[], ProtectionAgent] = open_agent) -> None:
        self._opener = opener

    @property
    def encrypted(self) -> bool:
        """Tell that content is encrypted."""
        return True

    def describe(self) -> str:
        """Say what protects the content."""
        return "encrypted by Windows for this user"

    def close(self, data: bytes) -> bytes:
        """Return the content, encrypted."""
        try:
            return self._opener().protect(data.decode())
        except OSError as error:
            raise StoreKeyError(f"Windows did not encrypt the token cache: {error}", errno=error.errno) from error

    def open(self, sealed: bytes) -> bytes:
        """Return the content.

        Raises:
            SealBroken: it is damaged, or was encrypted for another user, machine or profile.
        """
        try:
            return self._opener().unprotect(sealed).encode()
        except (OSError, UnicodeDecodeError):
            raise DecryptionError("Windows cannot decrypt it for this user") from None

    def is_current(self, sealed: bytes) -> bool:  # noqa: ARG002 - the Protocol's shape
        """Tell that there is no other form."""
        return True

    def probe(self) -> None:
        """See whether Windows gives back what it encrypted.

        Raises:
            StoreUnavailable: why not.
        """
        try:
            same = self.open(self.close(b"{}")) == b"{}"
        except (StoreKeyError, DecryptionError) as error:
            raise StoreUnavailable(str(error)) from error
        if not same:
            raise StoreUnavailable("Windows did not give back what it had encrypted")
