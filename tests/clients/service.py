"""An HTTPS server that stands for a client's service: it takes the authority's tokens, and answers what it is told."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """A request that arrived, with the claims of its token; empty where there was none."""

    method: str
    path: str
    headers: Message
    body: bytes
    claims: Mapping[str, object]


@dataclass(frozen=True)
class Reply:
    """What to answer; a body that is no bytes goes out as JSON."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass
class Service:
    """What the server knows.

    Attributes:
        verify: returns the claims of a token, or raises ValueError.
        answers: for each path, without its query, what is answered; a function of the request may decide.
        requests: what arrived.
    """

    verify: Callable[[str], Mapping[str, object]]
    url: str = ""
    answers: dict[str, Reply | Callable[[Request], Reply]] = field(default_factory=dict[str, Any])
    requests: list[Request] = field(default_factory=list[Request])

    def audiences(self) -> list[object]:
        """Return for whom the token of each request with one was."""
        return [each.claims["aud"] for each in self.requests if each.claims]

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> Reply:
        """Keep a request, and return the answer to it."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        claims = self.verify(token) if scheme.lower() == "bearer" else {}
        request = Request(method, path, headers, body, claims)
        self.requests.append(request)
        found = self.answers.get(path.partition("?")[0], Reply({"error": {"message": path}}, 404))
        return found(request) if callable(found) else found


@contextmanager
def serving(service: Service, cert_file: str, key_file: str) -> Generator[Service]:
    """Serve over HTTPS on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = service.answer(self.command, self.path, self.headers, body)
            text = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else text)

        do_GET = do_POST = do_PUT = do_HEAD = do_PATCH = reply  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert_file, key_file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        service.url = f"https://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield service
        finally:
            server.shutdown()
