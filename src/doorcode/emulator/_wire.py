"""Requests and replies as values, so that every endpoint is a function from a request to a reply."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, final
from urllib.parse import urlencode

SHOWN: Final = "[secret]"
SECRET_FIELDS: Final = frozenset(
    {
        "assertion",
        "authorization",
        "client_assertion",
        "client_secret",
        "code",
        "code_verifier",
        "cookie",
        "device_code",
        "id_token_hint",
        "password",
        "refresh_token",
        "ticket",
        "user_code",
    }
)
"""Form fields, query parameters and headers whose values the ``repr`` hides."""

NO_STORE: Final[Mapping[str, str]] = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
"""The headers that a reply with tokens MUST have (RFC 6749 5.1)."""


@final
class Fields(Mapping[str, str]):
    """Map the names of a form, a query or headers to their values; the ``repr`` hides secret values."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._values = dict(pairs)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shown = {name: SHOWN if name in SECRET_FIELDS else value for name, value in self._values.items()}
        return f"Fields({shown!r})"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the authority.

    Args:
        method: the HTTP method.
        path: the path.
        base_url: the scheme, host and port that the client used, such as ``https://127.0.0.1:8443``.
        query: the query parameters.
        form: the form fields.
        headers: the headers, by lower-case name.
    """

    method: str
    path: str
    base_url: str
    query: Fields = field(default_factory=Fields)
    form: Fields = field(default_factory=Fields)
    headers: Fields = field(default_factory=Fields)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the authority; the ``repr`` hides its body."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def with_headers(self, more: Mapping[str, str]) -> Response:
        """Return the same answer with further headers, which replace headers of the same names."""
        return Response(self.status, self.body, {**self.headers, **more})


def json_response(content: Mapping[str, object], status: int = 200) -> Response:
    """Return a JSON answer that forbids caches to store it."""
    headers = {"Content-Type": "application/json; charset=utf-8", **NO_STORE}
    return Response(status, json.dumps(content, ensure_ascii=False).encode(), headers)


def redirect(location: str) -> Response:
    """Return an answer that redirects the browser to ``location``."""
    return Response(302, headers={"Location": location, **NO_STORE})


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """Return ``url`` with the parameters appended to its query, or with a new query (RFC 6749 3.1.2)."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"
