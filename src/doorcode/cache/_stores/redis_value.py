"""The keys and values of the Redis store: the names of the keys, and the form of a value."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import Final

from doorcode._core.values import field, value_class

__all__ = [
    "LONGEST_HEAD",
    "MAGIC",
    "STAMP_CHARACTERS",
    "USUAL_HEAD",
    "Partition",
    "StoredValue",
    "all_values",
    "checked_partition",
    "label_bound",
    "new_stamp",
    "pack",
    "size_of_head",
    "unpack",
]

MAGIC: Final = b"doorcode-redis-1\n"
"""The first bytes of every value with a token cache."""
STAMP_CHARACTERS: Final = 32
_SIZE_CHARACTERS: Final = 4
_HEAD_BYTES: Final = len(MAGIC) + STAMP_CHARACTERS + _SIZE_CHARACTERS
USUAL_HEAD: Final = 512
LONGEST_HEAD: Final = _HEAD_BYTES + 0xFFFF
"""Bytes at the start of a value that hold its stamp and its label: usually, and at most."""
_STAMP: Final = re.compile(rb"[0-9a-f]{32}")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_USER: Final = 1024


@value_class(frozen=True, slots=True)
class Partition:
    """The cache, user and application of a key on the server.

    The names of the keys show the cache's name and a digest of the rest: user names may be personal data. The part in
    braces decides the shard of a cluster, so that all keys of a partition are on one.

    Attributes:
        name: of the cache.
        user: the program's own identifier of the user.
        client_id: the application, if the program keeps several apart.
    """

    name: str
    user: str = field(default="", repr=False)
    client_id: str = ""

    @property
    def value_key(self) -> str:
        """The key of the value."""
        return f"{self._prefix}:tokens"

    @property
    def fence_key(self) -> str:
        """The key of the number of the last lease."""
        return f"{self._prefix}:fence"

    def lease_key(self, lease: str) -> str:
        """Return the key of a lease."""
        return f"{self._prefix}:lease:{lease}"

    @property
    def label(self) -> bytes:
        """The user and the client, as a listing reads them."""
        return json.dumps({"user": self.user, "client_id": self.client_id}).encode()

    @property
    def bound(self) -> bytes:
        """The name that the encrypted tokens are bound to."""
        return json.dumps([self.name, self.user, self.client_id, "tokens"]).encode()

    @property
    def _prefix(self) -> str:
        return f"doorcode:{self.name}:{{{hashlib.sha256(self.label).hexdigest()[:32]}}}"


@value_class(frozen=True, slots=True)
class StoredValue:
    """The parts of a value.

    Attributes:
        stamp: 32 random hexadecimal digits, new with every write: an older copy of the server's data, after a failover
            or a restart, never passes for a newer one.
        label: the user and the client, encrypted if the tokens are.
        tokens: the content, encrypted if there is a key.
    """

    stamp: str
    label: bytes = field(repr=False)
    tokens: bytes = field(repr=False)


def checked_partition(name: object, user: object, client_id: object) -> Partition:
    """Return the partition of a cache, a user and an application.

    Raises:
        TypeError: the user or the application is not text.
        ValueError: a value is too long, or the name has other characters than names have.
    """
    return Partition(_checked_name(name), _checked_text(user, "user"), _checked_text(client_id, "client_id"))


def _checked_text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, not {type(value).__name__}")
    if len(value) > _LONGEST_USER:
        raise ValueError(f"{name} must have at most {_LONGEST_USER} characters")
    return value


def _checked_name(name: object) -> str:
    """Return the name of a cache, if it can be a part of a key's name.

    Raises:
        ValueError: it cannot.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"the cache's name must have 1 to 64 letters, digits, '.', '_' or '-' (it is {name!r})")
    return name


def all_values(name: str) -> str:
    """Return the pattern of the keys of all values of a cache."""
    return f"doorcode:{name}:{{*}}:tokens"


def label_bound(value_key: str) -> bytes:
    """Return what the encrypted label of a value is bound to: a listing knows only the value's key."""
    return json.dumps([value_key, "label"]).encode()


def new_stamp() -> str:
    """Return a stamp that no other value has."""
    return os.urandom(STAMP_CHARACTERS // 2).hex()


def pack(value: StoredValue) -> bytes:
    """Return the bytes of a value."""
    size = f"{len(value.label):04x}".encode()
    return MAGIC + value.stamp.encode() + size + value.label + value.tokens


def unpack(raw: bytes) -> StoredValue:
    """Return the parts of a value, or of its first bytes, which may end before the label does.

    Raises:
        ValueError: it is not the value of a token cache.
    """
    start = len(MAGIC)
    stamp, size = raw[start : start + STAMP_CHARACTERS], raw[start + STAMP_CHARACTERS : _HEAD_BYTES]
    if not raw.startswith(MAGIC) or not _STAMP.fullmatch(stamp) or len(size) != _SIZE_CHARACTERS:
        raise ValueError("it is not the value of a token cache")
    end = _HEAD_BYTES + int(size, 16)
    return StoredValue(stamp.decode(), raw[_HEAD_BYTES:end], raw[end:])


def size_of_head(raw: bytes) -> int:
    """Return how many bytes of a value have its stamp and its label, from its first bytes."""
    return _HEAD_BYTES + int(raw[len(MAGIC) + STAMP_CHARACTERS : _HEAD_BYTES], 16)
