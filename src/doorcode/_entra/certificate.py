"""Find the issuer of a certificate that was not trusted, which Python's TLS errors do not name."""

from __future__ import annotations

import ssl
from typing import Any, Final

from doorcode._core.display import one_line

_DER: Final = 2
"""``_ssl.ENCODING_DER``."""
_CERTIFICATE: Final = "doorcode_certificate"
_LONGEST_NAME: Final = 200


class WitnessSocket(ssl.SSLSocket):
    """Attach the certificate of an untrusted server to the error of the handshake.

    Python drops the certificate with the failed handshake, and a second connection to read it would bypass the
    program's proxy.
    """

    def do_handshake(self, *args: Any, **options: Any) -> None:
        """Do the handshake; attach the server's certificate to a verification error."""
        try:
            super().do_handshake(*args, **options)  # gevent's class, which may stand for ssl's, takes no argument
        except ssl.SSLCertVerificationError as error:
            setattr(error, _CERTIFICATE, _presented(self))
            raise


def issuer_of(error: ssl.SSLCertVerificationError | None) -> str | None:
    """Return the issuer of the certificate that an error is about.

    Args:
        error: the error of the handshake.

    Returns:
        the distinguished name of the issuer (RFC 4514), as text for the user; None if it cannot be read. A certificate
        that cannot be read is reported without its issuer, as untrusted.
    """
    presented = getattr(error, _CERTIFICATE, None)
    if not isinstance(presented, bytes):
        return None
    try:
        from cryptography import x509

        name = x509.load_der_x509_certificate(presented).issuer.rfc4514_string()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - a panic of cryptography's Rust code is a BaseException
        return None
    return one_line(name, _LONGEST_NAME) or None


def _presented(connection: ssl.SSLSocket) -> bytes | None:
    """Return the server's own certificate in DER; None if this Python does not provide it."""
    try:
        # Python 3.13 has a public method, which returns bytes; this private one exists since 3.10.
        inner: Any = connection._sslobj  # type: ignore[attr-defined] # noqa: SLF001
        chain: list[Any] = inner.get_unverified_chain() or []
        first: Any = chain[0] if chain else None
        found = first if isinstance(first, bytes) or first is None else first.public_bytes(_DER)
    except Exception:  # noqa: BLE001 - see issuer_of
        return None
    return found if isinstance(found, bytes) else None
