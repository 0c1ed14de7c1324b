"""The seal of a program that brings its own key: AES-256-GCM, bound to the name of the file."""

# Text for paths, as in the system calls below it all.
# ruff: noqa: PTH119

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from doorcode.cache._ciphers.cipher import JWE_START, KEYED_START, DecryptionError
from doorcode.cache._errors import StoreKeyError
from doorcode.cache._stores.file import is_json_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KeyedSeal"]

_NONCE_BYTES: Final = 12
_ID_BYTES: Final = 8
_HEADER_BYTES: Final = len(KEYED_START) + _ID_BYTES
_NAMED: Final = b"\0\2"
"""How the eight bytes start where the tag covers the file's name."""


class KeyedSeal:
    """Seal content with a key that the program supplies.

    The sealed form is a fixed first line, eight bytes that tell which key it was, a random nonce, and the encrypted
    content with its tag. The tag covers the file's name, which tells the cache and its kind, so that one file cannot be
    put in place of another that has the same key. The tag leaves the directory out: a home may be mounted elsewhere.
    doorcode 0.1.0 covered no name, and told its keys by eight other bytes: it refuses the newer form as sealed with
    another key, and leaves it as it is.

    Args:
        path: of the file.
        reveal_key: returns the 32 bytes, or raises ValueError or TypeError; called for each read and write.
    """

    def __init__(self, path: str, reveal_key: Callable[[], bytes]) -> None:
        self._path = path
        self._reveal_key = reveal_key
        self._name = os.fsencode(os.path.basename(path))

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
        return header + nonce + _aes_gcm(key).encrypt(nonce, data, header + self._name)

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether sealed content is bound to the name of its file."""
        return _id_in(sealed).startswith(_NAMED)

    def open(self, sealed: bytes) -> bytes:
        """Return the content.

        Raises:
            SealBroken: it is damaged, or another cache's.
            StoreKeyError: it was sealed with another key or in another way, or is not sealed at all.
        """
        if not sealed.startswith(KEYED_START):
            raise self._foreign(sealed)
        key = self._key()
        header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        bound = {_key_id(key): header + self._name, _unbound_key_id(key): header}.get(_id_in(sealed))
        if bound is None:
            raise StoreKeyError(
                f"{self._path} was encrypted with another encryption_key than the one given, or named by "
                "DOORCODE_CACHE_KEY or DOORCODE_CACHE_KEY_FILE; it was left as it is. Give the key it was made with, "
                "or another name or path",
                where=self._path,
            )
        from cryptography.exceptions import InvalidTag

        try:
            return _aes_gcm(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], bound)
        except (InvalidTag, ValueError):
            raise DecryptionError("its encrypted form is damaged, or another cache's file is in its place") from None

    def _key(self) -> bytes:
        try:
            return self._reveal_key()
        except Exception as error:
            raise StoreKeyError(f"cannot get the encryption_key: {error}", where=self._path) from error

    def _foreign(self, sealed: bytes) -> StoreKeyError | DecryptionError:
        plain = is_json_object(sealed)
        if plain or sealed.startswith(JWE_START):
            kind = "not encrypted" if plain else "encrypted with a key of the system"
            return StoreKeyError(
                f"{self._path} holds a token cache that is {kind}; it was left as it is. Use another name or path",
                where=self._path,
            )
        return DecryptionError("it is damaged, or no token cache")


def _id_in(sealed: bytes) -> bytes:
    return sealed[len(KEYED_START) : _HEADER_BYTES]


def _key_id(key: bytes) -> bytes:
    return (_NAMED + hashlib.sha256(b"doorcode key of a named file\n" + key).digest())[:_ID_BYTES]


def _unbound_key_id(key: bytes) -> bytes:
    """Return what doorcode 0.1.0 wrote; that content has no name in its additional data."""
    return hashlib.sha256(b"doorcode key\n" + key).digest()[:_ID_BYTES]


def _aes_gcm(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
