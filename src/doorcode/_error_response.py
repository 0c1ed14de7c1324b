"""The reply that an exception carries: what a program may read of it, and nothing that was sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from http import HTTPStatus

from doorcode._core.values import dataclass


@dataclass(frozen=True, slots=True)
class ErrorRequest:
    """Name the request that a reply answered; its body is not kept."""

    method: str
    url: str


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """Hold an error reply of the authority, in the shape of azure-core's responses.

    Attributes:
        status_code: the HTTP status.
        headers: the reply's headers, by lower-case name.
        request: what was asked, without its body.
    """

    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    request: ErrorRequest
    body: str = field(default="", repr=False)

    @property
    def reason(self) -> str:
        """Return the words that belong to the status."""
        try:
            return HTTPStatus(self.status_code).phrase
        except ValueError:
            return ""

    @property
    def content_type(self) -> str | None:
        """Return the reply's content type, or None."""
        return self.headers.get("content-type")

    @property
    def content(self) -> bytes:
        """Return the body, in UTF-8."""
        return self.body.encode()

    def text(self, encoding: str | None = None) -> str:
        """Return the body."""
        return self.body if encoding is None else self.content.decode(encoding)

    def json(self) -> object:
        """Return the body, parsed.

        Raises:
            ValueError: it is not JSON.
        """
        value: object = json.loads(self.body)
        return value
