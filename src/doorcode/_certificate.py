"""Name who issued a certificate that was not trusted: Python's TLS errors do not say it."""

from __future__ import annotations

import ssl
from typing import Final

from doorcode._core.wire import one_line

LONGEST_LOOK: Final = 3.0
"""Seconds that the look at the certificate may take."""
_LONGEST_NAME: Final = 200


def issuer_of(host: str) -> str | None:
    """Look at the certificate of a server, sending it nothing; blocks for three seconds at most.

    Args:
        host: of the server, with its port where that is not 443.

    Returns:
        the distinguished name of the issuer (RFC 4514), for people; None where it cannot be looked at, behind a
        proxy for example.
    """
    name, _, port = host.rpartition(":")
    place = (name.strip("[]"), int(port)) if name and port.isdigit() else (host, 443)
    try:
        from cryptography import x509

        pem = ssl.get_server_certificate(place, timeout=LONGEST_LOOK)
        return one_line(x509.load_pem_x509_certificate(pem.encode()).issuer.rfc4514_string(), _LONGEST_NAME)
    except (OSError, ValueError):
        return None
