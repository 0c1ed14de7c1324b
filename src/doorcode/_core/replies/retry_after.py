"""Read ``Retry-After``: how long a service asks to be left alone (RFC 9110 10.2.3)."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Final

from doorcode._core.json_values import number

LONGEST: Final = 3600.0
"""The longest wait that is believed, in seconds."""

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# RFC 9110 5.6.7: a recipient MUST accept all three formats.
_TIME: Final = r"(?P<time>\d{2}:\d{2}:\d{2})"
_IMF_OR_RFC850: Final = re.compile(
    rf"[a-z]+, (?P<day>\d{{2}})[ -](?P<month>[a-z]{{3}})[ -](?P<century>\d{{2}})?(?P<year>\d{{2}}) {_TIME} gmt",
    re.ASCII,
)
_ASCTIME: Final = re.compile(
    rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) (?P<day>[\d ]\d) {_TIME} (?P<century>\d{{2}})(?P<year>\d{{2}})", re.ASCII
)


def retry_after(text: str | None, wall_now: float) -> float | None:
    """Read the header's value, a number of seconds or a date.

    Args:
        text: the value; None without the header.
        wall_now: the time of the reply, in Unix seconds.

    Returns:
        Seconds from 0 to 3600; None when there is nothing to read.
    """
    if text is None:
        return None
    seconds = number(text)
    if seconds is None:
        date = http_date(text)
        seconds = None if date is None else date - wall_now
    return None if seconds is None else min(max(seconds, 0.0), LONGEST)


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
        # A leap second is a valid time of HTTP and none of datetime.
        date = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc)
    except ValueError:
        return None
    return date.timestamp()
