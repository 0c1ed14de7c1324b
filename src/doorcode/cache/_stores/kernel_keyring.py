"""Encryption with a key in the Linux kernel's keyring, for machines without a desktop."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from doorcode._core.values import field, value_class
from doorcode.cache._ciphers import jwe
from doorcode.cache._ciphers.cipher import JWE_START, KeyMissing
from doorcode.cache._ciphers.keyctl import PROCESS_KEYRING, SESSION_KEYRING, USER_KEYRING, KeyCalls
from doorcode.cache._errors import StoreError, StoreKeyError, StoreUnavailable
from doorcode.cache._files import disk

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KernelCipher", "KernelKeys", "is_jwe_file"]

# ENOKEY, EKEYEXPIRED and EKEYREVOKED of Linux as numbers: other systems lack the names and import this module too.
_GONE: Final = {126, 127, 128, errno.ENOENT}
_NO_SESSION: Final = {126, 127, 128, errno.EACCES}
_STORED_BYTES: Final = jwe.KEY_BYTES + 1  # Go stores a NUL after the key


@value_class(frozen=True, slots=True)
class _Key:
    """A key in the kernel's keyring."""

    serial: int
    secret: bytes = field(repr=False)


class KernelKeys:
    """Find and create ``user`` keys in this user's persistent keyring, or in the user keyring if there is none.

    Args:
        calls: the system calls.
    """

    def __init__(self, calls: KeyCalls) -> None:
        self._calls = calls

    def find(self, description: str) -> _Key | None:
        """Return the key with a description; None if there is none, or it has expired.

        Raises:
            StoreKeyError: the key cannot be read, or has the wrong length.
            StoreUnavailable: the kernel refuses.
        """
        try:
            serial = self._calls.search(self._ring(), description)
            payload = self._calls.read(serial, _STORED_BYTES)
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise _unreadable(description, error) from error
        if len(payload) == _STORED_BYTES and payload[-1:] == b"\0":
            payload = payload[:-1]
        if len(payload) != jwe.KEY_BYTES:
            raise StoreKeyError(
                f"the kernel key {description!r} is not {jwe.KEY_BYTES} bytes long, so it is not a token cache's; "
                f"it was left as it is. See `keyctl show` and, if no program needs it, `keyctl unlink {serial}`",
                where=description,
            )
        return _Key(serial, payload)

    def find_or_make(self, description: str) -> _Key:
        """Return the key with a description, and create it if there is none; the caller holds the cache's lock.

        Raises:
            StoreKeyError: the key cannot be used or created.
        """
        found = self.find(description)
        if found is not None:
            return found
        try:
            self._calls.add(self._ring(), description, os.urandom(jwe.KEY_BYTES) + b"\0")
        except OSError as error:
            raise StoreKeyError(
                f"cannot keep the key {description!r} in the kernel: {error.strerror}",
                where=description,
                errno=error.errno,
            ) from error
        made = self.find(description)  # read back, so that this process uses the key that others will find
        if made is None:
            raise StoreKeyError(f"the kernel lost the key {description!r} at once", where=description)
        return made

    def probe(self, *descriptions: str) -> None:
        """Check that the keyring works: a key of the cache can be read, or a test key can be written and read.

        Args:
            *descriptions: the keys that the cache may have. If one exists, no test key is needed, for which the user's
                quota may have no room.

        Raises:
            StoreUnavailable: the keyring does not work.
        """
        if any(self._is_there(description) for description in descriptions):
            return
        description = f"doorcode.probe.{os.getpid()}.{os.urandom(4).hex()}"
        try:
            ring = self._ring()
            serial = self._calls.add(ring, description, bytes(_STORED_BYTES))
            try:
                found = self.find(description)
            finally:
                self._calls.unlink(serial, ring)
        except OSError as error:
            raise _refused(error) from error
        except StoreKeyError as error:
            raise StoreUnavailable(str(error)) from error
        if found is None or found.secret != bytes(jwe.KEY_BYTES):
            raise StoreUnavailable("the kernel did not give back a key that it had taken")

    def _is_there(self, description: str) -> bool:
        try:
            return self.find(description) is not None
        except StoreKeyError:  # the use of the cache will report what is wrong with its key
            return False

    def _ring(self) -> int:
        try:
            # A process may read a key only if one of its own keyrings leads to it.
            self._link_user_keyring()
            ring = self._calls.ring(USER_KEYRING)
        except OSError as error:
            raise _refused(error) from error
        try:
            return self._calls.persistent(ring)
        except OSError as error:
            if error.errno == errno.EDQUOT:  # it exists: in another keyring its keys would not be found
                raise _refused(error) from error
            return ring  # a kernel without persistent keyrings

    def _link_user_keyring(self) -> None:
        try:
            self._calls.link(USER_KEYRING, SESSION_KEYRING)
        except OSError as error:
            if error.errno == errno.EDQUOT:  # the quota is full, but an earlier link may exist
                return
            # The session keyring has ended with its login (tmux, screen) or belongs to another user (su). A link in
            # this process's own keyring works as well, and affects no other process.
            try:
                self._calls.link(USER_KEYRING, PROCESS_KEYRING)
            except OSError:
                raise error from None


