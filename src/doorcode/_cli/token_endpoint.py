"""An endpoint on 127.0.0.1 that speaks App Service's managed identity protocol, for the children of one command.

The protocol: https://learn.microsoft.com/azure/app-service/overview-managed-identity (REST endpoint reference).
"""

from __future__ import annotations

import hmac
import io
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import ClassVar, Final, Protocol
from urllib.parse import parse_qs

from typing_extensions import Buffer, override

API_VERSION: Final = "2019-08-01"
PATH: Final = "/msi/token"
SECRET_HEADER: Final = "X-IDENTITY-HEADER"  # noqa: S105 - the name of a header
LONGEST_REQUEST: Final = 10.0
"""Seconds that a client may take to send a request: all of it, however it is cut up."""


class TokenLike(Protocol):
    """A token, with the fields that the endpoint sends."""

    @property
    def token(self) -> str:
        """The token itself."""
        ...

    @property
    def token_type(self) -> str:
        """Its type, such as ``Bearer``."""
        ...

    @property
    def expires_on(self) -> int:
        """When it ends, in Unix seconds."""
        ...


class RequestRefusedError(Exception):
    """Answer a request with an error."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


GetToken = Callable[[str], TokenLike]
"""Returns a token for a resource, or raises RequestRefusedError."""


class TokenEndpoint:
    """Answer requests for tokens, if they carry the secret, until it is closed.

    Args:
        get_token: called in a thread of its own for each request that may be answered.
        allowed: the resources that may be asked for, with or without a slash at the end; None for any.
        log: is told of each request, in one line without a secret.
    """

    def __init__(
        self, get_token: GetToken, allowed: frozenset[str] | None, log: Callable[[str], object] = lambda _: None
    ) -> None:
        self._get_token = get_token
        self._allowed = None if allowed is None else frozenset(each.rstrip("/") for each in allowed)
        self._log = log
        self._secret = secrets.token_urlsafe(32)
        endpoint = self

        class Handler(_TokenHandler):
            def reply(self) -> Mapping[str, object]:
                return endpoint.answer(self.path, self.headers)

            def told(self, line: str) -> None:
                endpoint._log(line)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self._server.server_address[1])

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which an Azure SDK finds the endpoint."""
        return {"IDENTITY_ENDPOINT": f"http://127.0.0.1:{self.port}{PATH}", "IDENTITY_HEADER": self._secret}

    def close(self) -> None:
        """Answer nothing from now on, and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, target: str, headers: Message[str, str]) -> Mapping[str, object]:
        """Return the reply to a request.

        Args:
            target: its path and query.
            headers: its headers, looked up in any case.

        Raises:
            RequestRefusedError: it is not to be answered.
        """
        self._check_sender(target, headers)
        resource = self._resource(target)
        if self._allowed is not None and resource.rstrip("/") not in self._allowed:
            message = (
                f"`doorcode exec --resource` does not allow {resource}; it allows {', '.join(sorted(self._allowed))}"
            )
            raise RequestRefusedError(HTTPStatus.FORBIDDEN, message)
        token = self._get_token(resource)
        return {
            "access_token": token.token,
            "expires_on": str(token.expires_on),
            "resource": resource,
            "token_type": token.token_type,
        }

    def _check_sender(self, target: str, headers: Message[str, str]) -> None:
        """Refuse other host names, browsers, and requests without the secret, in this order.

        Raises:
            RequestRefusedError: the request is refused; the message does not say what is wrong with it.
        """
        hosts = headers.get_all("Host", [])
        here = hosts in ([f"127.0.0.1:{self.port}"], [f"localhost:{self.port}"])
        # A target that names a host of its own would count instead of Host (RFC 9112 3.2.2).
        if not here or "Origin" in headers or not target.startswith("/"):
            raise RequestRefusedError(HTTPStatus.FORBIDDEN, "Forbidden")
        given = "\n".join(headers.get_all(SECRET_HEADER, [])).encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._secret.encode()):
            raise RequestRefusedError(HTTPStatus.UNAUTHORIZED, "Unauthorized")

    @staticmethod
    def _resource(target: str) -> str:
        """Return the resource that a request names. Which identity it names is not looked at: there is the user's."""
        path, _, text = target.partition("?")
        if path != PATH:
            raise RequestRefusedError(HTTPStatus.NOT_FOUND, f"The path is {PATH}")
        query = parse_qs(text.partition("#")[0], keep_blank_values=True)
        if query.get("api-version") != [API_VERSION]:
            raise RequestRefusedError(HTTPStatus.BAD_REQUEST, f"The api-version is {API_VERSION}")
        resources = query.get("resource", [])
        if len(resources) != 1 or not resources[0].strip() or not resources[0].isprintable() or " " in resources[0]:
            raise RequestRefusedError(HTTPStatus.BAD_REQUEST, "The query names one resource, by its URI or ID")
        return resources[0]


class _Server(ThreadingHTTPServer):
    """Answer each request in a thread that ends with the process."""

    daemon_threads = True
    request_queue_size = 128  # children that all begin at once
    allow_reuse_address = False  # on Windows, another process could take the port over

    @override
    def server_bind(self) -> None:
        """Take the port without asking the DNS for a name, as HTTPServer would."""
        TCPServer.server_bind(self)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Print no traceback: a child that closes its connection early is no error, and standard error is its own."""


class _RequestReader(io.RawIOBase):
    """Read from a connection until a point in time, so that a client that sends byte by byte holds no thread.

    Args:
        connection: of the client.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._ends = time.monotonic() + LONGEST_REQUEST

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(LONGEST_REQUEST)


class _TokenHandler(BaseHTTPRequestHandler):
    """Speak HTTP for an endpoint: one request a connection, GET alone."""

    timeout: ClassVar[float | None] = LONGEST_REQUEST
    server_version = "doorcode"
    sys_version = ""

    @override
    def setup(self) -> None:
        """Limit the time that the whole request may take."""
        super().setup()
        self.rfile = io.BufferedReader(_RequestReader(self.connection))

    def reply(self) -> Mapping[str, object]:
        """Return the reply to the request that was read."""
        raise NotImplementedError

    def told(self, line: str) -> None:
        """Take note of a request."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Answer a request."""
        status, body = HTTPStatus.OK, {}
        try:
            body = dict(self.reply())
            self.told(f"exec: {body['resource']}: answered")
        except RequestRefusedError as refusal:
            status, body = refusal.status, {"statusCode": refusal.status.value, "message": str(refusal)}
            self.told(f"exec: {status.value} {refusal}")
        except Exception as error:  # noqa: BLE001 - the child would only see that its connection ended
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            body = {"statusCode": status.value, "message": f"doorcode failed with {type(error).__name__}"}
            self.told(f"exec: {status.value} {type(error).__name__}")
        self._send(status, body)

    @override
    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no GET, or no HTTP, without a page."""
        phrase = message or HTTPStatus(code).phrase
        self._send(HTTPStatus(code), {"statusCode": code, "message": phrase})

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing here: a request line may hold anything."""

    def _send(self, status: HTTPStatus, body: Mapping[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.close_connection = True
