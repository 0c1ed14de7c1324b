"""An HTTPS server that stands for a client's service: it takes the authority's tokens, and answers what it is told."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from support import https_server
from support.https_server import Reply


@dataclass(frozen=True)
class Request:
    """A request that arrived, with the claims of its token; empty where there was none."""

    method: str
    path: str
    headers: Message
    body: bytes
    claims: Mapping[str, object]


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
    with https_server.serving(service.answer, cert_file, key_file) as url:
        service.url = url
        yield service
