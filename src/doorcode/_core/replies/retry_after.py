"""Read ``Retry-After``: how long a service asks clients to wait (RFC 9110 10.2.3)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Final

from doorcode._core.json_values import number

LONGEST: Final = 3600.0
"""The longest wait that is accepted, in seconds."""

_LEAP_SECOND: Final = re.compile(r":[6-9][0-9] ", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)
_HEADERS: Final = (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0))
"""The headers in which azure-core looks for a wait, in its order, each with the seconds of its unit."""
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# RFC 9110 5.6.7: a recipient MUST accept all three formats.
_DAY_NAME: Final = "(?:mon|tue|wed|thu|fri|sat|sun)"
_TIME: Final = r"(?P<time>\d{2}:\d{2}:\d{2})"
_IMF_OR_RFC850: Final = re.compile(
    r"[a-z]+, (?P<day>\d{2})(?P<gap>[ -])(?P<month>[a-z]{3})(?P=gap)(?P<century>\d{2})?(?P<year>\d{2}) "
    + _TIME
    + " gmt",
    re.ASCII,
)
_ASCTIME: Final = re.compile(
    rf"{_DAY_NAME} (?P<month>[a-z]{{3}}) (?P<day>[\d ]\d) {_TIME} (?P<century>\d{{2}})(?P<year>\d{{2}})", re.ASCII
)


def retry_after(text: str | None, wall_now: float) -> float | None:
    """Read the header's value, a number of seconds or a date.

    Args:
        text: the value; None without the header.
        wall_now: the time of the reply, in Unix seconds.

    Returns:
        Seconds from 0 to 3600; None if the value cannot be read.
    """
    if text is None:
        return None
    seconds = _seconds(text, wall_now)
    return None if seconds is None else min(max(seconds, 0.0), LONGEST)


def pause_before_repeating(headers: Mapping[str, str], wall_now: float) -> float:
    """Return how long azure-core's retry policy would wait before it repeats a request.

    That policy raises a ValueError or an OverflowError at a value that it cannot read.

    Args:
        headers: of the reply, found whatever the case of their names.
        wall_now: the time of the reply, in Unix seconds.

    Returns:
        Seconds from 0 on; infinity where a header has no value that both sides can read.
    """
    texts = ((headers.get(name), unit) for name, unit in _HEADERS)
    return max((_pause(text, wall_now) * unit for text, unit in texts if text), default=0.0)


def _pause(text: str, wall_now: float) -> float:
    seconds = _seconds(text, wall_now)
    if seconds is None:
        return math.inf
    return math.inf if _LEAP_SECOND.search(text) else max(seconds, 0.0)  # azure-core reads no leap second


def _seconds(text: str, wall_now: float) -> float | None:
    text = text.strip(" \t")
    if not text.isprintable():  # float refuses a few control characters that strip takes for space
        return None
    if _DIGITS.fullmatch(text):
        return float(text)  # infinity where there are more digits than a float has
    seconds = number(text)
    if seconds is None:
        date = http_date(text)
        seconds = None if date is None else date - wall_now
    return seconds


def http_date(text: str) -> float | None:
    """Read an HTTP date in any of its three formats, as Unix seconds (RFC 9110 5.6.7)."""
    value = text.strip().lower()
    match = _IMF_OR_RFC850.fullmatch(value) or _ASCTIME.fullmatch(value)
    if match is None or match["month"] not in _MONTHS:
        return None
    year = int((match["century"] or "20") + match["year"])
    hour, minute, second = (int(part) for part in match["time"].split(":"))
    month, day = _MONTHS.index(match["month"]) + 1, int(match["day"])
    try:
        # HTTP allows a leap second; datetime does not.
        date = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc)
    except ValueError:
        return None
    return date.timestamp()
