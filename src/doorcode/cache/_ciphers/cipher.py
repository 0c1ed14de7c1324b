"""What a store does to content before it is written and after it is read."""

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
    "NoSeal",
    "looks_sealed",
    "may_be_sealed",
]

JWE_START: Final = b"eyJ"
"""How compact JWE starts: a JSON object in base64url."""

KEYED_START: Final = b"doorcode-sealed-1\n"
"""How content starts that is sealed with the caller's key."""

START_LENGTH: Final = len(KEYED_START)
"""Bytes of which :func:`may_be_sealed` needs to see no more."""

_JWE_PARTS: Final = 5


class DecryptionError(Exception):
    """Say that content is damaged, or sealed with a key that was replaced."""


class KeyMissing(Exception):  # noqa: N818 - likewise
    """Say that content is sealed with a key that does not exist any more, as after a reboot."""


class Cipher(Protocol):
    """Protect the bytes of one cache. Called under its lock where it writes."""

    @property
    def encrypted(self) -> bool:
        """Tell whether sealed bytes are encrypted."""
        ...

    def close(self, data: bytes) -> bytes:
        """Return bytes to be written.

        Raises:
            StoreKeyError: there is no usable key.
        """
        ...

    def open(self, sealed: bytes) -> bytes:
        """Return what was closed.

        Raises:
            SealBroken: the bytes are damaged.
            KeyGone: nobody can open them any more.
            StoreKeyError: somebody can, but not with this key; they must not be touched.
        """
        ...

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether bytes that were opened are in the form that ``close`` gives them; others are written anew."""
        ...

    def describe(self) -> str:
        """Return, for people, how content is protected."""
        ...


def may_be_sealed(start: bytes) -> bool:
    """Tell whether what starts so may be a sealed cache; False is certain."""
    return start.startswith((KEYED_START, JWE_START))


def looks_sealed(data: bytes) -> bool:
    """Tell whether bytes are a sealed cache of some kind, which a store of plain ones must leave alone."""
    return data.startswith(KEYED_START) or (data.startswith(JWE_START) and data.count(b".") == _JWE_PARTS - 1)


class NoSeal:
    """Leave content as it is: readable for whoever may read the file.

    Args:
        path: of the file, for messages.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def encrypted(self) -> bool:
        """Tell that nothing is encrypted."""
        return False

    def close(self, data: bytes) -> bytes:
        """Return the bytes themselves."""
        return data

    def open(self, sealed: bytes) -> bytes:
        """Return the bytes themselves.

        Raises:
            StoreKeyError: they are a sealed cache.
        """
        if looks_sealed(sealed):
            raise StoreKeyError(
                f"{self._path} holds an encrypted token cache, which this program was not told how to open; "
                "it was left as it is. Use another name or path",
                where=self._path,
            )
        return sealed

    def is_current(self, sealed: bytes) -> bool:  # noqa: ARG002 - the Protocol's shape
        """Tell that there is no other form."""
        return True

    def describe(self) -> str:
        """Say that nothing protects it but the file's mode."""
        return "not encrypted"
