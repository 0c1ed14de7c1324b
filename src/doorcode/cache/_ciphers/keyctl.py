"""The kernel's key system calls, by number: libc exports neither ``keyctl`` nor ``add_key``."""

from __future__ import annotations

import errno
import os
import struct
from contextlib import suppress
from typing import Any, Final

from doorcode.cache._errors import StoreUnavailable

__all__ = ["PROCESS_KEYRING", "SESSION_KEYRING", "USER_KEYRING", "KeyCalls", "key_calls"]

PROCESS_KEYRING: Final = -2
SESSION_KEYRING: Final = -3
USER_KEYRING: Final = -4

# linux/keyctl.h
_GET_KEYRING_ID: Final = 0
_LINK: Final = 8
_UNLINK: Final = 9
_SEARCH: Final = 10
_READ: Final = 11
_GET_PERSISTENT: Final = 22

_NUMBERS: Final = {"x86_64": (248, 250), "aarch64": (217, 219)}
"""Machine -> the numbers of add_key and keyctl."""

_NO_CTYPES: Final = "this Python has no module ctypes, for it was built without libffi"
_POINTER_BYTES: Final = 8


class KeyCalls:
    """Make the system calls; each raises OSError with the kernel's error number when it fails.

    Args:
        add_key: the number of the system call ``add_key`` on this machine.
        keyctl: the number of the system call ``keyctl``.
    """

    def __init__(self, add_key: int, keyctl: int) -> None:
        self._add_key = add_key
        self._keyctl = keyctl
        self._syscall: Any = None
        with suppress(ImportError, OSError, AttributeError):  # a Python without libffi, or linked statically
            import ctypes

            self._syscall = ctypes.CDLL(None, use_errno=True).syscall
            self._syscall.restype = ctypes.c_long

    def link(self, key: int, ring: int) -> None:
        """Link a key or keyring into a keyring."""
        self._call(self._keyctl, _LINK, key, ring, 0, 0)

    def unlink(self, key: int, ring: int) -> None:
        """Remove a key from a keyring."""
        self._call(self._keyctl, _UNLINK, key, ring, 0, 0)

    def ring(self, special: int) -> int:
        """Return the serial number of a special keyring, creating the keyring if needed."""
        return self._call(self._keyctl, _GET_KEYRING_ID, special, 1, 0, 0)

    def persistent(self, ring: int) -> int:
        """Return the serial number of this user's persistent keyring, linking it into ``ring``."""
        return self._call(self._keyctl, _GET_PERSISTENT, -1, ring, 0, 0)

    def search(self, ring: int, description: str) -> int:
        """Return the serial number of the ``user`` key with a description."""
        return self._call(self._keyctl, _SEARCH, ring, b"user", os.fsencode(description), 0)

    def read(self, key: int, most: int) -> bytes:
        """Return the payload of a key; ``most`` + 1 zero bytes if the payload is longer than ``most`` bytes."""
        import ctypes

        buffer = ctypes.create_string_buffer(most)
        length = self._call(self._keyctl, _READ, key, buffer, most, 0)
        return buffer.raw[:length] if length <= most else bytes(most + 1)

    def add(self, ring: int, description: str, payload: bytes) -> int:
        """Add a ``user`` key, or replace the payload of the key with that description; return its serial number."""
        return self._call(self._add_key, b"user", os.fsencode(description), payload, len(payload), ring)

    def _call(self, number: int, *arguments: object) -> int:
        if self._syscall is None:
            raise OSError(errno.EOPNOTSUPP, _NO_CTYPES)
        import ctypes

        # An old value must not be taken for the error of a call that sets none.
        ctypes.set_errno(0)
        words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
        result = self._syscall(ctypes.c_long(number), *words)
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return int(result)


def key_calls() -> KeyCalls:
    """Return the calls for this machine.

    Raises:
        StoreUnavailable: the machine is neither x86_64 nor aarch64, or the program is a 32-bit one.
    """
    machine = os.uname().machine if hasattr(os, "uname") else "unknown"
    numbers = _NUMBERS.get(machine)
    if numbers is None or struct.calcsize("P") != _POINTER_BYTES:
        raise StoreUnavailable(f"the kernel's key calls are not known for this machine ({machine})")
    return KeyCalls(*numbers)
