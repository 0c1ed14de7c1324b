"""What the stand-ins for systems share, and the stand-ins for the stores of secrets of those systems."""

from __future__ import annotations

from pathlib import Path

USED_BY_OTHERS = (
    *("asyncio", "ctypes", "http.client", "platform", "shutil", "socket", "ssl", "subprocess", "tempfile"),
    *("msal", "msal_extensions", "requests", "webbrowser"),
)
"""Modules that choose by the system when they are imported: they are imported before it changes."""


class PersistenceNotFound(Exception):  # noqa: N818 - msal-extensions' name
    """As msal-extensions raises where an item does not exist."""


class ItemOfKeychain:
    """One item of the Keychain, kept in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> str:
        """Return the secret."""
        if not self._path.exists():
            raise PersistenceNotFound
        return self._path.read_text(encoding="utf-8")

    def save(self, content: str) -> None:
        """Keep the secret."""
        self._path.write_text(content, encoding="utf-8")


class Agent:
    """Windows' data protection, as a very bad cipher."""

    def protect(self, message: str) -> bytes:
        """Return the message, encrypted for this user."""
        return b"\x01" + bytes(byte ^ 0x55 for byte in message.encode())

    def unprotect(self, cipher_text: bytes) -> str:
        """Return what was encrypted."""
        return bytes(byte ^ 0x55 for byte in cipher_text[1:]).decode()
