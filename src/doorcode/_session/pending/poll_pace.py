"""How fast each device code is polled in this process, for web programs that resume one sign-in in many requests."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from doorcode import _clock

if TYPE_CHECKING:
    from doorcode._core.flows.device_code import Progress
    from doorcode._core.replies.device_code import DeviceCode

_KNOWN: Final[dict[bytes, tuple[float, Progress]]] = {}
"""A device code's digest -> when the code has certainly expired (monotonic seconds), and its sign-in's progress."""


def remember(code: DeviceCode, progress: Progress) -> None:
    """Remember the progress of a sign-in, and forget sign-ins whose codes have expired."""
    now = _clock.monotonic()
    for digest, (until, _) in _KNOWN.copy().items():
        if until < now:
            _KNOWN.pop(digest, None)
    _KNOWN[_digest(code)] = (now + code.expires_in, progress)


def recall(code: DeviceCode) -> Progress | None:
    """Return the progress of a sign-in in this process, or None."""
    _, progress = _KNOWN.get(_digest(code), (0.0, None))
    return progress


def forget(code: DeviceCode) -> None:
    """Forget a sign-in that has ended."""
    _KNOWN.pop(_digest(code), None)


def _digest(code: DeviceCode) -> bytes:
    return sha256(code.device_code.reveal().encode()).digest()
