"""Turn a reply of the authority, whatever it holds, into a typed value or a named fault."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from doorcode._core.json_values import json_object
from doorcode._core.msal_cache.metadata import discovery_reply, instance_reply
from doorcode._core.replies.device_code import DeviceCode, device_reply
from doorcode._core.replies.faults import (
    LARGEST_BODY,
    REDIRECT,
    SERVER_ERROR,
    SUCCESS,
    Endpoint,
    Fault,
    RawReply,
    is_html,
    not_protocol,
    proxy_refused,
    redirected,
    unavailable,
)
from doorcode._core.replies.retry_after import retry_after
from doorcode._core.replies.service_errors import ServiceError, service_error
from doorcode._core.replies.token import token_reply
from doorcode._core.secret import SecretDict

if TYPE_CHECKING:
    from collections.abc import Mapping

PENDING: Final = frozenset({"authorization_pending", "slow_down"})
"""The errors that mean "not yet" (RFC 8628 3.5)."""

_BUSY: Final = "temporarily_unavailable"
_PROXY_AUTHENTICATION: Final = 407
_TOO_MANY: Final = 429
_NETWORK_WANTS_SIGN_IN: Final = 511
_BUSY_STATUSES: Final = frozenset({408, _TOO_MANY})


def read(raw: RawReply) -> SecretDict | ServiceError | Fault:
    """Read any reply.

    Returns:
        The reply as MSAL may receive it: a flat JSON object with the fields that the endpoint's answer needs, in the
        right types; or the authority's error; or what is wrong with the reply. This function never raises.
    """
    elsewhere = _from_elsewhere(raw)
    if elsewhere is not None:
        return elsewhere
    if raw.truncated or len(raw.body) > LARGEST_BODY:
        return _unreadable(raw, f"more than {LARGEST_BODY} bytes")
    if not raw.body.strip():
        return _unreadable(raw, "nothing in it")
    try:
        body = json_object(raw.body)
    except ValueError as problem:
        return _unreadable(raw, str(problem))
    return _answer(raw, body)


def _from_elsewhere(raw: RawReply) -> Fault | None:
    """Return the fault for a status that a proxy, a network or another server sends, whatever the body says."""
    if raw.status == _PROXY_AUTHENTICATION:
        return proxy_refused(raw)
    if raw.status == _NETWORK_WANTS_SIGN_IN:  # of a captive portal (RFC 6585 6)
        return not_protocol(raw, "the network wants a sign-in of its own", excerpt=True)
    return redirected(raw) if raw.status in REDIRECT else None


def read_device_code(
    body: Mapping[str, object], wall_now: float, status: int = 200, host: str = ""
) -> DeviceCode | Fault:
    """Read a device code out of what :func:`read` returned for the device authorization endpoint.

    Args:
        body: the JSON object.
        wall_now: the time of the reply, in Unix seconds.
        status: its HTTP status, for the message of a fault.
        host: the host that answered, likewise.
    """
    try:
        return device_reply(body, wall_now)
    except ValueError as problem:
        return not_protocol(RawReply(Endpoint.DEVICE, host, status, {}, b"", wall_now), str(problem))


def _answer(raw: RawReply, body: dict[str, object]) -> SecretDict | ServiceError | Fault:
    wait = retry_after(raw.headers.get("retry-after"), raw.wall_now)
    error = service_error(body, raw.status, wait)
    if error is not None and _is_final(raw, error):
        return error
    if error is not None or _is_busy(raw.status):
        words = f"{error.error}: {error.description}".rstrip(": ") if error else ""
        return unavailable(raw, words, wait)
    if raw.status not in SUCCESS:
        return not_protocol(raw, "JSON without an error in it")
    try:
        return _success(raw, body)
    except ValueError as problem:
        return not_protocol(raw, str(problem))


def _success(raw: RawReply, body: dict[str, object]) -> SecretDict:
    if raw.endpoint is Endpoint.TOKEN:
        return token_reply(body, raw.wall_now)
    if raw.endpoint is Endpoint.DISCOVERY:
        return SecretDict(discovery_reply(body))
    if raw.endpoint is Endpoint.INSTANCE:
        return SecretDict(instance_reply(body))
    code = device_reply(body, raw.wall_now)
    reply = SecretDict(
        device_code=code.device_code.reveal(),
        user_code=code.user_code,
        verification_uri=code.verification_uri,
        message=code.message,
        interval=ceil(code.interval),
        expires_in=ceil(code.expires_in),
    )
    if code.verification_uri_complete:
        reply["verification_uri_complete"] = code.verification_uri_complete
    return reply


def _is_final(raw: RawReply, error: ServiceError) -> bool:
    # A 429 with a pending body: the user has not signed in yet, and the program has to slow down.
    if raw.status == _TOO_MANY and error.error in PENDING:
        return True
    return not _is_busy(raw.status) and error.error != _BUSY


def _is_busy(status: int) -> bool:
    return status in SERVER_ERROR or status in _BUSY_STATUSES


def _unreadable(raw: RawReply, why: str) -> Fault:
    if _is_busy(raw.status):
        return unavailable(raw, "", retry_after(raw.headers.get("retry-after"), raw.wall_now))
    return not_protocol(raw, "a page" if is_html(raw) else why, excerpt=True)
