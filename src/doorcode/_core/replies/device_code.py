"""Read the reply of the device authorization endpoint (RFC 8628 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode._core.display import one_line
from doorcode._core.json_values import LONGEST_SECONDS, duration, number, word
from doorcode._core.secret import Secret
from doorcode._core.uris import is_presentable
from doorcode._core.values import field, value_class

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_INTERVAL: Final = 5.0
"""Seconds between polls when the reply does not say: "clients MUST use 5 as the default" (RFC 8628 3.2)."""

SHORTEST_INTERVAL: Final = 1.0
"""The shortest accepted time between polls, in seconds."""

DEFAULT_EXPIRES_IN: Final = 900.0
"""How long a code is taken to be valid if the reply does not say, in seconds: as long as Entra's codes."""

_LONGEST_MESSAGE: Final = 2000
_LONGEST_USER_CODE: Final = 128


@value_class(frozen=True, slots=True)
class DeviceCode:
    """A code for a user to enter.

    Attributes:
        device_code: what the program polls with.
        user_code: what the user enters.
        verification_uri: where the user enters it: an https URI, or one on this machine.
        verification_uri_complete: the same with the code in it, if the authority sent one (3.3.1).
        message: what to tell the user: one line that contains the code.
        interval: the least time between polls, in seconds.
        expires_in: how long the code is valid, in seconds.
        expires_on: when it expires by the wall clock, in Unix seconds.
        correlation_id: the ID with which Microsoft's support finds the request; "" if unknown.
    """

    device_code: Secret
    user_code: str = field(repr=False)
    verification_uri: str
    verification_uri_complete: str | None = field(repr=False)
    message: str = field(repr=False)
    interval: float
    expires_in: float
    expires_on: float
    correlation_id: str = ""


def device_reply(body: Mapping[str, object], wall_now: float) -> DeviceCode:
    """Read a code out of a reply.

    Args:
        body: the JSON object.
        wall_now: the time of the reply, in Unix seconds.

    Raises:
        ValueError: it is incomplete, or something in it must not be shown; the message says what.
    """
    device_code, user_code, uri = _required(body)
    expires_in = _expires_in(body)
    complete = body.get("verification_uri_complete")
    interval = duration(body.get("interval"))
    return DeviceCode(
        device_code=Secret(device_code),
        user_code=user_code,
        verification_uri=uri,
        verification_uri_complete=complete if isinstance(complete, str) and is_presentable(complete) else None,
        message=_message(body.get("message"), uri, user_code),
        interval=DEFAULT_INTERVAL if interval is None else max(interval, SHORTEST_INTERVAL),
        expires_in=expires_in,
        expires_on=wall_now + expires_in,
    )


def _required(body: Mapping[str, object]) -> tuple[str, str, str]:
    # Older drafts, and still Google, call it verification_url.
    uri_name = "verification_uri" if body.get("verification_uri") else "verification_url"
    given = {
        "device_code": body.get("device_code"),
        "user_code": body.get("user_code"),
        "verification_uri": body.get(uri_name),
    }
    missing = [name for name, value in given.items() if not isinstance(value, str) or not value.strip()]
    if missing:
        raise ValueError(f"incomplete device reply (missing {', '.join(missing)})")
    device_code, user_code, uri = (word(value) for value in given.values())
    if not device_code:
        raise ValueError("a device_code with control characters in it")
    if not user_code or len(user_code) > _LONGEST_USER_CODE:
        raise ValueError("a user_code that must not be shown: it has control characters or is far too long")
    if not uri or not is_presentable(uri):
        raise ValueError("a verification_uri that must not be shown: it is not https, or has odd characters")
    return device_code, user_code, uri


def _expires_in(body: Mapping[str, object]) -> float:
    value = number(body.get("expires_in"))
    if value is None:
        return DEFAULT_EXPIRES_IN
    if value <= 0:
        raise ValueError("a code that has already run out (expires_in is not positive)")
    return min(value, LONGEST_SECONDS)


def _message(message: object, uri: str, user_code: str) -> str:
    text = one_line(message, _LONGEST_MESSAGE)
    if user_code in text:
        return text
    return f"To sign in, open {uri} in a web browser and enter the code {user_code}"
