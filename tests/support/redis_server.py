"""Debian's redis-server, on a Unix socket or a free port of 127.0.0.1, as each test wants it."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from support.signing import PATIENCE


def find() -> str:
    """Return the program; Valkey's speaks the same protocol. A test that needs it is skipped without one."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("redis-server is not here: apt-get install redis-server")
    return program


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


class RedisServer:
    """One server, which may be ended and started again with its data.

    Args:
        folder: for its socket, its data and its log.
        port: of 127.0.0.1; 0 for a Unix socket.
        config: more of its options, with underscores for hyphens.
    """

    def __init__(self, folder: Path, port: int = 0, **config: object) -> None:
        self.folder = folder
        self.port = port
        self.config = config
        self.socket = folder / "redis.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL without credentials."""
        return f"redis://127.0.0.1:{self.port}/0" if self.port else f"unix://{self.socket}"

    def client(self, **options: Any) -> redis.Redis:
        """Return a client of its own."""
        return redis.Redis.from_url(self.url, **options)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = find()
        place: Mapping[str, object] = {"port": self.port, "bind": "127.0.0.1"}
        if not self.port:
            place = {"port": 0, "unixsocket": self.socket}
        options = {"dir": self.folder, "save": "", "daemonize": "no", **place, **self.config}
        arguments = [str(word) for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        self._wait_until_ready()

    def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Stop it, with its connections open."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def _wait_until_ready(self) -> None:
        assert self.process is not None
        answer = b""
        while not answer or answer.startswith(b"-LOADING"):
            assert self.process.poll() is None, (self.folder / "redis.log").read_text()
            with suppress(OSError), self._connected() as connection:
                connection.sendall(b"PING\r\n")
                answer = connection.recv(100)

    def _connected(self) -> socket.socket:
        if self.port:
            return socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self.socket))
        except OSError:
            connection.close()
            raise
        return connection


@contextmanager
def running(folder: Path, port: int = 0, **config: object) -> Generator[RedisServer]:
    """Run a server; what still runs at the end is ended."""
    folder.mkdir(parents=True, exist_ok=True)
    server = RedisServer(folder, port, **config)
    server.start()
    try:
        yield server
    finally:
        server.kill()
