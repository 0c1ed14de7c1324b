"""The encryption keys of a store on a server: the first one encrypts, and each of them decrypts."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from doorcode._core.checks import check_flag
from doorcode.cache._ciphers import keyed
from doorcode.cache._ciphers.cipher import KEYED_START, DecryptionError
from doorcode.cache._environment_key import environment_has_key, key_of_environment
from doorcode.cache._errors import StoreError, StoreKeyError
from doorcode.cache._key_source import KeySource, checked_source, key_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["KeySet", "key_set"]


class KeySet:
    """Encrypt and decrypt values with the program's keys; without a key, values stay plain.

    A key that is a function is called whenever the key is needed, and can be pickled as functions can.

    Args:
        sources: the keys, or functions that return them.
    """

    __slots__ = ("_sources",)

    def __init__(self, sources: tuple[KeySource, ...]) -> None:
        self._sources = sources

    @property
    def encrypts(self) -> bool:
        """Tell whether there is a key."""
        return bool(self._sources)

    def encrypt(self, data: bytes, name: bytes, where: str) -> bytes:
        """Return data encrypted with the first key, and bound to a name.

        Raises:
            StoreKeyError: the function of the key failed.
        """
        return keyed.encrypt(self._key(self._sources[0], where), name, data) if self._sources else data

    def decrypt(self, stored: bytes, name: bytes, where: str) -> bytes:
        """Return the data of a value.

        Args:
            stored: the value.
            name: the name that the value must be bound to.
            where: the server, for messages.

        Raises:
            StoreKeyError: the value was encrypted with another key; or it is encrypted and there is no key; or it is
                plain and there is a key.
            StoreError: the value is damaged, or was written for another name.
        """
        if stored.startswith(KEYED_START) is not self.encrypts:
            kind = "is not encrypted" if self.encrypts else "is encrypted, and this program was given no encryption_key"
            raise StoreKeyError(f"a token cache in {where} {kind}; it was left as it is", where=where)
        if not self.encrypts:
            return stored
        try:
            data = keyed.decrypt((self._key(source, where) for source in self._sources), name, stored)
        except DecryptionError:
            raise StoreError(
                f"a token cache in {where} is damaged, or was written for another name, user or client; it was left as "
                "it is. If it is of no use, remove it with the store's delete()",
                where=where,
            ) from None
        if data is None:
            raise StoreKeyError(
                f"a token cache in {where} was encrypted with another encryption_key than those given; it was left as "
                "it is. Give the key it was made with as well, after the one that writes",
                where=where,
            )
        return data

    def __reduce__(self) -> tuple[type[KeySet], tuple[tuple[KeySource, ...]]]:
        if any(isinstance(source, bytes) for source in self._sources):
            raise TypeError(
                "a store that holds an encryption_key as bytes cannot be pickled, because the key would be in the "
                "pickle; pass a module-level function that returns it"
            )
        return KeySet, (self._sources,)

    @staticmethod
    def _key(source: KeySource, where: str) -> bytes:
        try:
            return key_of(source)
        except (TypeError, ValueError) as error:
            raise StoreKeyError(f"cannot get the encryption_key: {error}", where=where) from error


def key_set(given: object, *, plain_allowed: bool) -> KeySet:
    """Return the program's keys; or, if it has none, the key of the environment.

    Args:
        given: a key, a function that returns a key, a list or tuple of these, or None.
        plain_allowed: whether the set may be empty.

    Raises:
        TypeError: a key is neither bytes nor a function, or ``plain_allowed`` is neither true nor false.
        ValueError: a key is not 32 bytes long, or there is no key and ``plain_allowed`` is False.
    """
    plain_allowed = check_flag("allow_unencrypted_storage", plain_allowed or None)
    many = cast("Iterable[object]", given) if isinstance(given, (list, tuple)) else [given]
    sources = tuple(source for source in map(checked_source, many) if source is not None)
    if not sources and environment_has_key():
        sources = (key_of_environment,)
    if not sources and not plain_allowed:
        raise ValueError(
            "every reader of the server could use the tokens there: give encryption_key=, or set the environment "
            "variable DOORCODE_CACHE_KEY or DOORCODE_CACHE_KEY_FILE; allow_unencrypted_storage=True keeps them plain"
        )
    return KeySet(sources)
