"""Name who issued a certificate that was not trusted: Python's TLS errors do not say it."""

from __future__ import annotations

import ssl
from typing import Any, Final

from doorcode._core.display import one_line

_DER: Final = 2
"""``_ssl.ENCODING_DER``."""
_CERTIFICATE: Final = "doorcode_certificate"
_LONGEST_NAME: Final = 200


class WitnessSocket(ssl.SSLSocket):
    """Keep the certificate of a server that is not trusted on the error that says so.

    Python drops the certificate together with the failed handshake. A second connection, only to look at the
    certificate, would go past the program's proxy.
    """

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - ssl's own signature
        """Do the handshake as ever."""
        try:
            super().do_handshake(block)
        except ssl.SSLCertVerificationError as error:
            setattr(error, _CERTIFICATE, _presented(self))
            raise


def issuer_of(error: ssl.SSLCertVerificationError | None) -> str | None:
    """Return who issued the certificate that an error is about.

    Args:
        error: what the handshake ended with.

    Returns:
        the distinguished name of the issuer (RFC 4514), for people; None where it cannot be read. To name the issuer
        is a courtesy: a certificate that nobody can read is no other error than one that is not trusted.
    """
    presented = getattr(error, _CERTIFICATE, None)
    if not isinstance(presented, bytes):
        return None
    try:
        from cryptography import x509

        name = x509.load_der_x509_certificate(presented).issuer.rfc4514_string()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - a panic of cryptography's Rust code is no Exception
        return None
    return one_line(name, _LONGEST_NAME) or None


def _presented(connection: ssl.SSLSocket) -> bytes | None:
    """Return the server's own certificate, in DER; None where this Python does not give it."""
    try:
        # Python 3.13 has a public method for this, which returns bytes; since 3.10 there is this one, inside.
        inner: Any = connection._sslobj  # type: ignore[attr-defined] # noqa: SLF001
        chain: list[Any] = inner.get_unverified_chain() or []
        first: Any = chain[0] if chain else None
        found = first if isinstance(first, bytes) or first is None else first.public_bytes(_DER)
    except Exception:  # noqa: BLE001 - see issuer_of
        return None
    return found if isinstance(found, bytes) else None
