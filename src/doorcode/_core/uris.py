"""Decide which URIs may be shown to a user or followed."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_LONGEST: Final = 4096
# Patterns that are text are compiled by their first use: a stored token needs none of them.
_RFC3986: Final = r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+"
_LOOPBACK_IPV4: Final = r"127(\.[0-9]{1,3}){3}"


def is_loopback(host: str) -> bool:
    """Tell whether a host never leaves this machine: ``localhost``, 127.0.0.0/8 or ``::1`` (RFC 8252 7.3)."""
    return host.lower() in {"localhost", "::1"} or bool(re.fullmatch(_LOOPBACK_IPV4, host))


def split_uri(value: object) -> SplitResult | None:
    """Split an absolute URI (RFC 3986).

    Returns:
        Its parts; None when it is no string, has a character that URIs lack, names no host, names a
        user, has an impossible port, or is longer than 4096 characters.
    """
    if not isinstance(value, str) or len(value) > _LONGEST or not re.fullmatch(_RFC3986, value):
        return None
    try:
        parts = urlsplit(value)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if named and "@" not in parts.netloc else None


def is_https(value: object) -> bool:
    """Tell whether a value is an absolute https URI, as every endpoint must be (RFC 8414 2)."""
    parts = split_uri(value)
    return parts is not None and parts.scheme == "https"


def is_presentable(value: object) -> bool:
    """Tell whether a user may be sent to a URI: https, or http on this machine (RFC 8628 3.2)."""
    parts = split_uri(value)
    if parts is None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
