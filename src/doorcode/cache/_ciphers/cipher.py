"""Encrypt content before a store writes it, and decrypt it after a read: the Protocol, and no encryption."""

from __future__ import annotations

from typing import Final, Protocol

from doorcode.cache._errors import StoreKeyError

__all__ = [
    "JWE_START",
    "KEYED_START",
    "START_LENGTH",
    "Cipher",
    "DecryptionError",
    "KeyMissing",
    "NoCipher",
    "looks_encrypted",
    "may_be_encrypted",
]

JWE_START: Final = b"eyJ"
"""The first bytes of compact JWE: a JSON object in base64url."""

KEYED_START: Final = b"doorcode-sealed-1\n"
"""The first bytes of content that is encrypted with the program's own key."""

START_LENGTH: Final = len(KEYED_START)
"""The number of bytes that :func:`may_be_encrypted` needs."""

_JWE_PARTS: Final = 5


class DecryptionError(Exception):
    """The content is damaged, or was encrypted with a key that has been replaced."""


class KeyMissing(Exception):  # noqa: N818 - likewise
    """The key of the content no longer exists, as after a reboot."""


class Cipher(Protocol):
    """Protect the content of one cache. A store calls ``encrypt`` under its lock."""

    @property
    def encrypted(self) -> bool:
        """Tell whether this cipher encrypts at all."""
        ...

    def encrypt(self, data: bytes) -> bytes:
        """Return the bytes to write for this content.

        Raises:
            StoreKeyError: no key can be used.
        """
        ...

    def decrypt(self, encrypted: bytes) -> bytes:
        """Return the content of bytes that ``encrypt`` made.

        Raises:
            DecryptionError: the bytes are damaged.
            KeyMissing: the key no longer exists.
            StoreKeyError: the bytes need another key, and must be left as they are.
        """
        ...

    def is_current(self, encrypted: bytes) -> bool:
        """Tell whether bytes have the form that ``encrypt`` makes today; a store rewrites bytes of an older form."""
        ...

    def describe(self) -> str:
        """Return how content is protected, as text for the user."""
        ...


def may_be_encrypted(start: bytes) -> bool:
    """Tell whether content with these first bytes may be an encrypted cache; False is certain."""
    return start.startswith((KEYED_START, JWE_START))


def looks_encrypted(data: bytes) -> bool:
    """Tell whether bytes are an encrypted cache of some kind, which a plain store must leave as it is."""
    return data.startswith(KEYED_START) or (data.startswith(JWE_START) and data.count(b".") == _JWE_PARTS - 1)


class NoCipher:
    """Leave content unencrypted; only the mode of the file protects it.

    Args:
        path: the path of the file, for messages.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def encrypted(self) -> bool:
        """Return False: nothing is encrypted."""
        return False

    def encrypt(self, data: bytes) -> bytes:
        """Return the bytes themselves."""
        return data

    def decrypt(self, encrypted: bytes) -> bytes:
        """Return the bytes themselves.

        Raises:
            StoreKeyError: the bytes are an encrypted cache.
        """
        if looks_encrypted(encrypted):
            raise StoreKeyError(
                f"{self._path} holds an encrypted token cache, which this program was not told how to open; "
                "it was left as it is. Use another name or path",
                where=self._path,
            )
        return encrypted

    def is_current(self, encrypted: bytes) -> bool:  # noqa: ARG002 - the Protocol's shape
        """Return True: plain content has one form."""
        return True

    def describe(self) -> str:
        """Return that the content is not encrypted."""
        return "not encrypted"
