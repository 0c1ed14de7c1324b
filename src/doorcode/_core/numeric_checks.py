"""Check the numbers of the public API: times, counts, and what an azure-core pipeline takes as numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAIR: Final = 2
_LISTS: Final = {"retry_on_status_codes": "[429, 503]", "retry_on_methods": "['GET', 'POST']"}
_WITH_DEFAULT: Final = {"retry_backoff_factor", "retry_backoff_max", "redirect_max", "http_logging_level"}
_NUMBERS: Final = {"retry_total", "retry_connect", "retry_read", "retry_status"} | _WITH_DEFAULT
_NEVER_NONE: Final = _WITH_DEFAULT | _LISTS.keys()


def as_number(value: object) -> int | float | None:
    """Return a number as an int or a float; None for anything else, such as a boolean, text or a Decimal.

    Integers of other libraries, such as numpy's, are numbers: Python itself takes them where it needs an int.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    try:
        return operator.index(cast("Any", value))
    except TypeError:
        return None


def check_timeout(value: object, default: float | None = None) -> float | None:
    """Check a timeout in seconds. None means no time limit, 0 gives up without waiting, an empty text is the default.

    Raises:
        TypeError: it is neither None nor a number.
        ValueError: it is negative, NaN or infinite.
    """
    if value is None:
        return None
    if value == "":
        return default
    seconds = _as_float("timeout", value, "a number of seconds or None")
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError("timeout must be 0 or more seconds; None sets no limit")
    return seconds


def check_wait(value: object) -> float | None:
    """Check how many seconds a call may wait. None means no time limit; 0 or less does not wait.

    Raises:
        TypeError: it is neither None nor a number.
        ValueError: it is NaN.
    """
    if value is None:
        return None
    seconds = _as_float("timeout", value, "a number of seconds or None")
    if math.isnan(seconds):
        raise ValueError("timeout must be a number of seconds; None sets no limit")
    return seconds


def check_seconds(name: str, value: object, at_most: float) -> float:
    """Check a time in seconds that is more than 0.

    Args:
        name: of the option, for messages.
        value: what the caller passed.
        at_most: the longest time.

    Raises:
        TypeError: it is no number.
        ValueError: it is not more than 0, or more than ``at_most``.
    """
    seconds = _as_float(name, value, "seconds")
    if not 0 < seconds <= at_most:
        raise ValueError(f"{name} must be more than 0 seconds, and at most {at_most:.15g}")
    return seconds


def check_count(name: str, value: object) -> int:
    """Check a number of times.

    Raises:
        TypeError: it is no int.
        ValueError: it is less than 1.
    """
    number = as_number(value)
    if not isinstance(number, int):
        raise TypeError(f"{name} must be an int, not {_kind(value)}")
    if number < 1:
        raise ValueError(f"{name} must be 1 or more")
    return number


def check_time_limits(options: Mapping[str, object]) -> None:
    """Check the time limits of an azure-core pipeline; None means that the program sets none.

    Raises:
        TypeError: one is no number of seconds.
        ValueError: one is not more than 0.
    """
    for name in ("connection_timeout", "read_timeout"):
        value = options.get(name)
        pair = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
        if isinstance(value, tuple):  # azure-core accepts a pair for both: how long connecting may take, and each read
            if name == "read_timeout" or options.get("read_timeout") is not None:
                raise TypeError(f"{name} must be one number of seconds")
            if len(pair) != _PAIR:
                raise TypeError(f"{name} must be one number of seconds, or two: for connecting and for reading")
        for seconds in pair:
            if seconds is not None and not _as_float(name, seconds, "a number of seconds") > 0:
                raise ValueError(f"{name} must be more than 0 seconds")


def check_policy_numbers(options: Mapping[str, object]) -> None:
    """Check the options of an azure-core pipeline that its policies calculate with when a request fails.

    What azure-core itself can use is accepted: True counts as 1. None means that the program sets none.

    Raises:
        TypeError: one is no number, or no list.
        ValueError: one is NaN.
    """
    for name, value in options.items():
        if value is None:
            continue
        if name in _NUMBERS:
            if math.isnan(_as_float(name, int(value) if isinstance(value, bool) else value, "a number")):
                raise ValueError(f"{name} must be a number, not NaN")
        elif name in _LISTS and (isinstance(value, (str, bytes)) or not isinstance(value, Iterable)):
            raise TypeError(f"{name} must be a list such as {_LISTS[name]}, not {_kind(value)}")


def without_none(options: Mapping[str, object]) -> dict[str, object]:
    """Leave out options of the policies that are None, where azure-core would fail with None; it has defaults."""
    return {name: value for name, value in options.items() if value is not None or name not in _NEVER_NONE}


def _as_float(name: str, value: object, what: str) -> float:
    """Return a number as a float; infinity for an int that is too large for one."""
    number = as_number(value)
    if number is None:
        raise TypeError(f"{name} must be {what}, not {_kind(value)}")
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _kind(value: object) -> str:
    return type(value).__name__
