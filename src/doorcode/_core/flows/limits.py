"""How long requests to the authority may take, and which of them may be given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from doorcode._core.values import dataclass

CONNECT: Final = 10.0
"""Seconds that connecting may take: a user waits."""
READ: Final = 10.0
"""Seconds that the authority may be silent in answer to a request that can be made again."""
REDEEM: Final = 60.0
"""Seconds that it may be silent in answer to what works once, a code or a refresh token: its reply must not be lost."""
REPEAT: Final = 35.0
"""Seconds after which a request that can be made again is not made again."""
REPEAT_REDEEMING: Final = 10.0
"""Seconds after which a code or a refresh token is not sent again."""
_DEFAULT: Final = 300
_RETRIES: Final = {"retry_connect": 3, "retry_read": 3, "retry_status": 3}
_TOTAL: Final = 10
_BACK_OFF: Final = 0.8
_LONGEST_BACK_OFF: Final = 120.0
_LONGEST: Final = 604800.0
"""azure-core's own defaults; the last is the seconds that its requests may take altogether."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The time limits of a credential's requests, in seconds.

    Attributes:
        connect: to connect.
        read: for the authority to say something, where nothing is redeemed.
        redeem: the same, where a code or a refresh token is redeemed.
        waits: between the repetitions of one request, all of them together.
    """

    connect: float
    read: float
    redeem: float
    waits: float

    def one(self, *, redeems: bool) -> float:
        """Return how long one request may take."""
        return self.connect + (self.redeem if redeems else self.read)

    def repeat(self, *, redeems: bool) -> float:
        """Return how long after the first request another one may be made."""
        return (REPEAT_REDEEMING if redeems else REPEAT) + self.waits

    def whole(self, *, redeems: bool, repeats: bool = True) -> float:
        """Return how long a request may take, with its repetitions and what has to be asked before it."""
        before = self.one(redeems=False) if redeems else 0.0
        return before + self.one(redeems=redeems) + (self.repeat(redeems=redeems) if repeats else 0.0)


def request_limits(options: Mapping[str, object]) -> RequestLimits:
    """Return the time limits that the options of an azure-core pipeline set; they have been checked.

    Args:
        options: ``connection_timeout``, ``read_timeout``, ``retry_*``, and what a ``transport`` of the program's has.
    """
    configured = getattr(options.get("transport"), "connection_config", None)
    connect = options.get("connection_timeout", _own(getattr(configured, "timeout", None)))
    read = options.get("read_timeout", _own(getattr(configured, "read_timeout", None)))
    if isinstance(connect, tuple):
        connect, read = cast("tuple[object, object]", connect)
    return RequestLimits(
        _seconds(connect, CONNECT), _seconds(read, READ), _seconds(read, REDEEM), _seconds(_waits(options), 0.0)
    )


def _own(value: object) -> object:
    """Return a time limit of a transport of the program's; azure-core's default is none that the program has chosen."""
    return None if value == _DEFAULT else value


def _waits(options: Mapping[str, object]) -> float:
    """Return the seconds that azure-core waits between the repetitions of one request, all of them together."""
    each = [_seconds(options.get(name), default) for name, default in _RETRIES.items()]
    tries = int(min(_seconds(options.get("retry_total"), _TOTAL), max(each), 64))
    factor = _seconds(options.get("retry_backoff_factor"), _BACK_OFF)
    longest = _seconds(options.get("retry_backoff_max"), _LONGEST_BACK_OFF)
    fixed = "fixed" in str(options.get("retry_mode") or "").lower()
    return sum(min(longest, factor * (1 if fixed else 2**number)) for number in range(1, tries))


def _seconds(value: object, default: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return default
    return min(max(float(value), 0.0), _LONGEST)
