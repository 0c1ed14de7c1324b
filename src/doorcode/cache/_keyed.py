"""The seal of a program that brings its own key: AES-256-GCM, with the header as additional data."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from doorcode.cache._errors import StoreKeyError
from doorcode.cache._file import is_json_object
from doorcode.cache._seal import JWE_START, KEYED_START, SealBroken

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KeyedSeal"]

_NONCE_BYTES: Final = 12
_ID_BYTES: Final = 8
_HEADER_BYTES: Final = len(KEYED_START) + _ID_BYTES


class KeyedSeal:
    """Seal content with a key that the program supplies.

    The sealed form is a fixed first line, eight bytes that tell which key it was, a random nonce, and the encrypted
    content with its tag.

    Args:
        path: of the file, for messages.
        reveal_key: returns the 32 bytes, or raises ValueError or TypeError; called for each read and write.
    """

    def __init__(self, path: str, reveal_key: Callable[[], bytes]) -> None:
        self._path = path
        self._reveal_key = reveal_key

    @property
    def encrypted(self) -> bool:
        """Tell that content is encrypted."""
        return True

    def describe(self) -> str:
        """Say what protects the content."""
        return "encrypted with the program's own key"

    def close(self, data: bytes) -> bytes:
        """Return the content, sealed."""
        key = self._key()
        header = KEYED_START + _key_id(key)
        nonce = os.urandom(_NONCE_BYTES)
        return header + nonce + _aes_gcm(key).encrypt(nonce, data, header)

    def open(self, sealed: bytes) -> bytes:
        """Return the content.

        Raises:
            SealBroken: it is damaged.
            StoreKeyError: it was sealed with another key or in another way, or is not sealed at all.
        """
        if not sealed.startswith(KEYED_START):
            raise self._foreign(sealed)
        key = self._key()
        header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        if header[len(KEYED_START) :] != _key_id(key):
            raise StoreKeyError(
                f"{self._path} was encrypted with another encryption_key than the one given; it was left as it is. "
                "Give the key it was made with, or another name or path",
                where=self._path,
            )
        from cryptography.exceptions import InvalidTag

        try:
            return _aes_gcm(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], header)
        except (InvalidTag, ValueError):
            raise SealBroken("its encrypted form is damaged") from None

    def _key(self) -> bytes:
        try:
            return self._reveal_key()
        except Exception as error:
            raise StoreKeyError(f"cannot get the encryption_key: {error}", where=self._path) from error

    def _foreign(self, sealed: bytes) -> StoreKeyError | SealBroken:
        plain = is_json_object(sealed)
        if plain or sealed.startswith(JWE_START):
            kind = "not encrypted" if plain else "encrypted with a key of the system"
            return StoreKeyError(
                f"{self._path} holds a token cache that is {kind}; it was left as it is. Use another name or path",
                where=self._path,
            )
        return SealBroken("it is damaged, or no token cache")


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"doorcode key\n" + key).digest()[:_ID_BYTES]


def _aes_gcm(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
