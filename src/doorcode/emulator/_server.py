"""Serve an application over HTTPS in its own thread, on loopback only."""

from __future__ import annotations

import socket
import struct
import threading
from typing import TYPE_CHECKING, Final, cast, final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp

HOST: Final = "127.0.0.1"
LONGEST: Final = 60.0
"""Seconds that `Server.start` and `Server.stop` wait for the thread at most, on a busy machine too."""
KEEP_ALIVE: Final = 60
"""Seconds after which an idle connection is closed: a client that pauses in a test does not find it closed."""


class _LoopbackServer(uvicorn.Server):
    """A server that reports when it accepts connections, and closes them when it stops, without waiting for clients."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.error: BaseException | None = None

    def serve_in_thread(self, listener: socket.socket) -> None:
        """Serve until stopped; keep an error for the thread that called ``start``."""
        try:
            self.run([listener])
        except BaseException as error:  # noqa: BLE001 - raised by the thread that called start
            self.error = error
        finally:
            listener.close()
            self.ready.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)

    def reset(self, client: tuple[str, int]) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, H11Protocol) and connection.client == client:
                _reset(connection.transport)


@final
class Server:
    """A server thread that can be stopped, and started again on the same port.

    Args:
        cert_file: the path of the certificate chain (PEM).
        key_file: the path of the private key (PEM).
        port: the port to listen on; 0 takes a free one.
    """

    def __init__(self, cert_file: str, key_file: str, port: int) -> None:
        self.port = port
        self._certificate = cert_file, key_file
        self._running: tuple[_LoopbackServer, threading.Thread] | None = None

    def start(self, app: ASGIApp) -> None:
        """Start to listen, unless the server is running; return when it accepts connections.

        Raises:
            OSError: the port is taken.
            RuntimeError: the server could not start; the cause says why.
        """
        if self._running is not None:
            return
        listener = _listen(self.port)
        self.port = cast("int", listener.getsockname()[1])
        server = _LoopbackServer(_config(app, *self._certificate))
        # A daemon thread, so that a program ends even if it does not stop the emulator.
        thread = threading.Thread(
            target=server.serve_in_thread, args=(listener,), name="doorcode-emulator", daemon=True
        )
        thread.start()
        if not server.ready.wait(LONGEST) or not server.started:
            server.should_exit = True
            message = "the emulator's server could not start"
            raise RuntimeError(message) from server.error
        self._running = server, thread

    def stop(self) -> None:
        """Stop listening and close every connection; return when the port refuses connections."""
        if self._running is not None:
            server, thread = self._running
            self._running = None
            server.should_exit = True
            thread.join(LONGEST)

    def reset(self, client: tuple[str, int]) -> None:
        """Reset the connection of a client's address (RST); only the application may call it, on the event loop."""
        if self._running is not None:
            self._running[0].reset(client)


def _listen(port: int) -> socket.socket:
    # asyncio disables Nagle's algorithm only if the protocol is named; otherwise each answer takes 40 ms longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _config(app: ASGIApp, cert_file: str, key_file: str) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        ssl_certfile=cert_file,
        ssl_keyfile=key_file,
    )


def _reset(transport: asyncio.Transport) -> None:
    connection = cast("socket.socket", transport.get_extra_info("socket"))
    # Closing with a linger time of zero sends RST instead of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
