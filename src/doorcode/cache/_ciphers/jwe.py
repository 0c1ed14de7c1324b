"""The encrypted format that Go's azidentity/cache reads: compact JWE, AES-128-CBC with HMAC-SHA-256.

It follows RFC 7516 7.1 and RFC 7518 5.2, except that the additional data is empty; in the RFC, it is the header.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from typing import TYPE_CHECKING, Final, cast

from doorcode.cache._ciphers.cipher import DecryptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.ciphers import Cipher, modes

__all__ = ["KEY_BYTES", "decrypt", "encrypt", "header", "parse"]

KEY_BYTES: Final = 32
_IV_BYTES: Final = 16
_TAG_BYTES: Final = 16
_BLOCK_BYTES: Final = 16
_HALF: Final = KEY_BYTES // 2
_PARTS: Final = 5
_NO_DATA_LENGTH: Final = bytes(8)
"""AL of RFC 7518, 5.2.2.1, in bits, for no additional data."""


def encrypt(data: bytes, key: bytes, serial: int, said: Mapping[str, str] | None = None) -> bytes:
    """Return data encrypted under a 32-byte key.

    Args:
        data: the bytes to encrypt.
        key: 32 bytes.
        serial: the key's serial number, which the header shows for information.
        said: further fields of the header, which is not authenticated; Go writes none.
    """
    fields = {"alg": "dir", "enc": "A128CBC-HS256", "kid": str(serial), **(said or {})}
    start = json.dumps(fields, separators=(",", ":"))
    iv = os.urandom(_IV_BYTES)
    padding = _BLOCK_BYTES - len(data) % _BLOCK_BYTES
    encryptor = _cipher(key, iv).encryptor()
    text = encryptor.update(data + bytes([padding]) * padding) + encryptor.finalize()
    parts = (start.encode(), b"", iv, text, _tag(key, iv, text))
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


def parse(encrypted: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the IV, the encrypted text and the tag.

    Raises:
        DecryptionError: the bytes are not a JWE of this kind.
    """
    parts = encrypted.strip().split(b".")
    if len(parts) != _PARTS or parts[1]:
        raise DecryptionError("it is not an encrypted token cache")
    start, _, iv, text, tag = map(_decoded, parts)
    fields = _fields(start)
    if (fields.get("alg"), fields.get("enc")) != ("dir", "A128CBC-HS256"):
        raise DecryptionError("it is encrypted in a way that doorcode does not know")
    if len(iv) != _IV_BYTES or len(tag) != _TAG_BYTES or not text or len(text) % _BLOCK_BYTES:
        raise DecryptionError("its encrypted form is damaged")
    return iv, text, tag


def decrypt(encrypted: bytes, key: bytes) -> bytes:
    """Return the data that was encrypted under a 32-byte key.

    Raises:
        DecryptionError: the bytes are damaged or were encrypted under another key; the two look the same.
    """
    iv, text, tag = parse(encrypted)
    import hmac

    # The tag is checked before the decryption: an error about the padding would be an oracle for an attacker.
    if not hmac.compare_digest(tag, _tag(key, iv, text)):
        raise DecryptionError("it was encrypted with a key that has been replaced, or is damaged")
    decryptor = _cipher(key, iv).decryptor()
    padded = decryptor.update(text) + decryptor.finalize()
    return padded[: -padded[-1]]


def header(encrypted: bytes) -> dict[str, object]:
    """Return the fields of the header, of which the first part of the content is enough; {} if it cannot be read."""
    try:
        return _fields(_decoded(encrypted.partition(b".")[0]))
    except DecryptionError:
        return {}


def _fields(header: bytes) -> dict[str, object]:
    try:
        fields: object = json.loads(header)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", fields) if isinstance(fields, dict) else {}


def _tag(key: bytes, iv: bytes, text: bytes) -> bytes:
    import hashlib  # both load OpenSSL, which a plain cache does not need
    import hmac

    return hmac.new(key[:_HALF], iv + text + _NO_DATA_LENGTH, hashlib.sha256).digest()[:_TAG_BYTES]


def _cipher(key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return Cipher(algorithms.AES(key[_HALF:]), modes.CBC(iv))


def _decoded(part: bytes) -> bytes:
    try:
        return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise DecryptionError("its encrypted form is damaged") from None
