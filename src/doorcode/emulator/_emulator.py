"""The Emulator: the authority on a port of this machine, as tests and users start it."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import TypedDict, final

import trustme
from typing_extensions import Self, Unpack

from doorcode.emulator._app import App
from doorcode.emulator._certificates import Certificates
from doorcode.emulator._faults import Faults
from doorcode.emulator._log import RequestLog, RequestRecord
from doorcode.emulator._server import HOST, Server
from doorcode.emulator.authority.authority import Authority
from doorcode.emulator.authority.directory import CONTOSO_TENANT_ID
from doorcode.emulator.authority.settings import Settings, SettingsOptions, check_int

NAMES = (HOST, "localhost", "::1")
_LAST_PORT = 65535


class CredentialOptions(TypedDict):
    """The arguments with which a credential signs in at an emulator."""

    authority: str
    tenant_id: str
    disable_instance_discovery: bool
    connection_verify: str


@final
class Emulator(Authority):
    """Emulate Microsoft Entra ID on this machine, over HTTPS on a loopback port.

    ::

        with Emulator(interval=1) as authority:
            credential = DeviceCodeCredential(
                **authority.credential_options, prompt_callback=authority.prompt_approver()
            )
            credential.get_token("https://storage.azure.com/.default")

    It runs in a daemon thread from `start` to `stop` (the ``with`` block), at most until the program ends.

    Args:
        port: the port to listen on; 0 takes a free one.
        names: the host names and addresses of the server certificate. Requests with another Host header are refused,
            except those for loopback.
        ca: the certificate authority that issues the server certificate; by default a new one.
        clock: returns Unix seconds, for everything but the request log.
        settings: any field of `Settings`, as a keyword argument.

    Raises:
        TypeError: a number is no int.
        ValueError: a number is negative or too large.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        names: tuple[str, ...] = NAMES,
        ca: trustme.CA | None = None,
        clock: Callable[[], float] = time.time,
        **settings: Unpack[SettingsOptions],
    ) -> None:
        check_int("port", port, _LAST_PORT)
        super().__init__(replace(Settings(), **settings), clock)
        self.faults: Faults = Faults()
        self._port = port
        self._names = names
        self._ca = ca
        self._log = RequestLog()
        self._running: tuple[Server, Certificates] | None = None
        self._process_id = 0

    def start(self) -> Self:
        """Start to listen; return when the server accepts connections.

        Raises:
            OSError: the port is taken.
            RuntimeError: the emulator is running already, or its server could not start; the cause says why.
        """
        if self._running is not None:
            message = "this emulator is running already"
            raise RuntimeError(message)
        certificates = Certificates(self._ca)
        server = Server(*certificates.issue(*self._names), self._port)
        try:
            server.start(self._app(server))
        except BaseException:
            certificates.close()
            raise
        self._running = server, certificates
        self._process_id = os.getpid()
        self.url: str = f"https://{HOST}:{server.port}"
        atexit.register(self.stop)
        return self

    def stop(self) -> None:
        """Stop listening, close every connection and delete the certificates; a second call does nothing.

        A call in a forked child does nothing either: the server and the files belong to the parent.
        """
        if self._running is not None and self._process_id == os.getpid():
            server, certificates = self._running
            self._running = None
            server.stop()
            certificates.close()
            atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def reset(self) -> None:
        """Reset users, tokens, settings, faults and counters; keep the port, the certificates and the signing key."""
        super().reset()
        self.faults.clear()
        self._log.clear()
        if self._running is not None:
            self.go_online()

    # Address and certificates

    @property
    def port(self) -> int:
        """Return the port that the emulator listens on."""
        return self._server.port

    @property
    def host(self) -> str:
        """Return the address and port, for a credential's ``authority=``."""
        return f"{HOST}:{self.port}"

    @property
    def ca_file(self) -> str:
        """Return the path of the CA certificate (PEM), which exists while the emulator runs."""
        return self._certificates.ca_file

    @property
    def ca(self) -> trustme.CA:
        """Return the certificate authority, for a second server that the same clients trust."""
        return self._certificates.authority

    @property
    def credential_options(self) -> CredentialOptions:
        """Return the arguments with which a credential signs in here."""
        return {
            "authority": self.url,
            "tenant_id": CONTOSO_TENANT_ID,
            "disable_instance_discovery": True,
            "connection_verify": self.ca_file,
        }

    @property
    def environment(self) -> dict[str, str]:
        """Return environment variables with which a whole program signs in here, and trusts only this CA."""
        ca_file = self.ca_file
        return {"AZURE_AUTHORITY_HOST": self.url, "REQUESTS_CA_BUNDLE": ca_file, "SSL_CERT_FILE": ca_file}

    def issue_server_certificate(self, *names: str) -> tuple[str, str]:
        """Issue a certificate of the same CA for another local server.

        Returns:
            The paths of the certificate chain and of the private key (PEM), which exist while the emulator runs.
        """
        return self._certificates.issue(*names)

    # Requests

    @property
    def requests(self) -> list[RequestRecord]:
        """Return every request since the last `reset_counters`, oldest first."""
        return self._log.records()

    def requests_to(self, endpoint: str) -> list[RequestRecord]:
        """Return the requests to one endpoint, such as ``token:refresh_token``; ``token`` includes every grant.

        Raises:
            ValueError: no endpoint has this name.
        """
        return self._log.records(endpoint)

    def count(self, endpoint: str = "*") -> int:
        """Return the number of requests to an endpoint.

        Raises:
            ValueError: no endpoint has this name.
        """
        return len(self._log.records(endpoint))

    def reset_counters(self) -> None:
        """Forget the requests so far."""
        self._log.clear()

    def wait_for(self, endpoint: str, count: int = 1, timeout: float = 60.0) -> list[RequestRecord]:
        """Block until an endpoint has received ``count`` requests, and return its requests.

        Raises:
            TimeoutError: fewer requests came within ``timeout`` seconds.
            ValueError: no endpoint has this name.
        """
        return self._log.wait_for(endpoint, count, timeout)

    # Availability

    def go_offline(self) -> None:
        """Refuse new connections, and close open ones."""
        self._server.stop()

    def go_online(self) -> None:
        """Accept connections again, on the same port."""
        self._server.start(self._app(self._server))

    @contextmanager
    def offline(self) -> Generator[None]:
        """Refuse connections inside a ``with`` block."""
        self.go_offline()
        try:
            yield
        finally:
            self.go_online()

    def _app(self, server: Server) -> App:
        return App(self.respond, self.faults, self._log, self._clock, server.reset, (*NAMES, *self._names))

    @property
    def _server(self) -> Server:
        return self._parts[0]

    @property
    def _certificates(self) -> Certificates:
        return self._parts[1]

    @property
    def _parts(self) -> tuple[Server, Certificates]:
        if self._running is None:
            message = "this emulator is not running: use it in a with statement, or call start()"
            raise RuntimeError(message)
        return self._running