class KernelCipher:
    """Encrypt content with a kernel key, in the format of Go's azidentity/cache.

    Args:
        description: the key's description, which is the cache's name. The serial number in the file is not used to
            find the key.
        keys: finds and creates keys.
    """

    def __init__(self, description: str, keys: KernelKeys) -> None:
        self._description = description
        self._keys = keys

    @property
    def encrypted(self) -> bool:
        """Return True: content is encrypted."""
        return True

    def describe(self) -> str:
        """Return that a kernel key encrypts the content, and that a reboot ends it."""
        return "encrypted with a key in the kernel's keyring, which a reboot ends"

    def encrypt(self, data: bytes) -> bytes:
        """Return the content, encrypted; create the key if there is none."""
        return self.encrypt_with_header(data, {})

    def encrypt_with_header(self, data: bytes, fields: Mapping[str, str]) -> bytes:
        """Return the content, encrypted, with further fields in its header; create the key if there is none."""
        key = self._keys.find_or_make(self._description)
        return jwe.encrypt(data, key.secret, key.serial, fields)

    def decrypt(self, encrypted: bytes) -> bytes:
        """Return the content.

        Raises:
            DecryptionError: the bytes are damaged, or the key was replaced.
            KeyMissing: the key no longer exists.
            StoreKeyError: the key cannot be read or used.
        """
        jwe.parse(encrypted)
        key = self._keys.find(self._description)
        if key is None:
            raise KeyMissing
        return jwe.decrypt(encrypted, key.secret)

    def is_current(self, encrypted: bytes) -> bool:  # noqa: ARG002 - the Protocol's shape
        """Return True: there is one form."""
        return True


def is_jwe_file(path: str) -> bool:
    """Tell whether a file begins like a compact JWE, the format of Go's azidentity/cache."""
    try:
        raw = disk.read(path, len(JWE_START))
    except StoreError:
        return False
    return raw is not None and raw.data == JWE_START


def _refused(error: OSError) -> StoreUnavailable:
    if error.errno in {errno.EPERM, errno.ENOSYS}:
        return StoreUnavailable(
            f"the kernel's keyring is blocked here ({error.strerror}), as it is in most containers", errno=error.errno
        )
    words = f"the kernel's keyring cannot be used: {error.strerror}"
    if error.errno == errno.EDQUOT:
        words += "; this user's kernel keys have no room left (see /proc/key-users, and `keyctl show`)"
    if error.errno in _NO_SESSION:
        words += (
            "; the keyring of this login session has ended, as in tmux after a logout, or is another user's, as after "
            "su: log in anew, or start the program with `keyctl session - PROGRAM`"
        )
    return StoreUnavailable(words, errno=error.errno)


def _unreadable(description: str, error: OSError) -> StoreError:
    if error.errno in {errno.EPERM, errno.ENOSYS}:
        return _refused(error)
    return StoreKeyError(
        f"the kernel key {description!r} is there and cannot be read ({error.strerror}); it was left as it is",
        where=description,
        errno=error.errno,
    )
