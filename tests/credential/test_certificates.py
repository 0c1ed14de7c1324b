"""Whose certificate is refused: named where it can be, over the program's own way to the authority only."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from doorcode import errors
from doorcode._entra.certificate import issuer_of
from doorcode.emulator import Emulator
from support.proxy import proxy
from support.signing import SCOPE

VERSION = bytes([0xA0, 3, 2, 1])
"""What stands before the version of a certificate (RFC 5280 4.1): 2 is version 3."""


class Server:
    """A TLS server that nobody trusts; it counts who comes."""

    def __init__(self, certificate: bytes, key: bytes, folder: Path) -> None:
        self.came = 0
        chain = folder / "chain.pem"
        chain.write_bytes(key + ssl.DER_cert_to_PEM_cert(certificate).encode())
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.came += 1
                with suppress(OSError):
                    self._context.wrap_socket(connection, server_side=True).close()
                connection.close()


@contextmanager
def untrusted(folder: Path, version: int = 2) -> Iterator[Server]:
    """Run a server whose certificate says that it is of this version, counted from 0."""
    made = trustme.CA(organization_name="A company's proxy").issue_cert("127.0.0.1")
    certificate = load_pem_x509_certificate(made.cert_chain_pems[0].bytes()).public_bytes(Encoding.DER)
    server = Server(
        certificate.replace(VERSION + bytes([2]), VERSION + bytes([version]), 1), made.private_key_pem.bytes(), folder
    )
    try:
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("version", [2, 3, 5])
def test_a_version_that_nobody_knows(make: Any, tmp_path: Path, version: int) -> None:
    """A certificate that cannot be read is one that is not trusted, without the name of its issuer."""
    with untrusted(tmp_path, version) as server, pytest.raises(errors.AuthorityUnreachableError) as caught:
        make(authority=server.host).get_token(SCOPE)
    assert "certificate is not trusted" in str(caught.value)
    assert ("O=A company's proxy" in str(caught.value)) == (version == 2)
    assert server.came == 1


def test_behind_a_proxy(make: Any, tmp_path: Path) -> None:
    """The issuer is named, and no connection goes past the proxy."""
    with untrusted(tmp_path) as server, proxy() as running:
        with pytest.raises(errors.AuthorityUnreachableError, match=r"issued by .*O=A company's proxy,"):
            make(authority=server.host, proxies={"https": running.url}).get_token(SCOPE)
        assert (running.tunnels, server.came) == ([server.host], 1)


def test_a_certificate_mutated_anywhere(authority: Emulator) -> None:
    """Whatever is in a certificate, its issuer is a name or is left out."""
    pem = trustme.CA(organization_name="Any").cert_pem.bytes()
    certificate = load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    for at in range(len(certificate)):
        for flipped in (0x01, 0x80, 0xFF):
            error = ssl.SSLCertVerificationError("no")
            mutated = bytes([*certificate[:at], certificate[at] ^ flipped, *certificate[at + 1 :]])
            error.doorcode_certificate = mutated  # type: ignore[attr-defined] # as the handshake leaves it there
            name = issuer_of(error)
            assert name is None or name.isprintable()


def test_no_certificate_at_all() -> None:
    """An error that came without one has no issuer."""
    assert issuer_of(None) is None
    assert issuer_of(ssl.SSLCertVerificationError("no")) is None
