"""How fast each device code is polled in this process: a web program resumes one sign-in in request after request."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from doorcode import _clock

if TYPE_CHECKING:
    from doorcode._core.flows.device_code import Progress
    from doorcode._core.replies.device_code import DeviceCode

_KNOWN: Final[dict[bytes, tuple[float, Progress]]] = {}
"""A device code's digest -> when the code has surely run out (monotonic seconds), and how far its sign-in has come."""


def remember(code: DeviceCode, progress: Progress) -> None:
    """Remember how far a sign-in has come; what has run out is forgotten."""
    now = _clock.monotonic()
    for digest, (until, _) in list(_KNOWN.items()):
        if until < now:
            _KNOWN.pop(digest, None)
    _KNOWN[_digest(code)] = (now + code.expires_in, progress)


def recall(code: DeviceCode) -> Progress | None:
    """Return how far a sign-in has come in this process, or None."""
    _, progress = _KNOWN.get(_digest(code), (0.0, None))
    return progress


def forget(code: DeviceCode) -> None:
    """Forget a sign-in that has ended."""
    _KNOWN.pop(_digest(code), None)


def _digest(code: DeviceCode) -> bytes:
    return sha256(code.device_code.reveal().encode()).digest()
