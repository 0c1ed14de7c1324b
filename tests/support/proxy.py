"""A proxy for tests: it opens tunnels on loopback, or asks for credentials."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Answer CONNECT (RFC 9110 9.3.6) on a port of its own.

    Args:
        refuses: whether it asks for credentials (407) instead of opening the tunnel.
    """

    def __init__(self, *, refuses: bool = False) -> None:
        self._refuses = refuses
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.tunnels: list[str] = []
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop, and drop every tunnel."""
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        host = client.recv(65536).split()[1].decode()
        self.tunnels.append(host)
        if self._refuses:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            client.close()
            return
        name, _, port = host.rpartition(":")
        server = socket.create_connection((name, int(port)))
        self._open.append(server)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for source, target in ((client, server), (server, client)):
            threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def proxy(*, refuses: bool = False) -> Iterator[Proxy]:
    """Run a proxy inside a ``with`` block."""
    running = Proxy(refuses=refuses)
    try:
        yield running
    finally:
        running.close()
