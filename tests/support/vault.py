"""A small stand-in for Azure Key Vault: it keeps secrets, and asks for tokens as the service does."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus

from support import https_server
from support.https_server import Reply

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

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> Reply:
        """Return the answer to a request."""
        scheme, _, value = headers.get("Authorization", "").partition(" ")
        token = value if scheme else None
        self.seen.append(token)
        challenge = self.challenge(token)
        if challenge:
            error = {"error": {"code": "Unauthorized", "message": "no"}}
            return Reply(error, HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": challenge})
        name = path.partition("?")[0].split("/")[2]
        if method == "PUT":
            self.secrets[name] = json.loads(body)["value"]
        if name not in self.secrets:
            return Reply({"error": {"code": "SecretNotFound", "message": name}}, HTTPStatus.NOT_FOUND)
        return Reply({"value": self.secrets[name], "id": f"{self.url}/secrets/{name}/1", "attributes": {}})

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
    with https_server.serving(vault.answer, cert_file, key_file) as url:
        vault.url = url
        yield vault
