"""How long requests to the authority may take: the time limits that the options of azure-core set, and the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from doorcode._core.numeric_checks import as_number
from doorcode._core.values import value_class

CONNECT: Final = 10.0
"""Seconds that connecting may take, while a user waits."""
READ: Final = 10.0
"""Seconds to wait for data from the authority after a request that can be repeated."""
REDEEM: Final = 60.0
"""Seconds to wait for data after sending a code or a refresh token: it works once, so its reply must not be lost."""
REPEAT: Final = 35.0
"""Seconds after which a repeatable request is not repeated any more."""
REPEAT_REDEEMING: Final = 10.0
"""Seconds after which a code or a refresh token is not sent again."""
_BOTH: Final = 2
_DEFAULT: Final = 300
_RETRIES: Final = {"retry_connect": 3, "retry_read": 3, "retry_status": 3}
_TOTAL: Final = 10
_BACK_OFF: Final = 0.8
_LONGEST_BACK_OFF: Final = 120.0
_LONGEST: Final = 604800.0
"""azure-core's own defaults; the last one is the total of seconds that its requests may take."""


@value_class(frozen=True, slots=True)
class RequestLimits:
    """The time limits of a credential's requests, in seconds.

    Attributes:
        connect: for connecting.
        read: for data from the authority to arrive, if nothing is redeemed.
        redeem: the same, if a code or a refresh token is redeemed.
        waits: the pauses between the attempts of one request, in total.
    """

    connect: float
    read: float
    redeem: float
    waits: float

    def one(self, *, redeems: bool) -> float:
        """Return how long one request may take."""
        return self.connect + (self.redeem if redeems else self.read)

    def repeat(self, *, redeems: bool) -> float:
        """Return how long after the first attempt another one may start."""
        return (REPEAT_REDEEMING if redeems else REPEAT) + self.waits

    def whole(self, *, redeems: bool, repeats: bool = True) -> float:
        """Return how long a request may take, with its repetitions and the discovery before it."""
        before = self.one(redeems=False) if redeems else 0.0
        return before + self.one(redeems=redeems) + (self.repeat(redeems=redeems) if repeats else 0.0)


def request_limits(options: Mapping[str, object]) -> RequestLimits:
    """Return the time limits that the options of an azure-core pipeline set. The options have been checked already.

    Args:
        options: ``connection_timeout``, ``read_timeout``, ``retry_*``, and those of the program's ``transport``.
    """
    configured = getattr(options.get("transport"), "connection_config", None)
    connect = options.get("connection_timeout", _own(getattr(configured, "timeout", None)))
    read = options.get("read_timeout", _own(getattr(configured, "read_timeout", None)))
    if isinstance(connect, tuple):
        connect, read = _pair(cast("tuple[object, ...]", connect))
    return RequestLimits(
        _seconds(connect, CONNECT), _seconds(read, READ), _seconds(read, REDEEM), _seconds(_waits(options), 0.0)
    )


def _pair(both: tuple[object, ...]) -> tuple[object, object]:
    """Return the limits for connecting and for reading; None twice for a tuple that no transport can use either."""
    return both if len(both) == _BOTH else (None, None)


def _own(value: object) -> object:
    """Return a time limit that the program chose for its transport; None for azure-core's default."""
    return None if value == _DEFAULT else value


def _waits(options: Mapping[str, object]) -> float:
    """Return the total of seconds that azure-core pauses between the attempts of one request."""
    each = [_seconds(options.get(name), default) for name, default in _RETRIES.items()]
    tries = int(min(_seconds(options.get("retry_total"), _TOTAL), max(each), 64))
    factor = _seconds(options.get("retry_backoff_factor"), _BACK_OFF)
    longest = _seconds(options.get("retry_backoff_max"), _LONGEST_BACK_OFF)
    fixed = "fixed" in str(options.get("retry_mode") or "").lower()
    return sum(min(longest, factor * (1 if fixed else 2**number)) for number in range(1, tries))


def _seconds(value: object, default: float) -> float:
    number = as_number(value)
    return default if number is None else float(min(max(number, 0.0), _LONGEST))
