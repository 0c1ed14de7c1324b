"""Read an error of the authority: its kind, and the authority's own words (RFC 6749 5.2)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from doorcode._core.display import masked, one_line
from doorcode._core.json_values import as_array, as_object, decode_object, duration, number
from doorcode._core.values import field, value_class

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNED_OUT: Final = "signed_out"
"""An error of this library's own: an account was signed out here while its token was being refreshed."""
USER_MISMATCH: Final = "user_mismatch"
"""Likewise: the reply to a refresh is for another account than the refresh token."""
_LONGEST_DESCRIPTION: Final = 2000
_LONGEST_FIELD: Final = 200
_LONGEST_WORD: Final = 80
_MOST_CODES: Final = 16
_AADSTS: Final = re.compile(r"AADSTS(\d{1,9})", re.ASCII)


@value_class(frozen=True, slots=True)
class ServiceError:
    """An error of the authority; every text in it is one line and safe to print.

    Attributes:
        error: the OAuth error code (RFC 6749 5.2, RFC 8628 3.5).
        description: the authority's words; "" if it sent none.
        codes: the numbers of its AADSTS codes.
        suberror: a more precise kind, if the authority sent one.
        correlation_id: the ID with which Microsoft's support finds the request.
        trace_id: likewise.
        timestamp: when it happened, in the service's own format.
        claims: what the next request has to ask for: the text of a JSON object.
        error_uri: a page about it (RFC 6749 5.2).
        status: the HTTP status.
        interval: seconds between polls, if the authority sent them (RFC 8628 3.5).
        retry_after: how long the service asked to wait, in seconds.
        reply: the HTTP reply, for the exception that is raised for it.
    """

    error: str
    description: str = ""
    codes: tuple[int, ...] = ()
    suberror: str | None = None
    correlation_id: str | None = None
    trace_id: str | None = None
    timestamp: str | None = None
    claims: str | None = field(default=None, repr=False)
    error_uri: str | None = None
    status: int = 400
    interval: float | None = None
    retry_after: float | None = None
    reply: object | None = field(default=None, repr=False, compare=False)


def service_error(
    body: Mapping[str, object], status: int = 400, retry_after: float | None = None
) -> ServiceError | None:
    """Read an error reply.

    Args:
        body: a JSON object of the authority's.
        status: its HTTP status.
        retry_after: the value of its Retry-After header, in seconds.

    Returns:
        The error; None if the object names none.
    """
    error, description = _error_and_description(body)
    if not error:
        return None
    return ServiceError(
        error=error,
        description=description,
        codes=_codes(body.get("error_codes"), description),
        suberror=_field(body, "suberror"),
        correlation_id=_field(body, "correlation_id"),
        trace_id=_field(body, "trace_id"),
        timestamp=_field(body, "timestamp"),
        claims=_claims(body.get("claims")),
        error_uri=_field(body, "error_uri"),
        status=status,
        interval=duration(body.get("interval")),
        retry_after=retry_after,
    )


def _error_and_description(body: Mapping[str, object]) -> tuple[str, str]:
    error, description = body.get("error"), body.get("error_description")
    nested = as_object(error)
    if nested is not None:
        # Azure's REST APIs, and gateways in front of an authority, nest code and message.
        error, description = nested.get("code"), nested.get("message", description)
    return one_line(error, _LONGEST_FIELD) or _whole(error), _described(description)


def _described(description: object) -> str:
    return one_line(masked(one_line(description, 2 * _LONGEST_DESCRIPTION), _LONGEST_WORD), _LONGEST_DESCRIPTION)


def _codes(listed: object, description: str) -> tuple[int, ...]:
    codes = [code for code in map(number, as_array(listed)[:_MOST_CODES]) if code is not None and code > 0]
    return tuple(int(code) for code in codes or _AADSTS.findall(description)[:_MOST_CODES])


def _whole(value: object) -> str:
    code = number(value)
    return "" if code is None else str(int(code))


def _field(body: Mapping[str, object], name: str) -> str | None:
    return one_line(body.get(name), _LONGEST_FIELD) or None


def _claims(value: object) -> str | None:
    found = decode_object(value) if isinstance(value, str) else None
    if found is None:
        return None
    # The same object, with escapes for characters that must not be shown raw.
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else json.dumps(found)
