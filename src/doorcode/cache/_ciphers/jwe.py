"""The sealed file that Go's azidentity/cache reads: JWE compact form, AES-128-CBC with HMAC-SHA-256.

RFC 7516, 7.1 and RFC 7518, 5.2, but for the additional data: empty, where a strict JWE has the header.
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
    """Return data sealed under a 32-byte key, whose serial number is written down for people.

    Args:
        data: to seal.
        key: 32 bytes.
        serial: of the key.
        said: more fields of the header, which is not protected; Go's has none.
    """
    fields = {"alg": "dir", "enc": "A128CBC-HS256", "kid": str(serial), **(said or {})}
    start = json.dumps(fields, separators=(",", ":"))
    iv = os.urandom(_IV_BYTES)
    padding = _BLOCK_BYTES - len(data) % _BLOCK_BYTES
    encryptor = _cipher(key, iv).encryptor()
    text = encryptor.update(data + bytes([padding]) * padding) + encryptor.finalize()
    parts = (start.encode(), b"", iv, text, _tag(key, iv, text))
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


def parse(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the IV, the encrypted text and the tag.

    Raises:
        SealBroken: it is not a JWE of this kind.
    """
    parts = sealed.strip().split(b".")
    if len(parts) != _PARTS or parts[1]:
        raise DecryptionError("it is not the sealed form of a token cache")
    start, _, iv, text, tag = map(_decoded, parts)
    fields = _fields(start)
    if (fields.get("alg"), fields.get("enc")) != ("dir", "A128CBC-HS256"):
        raise DecryptionError("it is sealed in a way that is not known here")
    if len(iv) != _IV_BYTES or len(tag) != _TAG_BYTES or not text or len(text) % _BLOCK_BYTES:
        raise DecryptionError("its sealed form is damaged")
    return iv, text, tag


def decrypt(sealed: bytes, key: bytes) -> bytes:
    """Return what was sealed under a 32-byte key.

    Raises:
        SealBroken: it is damaged, or was sealed under another key, which nothing can tell apart.
    """
    iv, text, tag = parse(sealed)
    import hmac

    # Before anything is decrypted: padding that is looked at first tells an attacker what is inside.
    if not hmac.compare_digest(tag, _tag(key, iv, text)):
        raise DecryptionError("it was sealed with a key that has been replaced, or is damaged")
    decryptor = _cipher(key, iv).decryptor()
    padded = decryptor.update(text) + decryptor.finalize()
    return padded[: -padded[-1]]


def header(sealed: bytes) -> dict[str, object]:
    """Return the header of sealed content, of which the start is enough; empty where there is none to be read."""
    try:
        return _fields(_decoded(sealed.partition(b".")[0]))
    except DecryptionError:
        return {}


def _fields(header: bytes) -> dict[str, object]:
    try:
        fields: object = json.loads(header)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", fields) if isinstance(fields, dict) else {}


def _tag(key: bytes, iv: bytes, text: bytes) -> bytes:
    import hashlib  # both bring OpenSSL along, which a cache that is not sealed does not need
    import hmac

    return hmac.new(key[:_HALF], iv + text + _NO_DATA_LENGTH, hashlib.sha256).digest()[:_TAG_BYTES]


def _cipher(key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return Cipher(algorithms.AES(key[_HALF:]), modes.CBC(iv))


def _decoded(part: bytes) -> bytes:
    try:
        return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise DecryptionError("its sealed form is damaged") from None
