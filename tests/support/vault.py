"""A small stand-in for Azure Key Vault: it keeps secrets, and asks for tokens as the service does."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RESOURCE = "https://vault.azure.net"


@dataclass
class Vault:
    """What the vault knows, apart from how it is reached.

    Attributes:
        authority: URL of the authority whose tokens it takes.
        tenant_id: the tenant that it belongs to.
        verify: returns the claims of a token, or raises ValueError.
        challenges: values of ``WWW-Authenticate`` with which it answers the next requests that carry a token.
        seen: the token of each request, None where there was none.
    """

    authority: str
    tenant_id: str
    verify: Callable[[str], Mapping[str, object]]
    url: str = ""
    challenges: list[str] = field(default_factory=list[str])
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    seen: list[str | None] = field(default_factory=list["str | None"])

    def answer(self, method: str, path: str, token: str | None, body: bytes) -> tuple[HTTPStatus, str, object]:
        """Return status, challenge and body of the answer to a request."""
        self.seen.append(token)
        challenge = self.challenge(token)
        if challenge:
            return HTTPStatus.UNAUTHORIZED, challenge, {"error": {"code": "Unauthorized", "message": "no"}}
        name = path.partition("?")[0].split("/")[2]
        if method == "PUT":
            self.secrets[name] = json.loads(body)["value"]
        if name not in self.secrets:
            return HTTPStatus.NOT_FOUND, "", {"error": {"code": "SecretNotFound", "message": name}}
        return HTTPStatus.OK, "", {"value": self.secrets[name], "id": f"{self.url}/secrets/{name}/1", "attributes": {}}

    def challenge(self, token: str | None) -> str:
        """Return how a token is turned away; empty when it is good."""
        if token is None:
            return f'Bearer authorization="{self.authority}/{self.tenant_id}", resource="{RESOURCE}"'
        claims = self.verify(token)
        if (claims["aud"], claims["tid"]) != (RESOURCE, self.tenant_id):
            return f'Bearer error="invalid_token", error_description="aud {claims["aud"]}, tid {claims["tid"]}"'
        return self.challenges.pop(0) if self.challenges else ""


@contextmanager
def serving(vault: Vault, cert_file: str, key_file: str) -> Generator[Vault]:
    """Serve a vault over HTTPS on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            self.reply()

        def do_GET(self) -> None:
            self.reply()

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            status, challenge, answer = vault.answer(self.command, self.path, token if scheme else None, body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            if challenge:
                self.send_header("WWW-Authenticate", challenge)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert_file, key_file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        vault.url = f"https://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield vault
        finally:
            server.shutdown()
