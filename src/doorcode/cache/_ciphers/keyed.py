"""Encryption with the program's own key: AES-256-GCM, bound to the name of the file or value that keeps the content."""

# Paths are text here, as the system calls of the stores take them.
# ruff: noqa: PTH119

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from doorcode.cache._ciphers.cipher import JWE_START, KEYED_START, DecryptionError
from doorcode.cache._errors import StoreKeyError
from doorcode.cache._stores.file import is_json_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KeyedCipher", "decrypt", "encrypt"]

_NONCE_BYTES: Final = 12
_ID_BYTES: Final = 8
_HEADER_BYTES: Final = len(KEYED_START) + _ID_BYTES
_NAMED: Final = b"\0\2"
"""The first of the eight key ID bytes of content whose tag covers a name."""


def encrypt(key: bytes, name: bytes, data: bytes) -> bytes:
    """Return data encrypted with a 32-byte key, and bound to the name of the file or value that keeps it."""
    header = KEYED_START + _key_id(key)
    nonce = os.urandom(_NONCE_BYTES)
    return header + nonce + _aes_gcm(key).encrypt(nonce, data, header + name)


def decrypt(keys: Iterable[bytes], name: bytes, encrypted: bytes) -> bytes | None:
    """Return data that was encrypted with one of several keys.

    Args:
        keys: the keys, of 32 bytes each.
        name: the name of the file or value that keeps the data.
        encrypted: the result of :func:`encrypt`.

    Returns:
        The data; None if it was encrypted with another key.

    Raises:
        DecryptionError: the bytes are damaged, or were encrypted for another name.
    """
    header = encrypted[:_HEADER_BYTES]
    found = [key for key in keys if _key_id(key) == _id_in(encrypted)]
    return _decrypted(found[0], encrypted, header + name) if found else None


class KeyedCipher:
    """Encrypt content with a key that the program supplies.

    The encrypted form is a fixed first line, eight bytes that identify the key, a random nonce, and the encrypted
    content with its tag. The tag covers the file's name, so that a file cannot take the place of another cache's file
    with the same key. The tag does not cover the directory, because a home may be mounted elsewhere.
    In doorcode 0.1.0 the tag covered no name, and the key had another ID: 0.1.0 takes the newer form for content of
    another key, refuses it and leaves it as it is.

    Args:
        path: the path of the file.
        reveal_key: returns the 32 bytes, or raises ValueError or TypeError; called for each read and write.
    """

    def __init__(self, path: str, reveal_key: Callable[[], bytes]) -> None:
        self._path = path
        self._reveal_key = reveal_key
        self._name = os.fsencode(os.path.basename(path))

    @property
    def encrypted(self) -> bool:
        """Return True: content is encrypted."""
        return True

    def describe(self) -> str:
        """Return that the program's own key encrypts the content."""
        return "encrypted with the program's own key"

    def encrypt(self, data: bytes) -> bytes:
        """Return the content, encrypted."""
        return encrypt(self._key(), self._name, data)

    def is_current(self, encrypted: bytes) -> bool:
        """Tell whether encrypted content is bound to the name of its file."""
        return _id_in(encrypted).startswith(_NAMED)

    def decrypt(self, encrypted: bytes) -> bytes:
        """Return the content.

        Raises:
            DecryptionError: the bytes are damaged, or belong to another cache.
            StoreKeyError: the bytes were encrypted with another key or in another way, or are not encrypted.
        """
        if not encrypted.startswith(KEYED_START):
            raise self._foreign(encrypted)
        key = self._key()
        header = encrypted[:_HEADER_BYTES]
        bound = {_key_id(key): header + self._name, _unbound_key_id(key): header}.get(_id_in(encrypted))
        if bound is None:
            from shlex import quote

            raise StoreKeyError(
                f"{self._path} was encrypted with another encryption_key than the one given, or named by "
                "DOORCODE_CACHE_KEY or DOORCODE_CACHE_KEY_FILE; it was left as it is. Give the key it was made with, "
                f"or another name or path. If that key is lost, remove the file (rm {quote(self._path)}), and the "
                "user signs in again",
                where=self._path,
            )
        return _decrypted(key, encrypted, bound)

    def _key(self) -> bytes:
        try:
            return self._reveal_key()
        except Exception as error:
            raise StoreKeyError(f"cannot get the encryption_key: {error}", where=self._path) from error

    def _foreign(self, encrypted: bytes) -> StoreKeyError | DecryptionError:
        plain = is_json_object(encrypted)
        if plain or encrypted.startswith(JWE_START):
            kind = "not encrypted" if plain else "encrypted with a key of the system"
            return StoreKeyError(
                f"{self._path} holds a token cache that is {kind}; it was left as it is. Use another name or path",
                where=self._path,
            )
        return DecryptionError("it is damaged, or no token cache")


def _id_in(encrypted: bytes) -> bytes:
    return encrypted[len(KEYED_START) : _HEADER_BYTES]


def _key_id(key: bytes) -> bytes:
    return (_NAMED + hashlib.sha256(b"doorcode key of a named file\n" + key).digest())[:_ID_BYTES]


def _unbound_key_id(key: bytes) -> bytes:
    """Return the key ID of doorcode 0.1.0, whose content has no file name in its additional data."""
    return hashlib.sha256(b"doorcode key\n" + key).digest()[:_ID_BYTES]


def _decrypted(key: bytes, encrypted: bytes, bound: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag

    rest = encrypted[_HEADER_BYTES:]
    try:
        return _aes_gcm(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], bound)
    except (InvalidTag, ValueError):
        raise DecryptionError("its encrypted form is damaged, or another cache's file is in its place") from None


def _aes_gcm(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
