"""Name the failures of one exchange with an authority, without any secret."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from doorcode._core.display import masked, one_line
from doorcode._core.values import field, value_class

if TYPE_CHECKING:
    from collections.abc import Mapping

SUCCESS: Final = range(200, 300)
REDIRECT: Final = range(300, 400)
SERVER_ERROR: Final = range(500, 1000)
"""Ranges of HTTP statuses (RFC 9110 15); a few gateways go beyond 599."""

LARGEST_BODY: Final = 1024 * 1024
"""The most bytes of a reply's body, after decompression; a token with a hundred groups needs a tenth of it."""

_EXCERPT: Final = 120
_LOOKED_AT: Final = 4000
_TITLE: Final = re.compile(r"<title[^>]{0,200}>([^<]{1,400})", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^>]{0,400}>?")
_MAY_BE_SECRET: Final = re.compile(r"token|code|secret|^\W*[{\[\"]", re.IGNORECASE)


class Endpoint(Enum):
    """The endpoint that a request went to; the value is its name in messages."""

    INSTANCE = "instance discovery endpoint"
    DISCOVERY = "OpenID configuration"
    DEVICE = "device authorization endpoint"
    TOKEN = "token endpoint"  # noqa: S105 - a name


@value_class(frozen=True, slots=True)
class RawReply:
    """One reply as it was read, whatever it holds.

    Attributes:
        endpoint: where the request went.
        host: the host that was asked, for messages.
        status: the HTTP status.
        headers: by names in lower case.
        body: the bytes that were read.
        wall_now: when it arrived, in Unix seconds.
        truncated: whether the reply was longer than what was read.
    """

    endpoint: Endpoint
    host: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    wall_now: float
    truncated: bool = False


class FaultKind(Enum):
    """Why an exchange brought no answer of the authority."""

    UNREACHABLE = "no connection"
    TIMEOUT = "no reply in time"
    CERTIFICATE = "a certificate that is not trusted"
    PROXY = "a proxy that asks for credentials"
    SETTING = "an option, a file or a package that is wrong or missing on this machine"
    STATUS = "a service that is busy or broken"
    NOT_PROTOCOL = "a reply that is not the protocol's"

    @property
    def permanent(self) -> bool:
        """Whether a repetition is useless until the user or an administrator changes something."""
        return self in {FaultKind.CERTIFICATE, FaultKind.PROXY, FaultKind.SETTING}


@value_class(frozen=True, slots=True)
class Fault:
    """An exchange that brought no answer of the authority.

    Attributes:
        kind: why there was no answer.
        endpoint: where the request went.
        message: one sentence for a user, without a full stop, safe to print.
        status: the HTTP status, if there was a reply.
        retry_after: how long the service asked to wait, in seconds.
        step: what to do next; None for the usual step of its kind.
        cause: the exception of MSAL or the transport, without secrets; None if the reply was the problem.
    """

    kind: FaultKind
    endpoint: Endpoint
    message: str
    status: int | None = None
    retry_after: float | None = None
    step: str | None = None
    cause: BaseException | None = field(default=None, repr=False, compare=False)


def not_protocol(raw: RawReply, why: str, *, excerpt: bool = False) -> Fault:
    """Make the fault of a reply that does not follow the protocol.

    Args:
        raw: the reply.
        why: what is wrong with it.
        excerpt: whether the message may show a short part of its text.
    """
    message = f"{_answered(raw)}: {why}{_excerpt(raw) if excerpt else ''}"
    return Fault(FaultKind.NOT_PROTOCOL, raw.endpoint, message, raw.status)


def unavailable(raw: RawReply, words: str, retry_after: float | None) -> Fault:
    """Make the fault of a service that is busy or broken; ``words`` is its own text, safe to print."""
    message = f"{_answered(raw)}{f': {words}' if words else _excerpt(raw)}"
    step = f"Wait {retry_after:g} s, then call again." if retry_after else None
    return Fault(FaultKind.STATUS, raw.endpoint, message, raw.status, retry_after, step)


def proxy_refused(raw: RawReply) -> Fault:
    """Make the fault of a proxy that asks for credentials (RFC 9110 15.5.8)."""
    message = f"{_answered(raw)}: a proxy on the way asks for credentials"
    return Fault(FaultKind.PROXY, raw.endpoint, message, raw.status)


def redirected(raw: RawReply) -> Fault:
    """Make the fault of a redirect: no endpoint of the protocol answers with one."""
    try:
        host = one_line(urlsplit(raw.headers.get("location", "")).hostname or "", _EXCERPT)
    except ValueError:
        host = ""
    where = f" to {host}" if host else ""
    return not_protocol(raw, f"a redirect{where}, which looks like a proxy or login page")


def is_html(raw: RawReply) -> bool:
    """Tell whether a reply is an HTML page, by its type or its first character."""
    return "html" in raw.headers.get("content-type", "").lower() or raw.body.lstrip()[:1] == b"<"


def _answered(raw: RawReply) -> str:
    kind = one_line(raw.headers.get("content-type", "").partition(";")[0], 60)
    return f"the {raw.endpoint.value} of {raw.host} answered {raw.status}{f' with {kind}' if kind else ''}"


def _excerpt(raw: RawReply) -> str:
    page = is_html(raw)
    text = one_line(_text(raw, page=page), _LOOKED_AT)
    # A success holds tokens, whatever its format, so an excerpt is shown only if it is an HTML page.
    hidden = bool(_MAY_BE_SECRET.search(text)) or (not page and raw.status in SUCCESS)
    shown = "" if hidden else one_line(masked(text), _EXCERPT)
    looks = ", which looks like a proxy or login page" if page else ""
    return f"{f' ({shown})' if shown else ''}{looks}"


def _text(raw: RawReply, *, page: bool) -> str:
    text = raw.body[:_LOOKED_AT].decode("utf-8", "ignore")
    title = _TITLE.search(text) if page else None
    if title is not None:
        return title[1]
    return _TAG.sub(" ", text) if page else text
