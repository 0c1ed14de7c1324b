"""An authority whose replies never end: it sends a byte now and then, for as long as anybody reads."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from doorcode.emulator import Emulator

PAUSE = 0.05
"""Seconds between two bytes."""
KINDS = {
    "status": b"",
    "headers": b"HTTP/1.1 200 OK\r\nX-Endless: ",
    "body": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    "close": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
    "silence": b"",
}
"""What a reply that never ends begins with."""
SECRET = "eyJhbGci.eyJhdWQi.SECRET-access_token"
TOKEN = b'{"access_token": "%s"}' % SECRET.encode()
MISFRAMED = {
    "no status line": TOKEN + b"\r\n",
    "chunks without sizes": KINDS["chunks"] + TOKEN + b"\r\n",
    "a length that is no number": b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % SECRET.encode(),
    "a length that is written twice": b"HTTP/1.1 200 OK\r\nContent-Length: %d, %d\r\n\r\n%s"
    % (len(TOKEN), len(TOKEN), TOKEN),
    "a chunk that is cut": KINDS["chunks"] + b"ff\r\n" + TOKEN,
}
"""Replies with a token in them whose HTTP a proxy has broken; the last one ends with its connection."""


class Dripping:
    """Answer like an authority, but for one endpoint.

    Args:
        kind: one of ``KINDS`` or ``MISFRAMED``.
        endpoint: ``discovery``, ``devicecode`` or ``token``.
        files: the certificate and its key.
    """

    def __init__(self, kind: str, endpoint: str, files: tuple[str, str]) -> None:
        self._kind = kind
        self._endpoint = endpoint
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*files)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.dripping = 0
        self.begun = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(connection, server_side=True) as secured:
            while head := _head(secured):
                place = head.split(b" ", 2)[1].decode()
                endpoint = "discovery" if "openid-configuration" in place else place.rpartition("/")[2]
                if endpoint == self._endpoint:
                    self._drip(secured)
                    return
                body = json.dumps(self._reply(endpoint)).encode()
                secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
                secured.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def _reply(self, endpoint: str) -> dict[str, object]:
        if endpoint == "devicecode":
            at = f"https://{self.host}/device"
            return {"device_code": "d", "user_code": "ABC", "verification_uri": at, "expires_in": 900, "interval": 1}
        there = f"https://{self.host}/t/oauth2/v2.0"
        return {
            "issuer": f"https://{self.host}/t/v2.0",
            "authorization_endpoint": f"{there}/authorize",
            "token_endpoint": f"{there}/token",
            "device_authorization_endpoint": f"{there}/devicecode",
        }

    def _drip(self, secured: ssl.SSLSocket) -> None:
        with self._lock:
            self.dripping, self.begun = self.dripping + 1, self.begun + 1
        try:
            if self._kind in MISFRAMED:
                secured.sendall(MISFRAMED[self._kind])
                return
            secured.sendall(KINDS[self._kind])
            secured.settimeout(PAUSE)
            while not self._over.is_set():
                if self._kind != "silence":
                    secured.sendall(b"1\r\n1\r\n" if self._kind == "chunks" else b"1")
                with suppress(TimeoutError):
                    if not secured.recv(1):
                        return
        finally:
            with self._lock:
                self.dripping -= 1


def _head(secured: ssl.SSLSocket) -> bytes:
    """Read one request, and return what stands before its body."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = secured.recv(65536)
        if not piece:
            return b""
        read += piece
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += secured.recv(65536)
    return head


@contextmanager
def dripping(authority: Emulator, kind: str, endpoint: str) -> Iterator[Dripping]:
    """Run such an authority inside a ``with`` block; who trusts the emulator trusts it."""
    running = Dripping(kind, endpoint, authority.issue_server_certificate("127.0.0.1"))
    try:
        yield running
    finally:
        running.close()
