"""The replies that tests need most, as functions that look like the classes of faults."""

# ruff: noqa: N802 - a test queues ``Pending()`` beside ``Reset()``, and need not know which of them is a class

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import format_datetime

from doorcode.emulator import _errors
from doorcode.emulator._errors import EntraError
from doorcode.emulator._faults import ErrorReply, Reply


def Pending() -> ErrorReply:
    """Answer ``authorization_pending``."""
    return ErrorReply(_errors.authorization_pending())


def SlowDown(interval: int | None = None) -> ErrorReply:
    """Answer ``slow_down``, with a new interval in seconds if one is given."""
    return ErrorReply(_errors.slow_down(), {} if interval is None else {"interval": interval})


def Decline() -> ErrorReply:
    """Answer ``authorization_declined``."""
    return ErrorReply(_errors.authorization_declined())


def Expire() -> ErrorReply:
    """Answer ``expired_token``."""
    return ErrorReply(_errors.expired_token())


def Refuse(
    error: str,
    number: int | None = None,
    words: str = "The emulator was told to refuse.",
    *,
    status: int = 400,
    suberror: str | None = None,
    claims: Mapping[str, object] | None = None,
) -> ErrorReply:
    """Answer with any error of the authority, such as ``Refuse("invalid_grant", 53003)``."""
    return ErrorReply(EntraError(error, number, words, status, suberror, claims))


def TooManyRequests(retry_after: float | datetime | str | None = None) -> Reply:
    """Answer 429, with Retry-After in seconds, as an HTTP date (an aware datetime) or as any text (RFC 9110 10.2.3)."""
    return Reply(429, b'{"error":"too_many_requests"}', "application/json", _retry_after(retry_after))


def ServerError(status: int = 503, retry_after: float | datetime | str | None = None) -> Reply:
    """Answer a 5xx in HTML, as a gateway does, with Retry-After if given."""
    return Html(status, f"<h1>{status}</h1><p>The service is unavailable.</p>", _retry_after(retry_after))


def Html(
    status: int = 200, body: str = "<h1>Welcome to the guest network</h1>", headers: Mapping[str, str] | None = None
) -> Reply:
    """Answer with an HTML page, as a captive portal or a proxy does."""
    page = f"<!doctype html><html><body>{body}</body></html>"
    return Reply(status, page.encode(), "text/html; charset=utf-8", headers or {})


def Garbage(status: int = 200) -> Reply:
    """Answer with bytes that are no text, under the content type of JSON."""
    return Reply(status, b"\x00\xff\xfe{\x80garbage", "application/json")


def _retry_after(value: float | datetime | str | None) -> Mapping[str, str]:
    if value is None:
        return {}
    if isinstance(value, datetime):
        return {"Retry-After": format_datetime(value.astimezone(timezone.utc), usegmt=True)}
    return {"Retry-After": str(value)}
