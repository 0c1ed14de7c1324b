"""The text form of a pending sign-in, with which another process continues it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from doorcode import _clock
from doorcode._core.checks import check_tenant
from doorcode._core.flows import device_code
from doorcode._core.flows.device_code import NO_OUTAGE, Deadline, Outage, Pace, Progress
from doorcode._core.json_values import as_object, duration, instant, number, vschars
from doorcode._core.model import TokenRequest
from doorcode._core.replies.device_code import DeviceCode
from doorcode._core.replies.parse import read_device_code
from doorcode._core.values import replace
from doorcode._session.pending.poll_pace import recall

if TYPE_CHECKING:
    from doorcode._config import Config
    from doorcode._session.session import Session

VERSION: Final = "1.0"
CLOCKS_DIFFER: Final = 5.0
"""Seconds by which the clocks of two machines may differ. A poll that seems later means that a clock was set back."""
MOST_POLLS: Final = 1_000_000
"""Polls that are counted at most: more cannot have been sent for one code."""
_NOTE: Final = "secret: its holder can finish the sign-in"


def write_pending(config: Config, request: TokenRequest, code: DeviceCode, progress: Progress, polled_on: float) -> str:
    """Return a sign-in as JSON text.

    Args:
        config: of the credential that started it.
        request: what the token is for.
        code: the code that was shown.
        progress: how fast to poll, and when the next poll is due.
        polled_on: when the last poll was sent or, before the first, the code was issued, in Unix seconds.
    """
    pace, outage, now = progress.pace, progress.outage, _clock.monotonic()
    return json.dumps(
        {
            "note": _NOTE,
            "version": VERSION,
            "client_id": config.client_id,
            "authority": config.authority.netloc,
            "tenant_id": request.tenant_id,
            "scopes": request.scopes,
            "claims": request.claims,
            "enable_cae": request.enable_cae,
            "device_code": code.device_code.reveal(),
            "user_code": code.user_code,
            "verification_uri": code.verification_uri,
            "message": code.message,
            "interval": code.interval,
            "expires_in": code.expires_in,
            "expires_on": code.expires_on,
            "correlation_id": code.correlation_id,
            "polling": {
                "interval": pace.interval,
                "margin": pace.margin,
                "failures": pace.failures,
                "retry_after": pace.retry_after,
                "last_poll_on": polled_on,
                # Another process has another monotonic clock, so times are those of the wall clock.
                "next_poll_on": time.time() + progress.due - now,
                "polls": outage.attempt,
                "failing_since": None if outage.since is None else time.time() + outage.since - now,
                "warned": outage.warned,
            },
        }
    )


def read_pending(text: str, session: Session) -> tuple[TokenRequest, DeviceCode, Deadline, Progress]:
    """Read what ``serialize`` wrote.

    Args:
        text: the JSON text.
        session: of the credential that finishes the sign-in.

    Raises:
        ValueError: the text is not a sign-in, or of another version, application, authority or tenant.
        ClientAuthenticationError: the sign-in is for a tenant that the credential may not ask.
    """
    try:
        fields = json.loads(text)
        if fields["version"] != VERSION:
            message = f"This sign-in has version {fields['version']!r}; this package reads version {VERSION}."
            raise ValueError(message)
        return _read(fields, session)
    except (KeyError, TypeError, RecursionError, json.JSONDecodeError, UnicodeDecodeError):
        message = "This is no pending sign-in. Pass what serialize() returned."
        raise ValueError(message) from None


def _read(fields: Mapping[str, Any], session: Session) -> tuple[TokenRequest, DeviceCode, Deadline, Progress]:
    for name, own in (("client_id", session.config.client_id), ("authority", session.config.authority.netloc)):
        if fields[name] != own:
            message = f"This sign-in has {name} {fields[name]!r}, but the credential has {own!r}."
            raise ValueError(message)
    tenant_id = check_tenant(fields["tenant_id"])
    asked = TokenRequest(tuple(fields["scopes"]), tenant_id, fields["claims"], fields["enable_cae"] is True)
    request = session.requests.resumed(asked)
    now, monotonic = time.time(), _clock.monotonic()
    # Checked as carefully as the authority's own reply, because the text was stored elsewhere.
    code = read_device_code(fields, now)
    if not isinstance(code, DeviceCode) or instant(fields["expires_on"]) is None:
        raise TypeError
    code = replace(code, expires_on=float(fields["expires_on"]), correlation_id=vschars(fields["correlation_id"]) or "")
    age = code.expires_in - (code.expires_on - now)
    # Only the authority knows whether a code has expired, because this machine's clock may be wrong. So poll once.
    deadline = device_code.until_lapse(code, monotonic - min(age, code.expires_in))
    told, known = _progress(fields.get("polling"), code, now, monotonic), recall(code)
    return request, code, deadline, told if known is None or known.due < told.due else known


def _progress(polling: object, code: DeviceCode, now: float, monotonic: float) -> Progress:
    """Return the stored progress. Text of 0.1.0 has none: the first poll is then due after the interval.

    If a clock was set back since the last poll, the next one must not be delayed: the authority answers an early poll
    with slow_down, but a late poll leaves the user waiting.
    """
    if polling is None:
        pace, last, outage = Pace(code.interval), code.expires_on - code.expires_in, NO_OUTAGE
        due = last + pace.pause
    else:
        fields = as_object(polling) or {}
        pace, last, due = _polling(fields, code)
        outage = _outage(fields, code, now - monotonic)
    wait = 0.0 if now < last - CLOCKS_DIFFER else min(max(due - now, 0.0), pace.pause)
    return Progress(pace, monotonic + wait, outage)


def _outage(fields: Mapping[str, object], code: DeviceCode, wall: float) -> Outage:
    """Return for how long polls had failed; text of earlier versions does not say.

    Args:
        fields: the stored progress.
        code: the code that was shown.
        wall: what to subtract from Unix seconds to get seconds of this process's monotonic clock.
    """
    polls, since = duration(fields.get("polls", 0)), fields.get("failing_since")
    failing_since = None if since is None else number(since)
    if polls is None or (since is not None and failing_since is None):
        raise TypeError
    if failing_since is not None:
        failing_since = max(failing_since, code.expires_on - code.expires_in) - wall
    return Outage(int(min(polls, MOST_POLLS)), failing_since, fields.get("warned") is True)


def _polling(fields: Mapping[str, object], code: DeviceCode) -> tuple[Pace, float, float]:
    interval, margin = duration(fields["interval"]), duration(fields["margin"])
    failures, retry_after = duration(fields["failures"]), fields["retry_after"]
    last, due = number(fields["last_poll_on"]), number(fields["next_poll_on"])
    if interval is None or margin is None or failures is None or last is None or due is None:
        raise TypeError
    pace = Pace(
        min(max(interval, code.interval), code.expires_in),
        min(max(margin, 1.0), device_code.MARGIN),
        int(min(failures, device_code.MOST_FAILURES)),
        retry_after=duration(retry_after),
    )
    return pace, last, due
