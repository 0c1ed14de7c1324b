from __future__ import annotations

import math
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorcode._core.replies.retry_after import http_date, pause_before_repeating, retry_after

NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param(None, None, id="no header"),
        pytest.param("120", 120.0, id="seconds"),
        pytest.param(" 1.5 ", 1.5, id="fraction"),
        pytest.param("0", 0.0, id="zero"),
        pytest.param("-3", 0.0, id="negative"),
        pytest.param("86400", 3600.0, id="a day"),
        pytest.param("Sun, 06 Nov 1994 08:50:37 GMT", 60.0, id="IMF-fixdate"),
        pytest.param("Sun Nov  6 08:50:37 1994", 60.0, id="asctime"),
        pytest.param("Sun Nov 16 08:50:37 1994", 3600.0, id="asctime, two digits"),
        pytest.param("Sun, 06 Nov 1994 08:49:00 GMT", 0.0, id="past"),
        pytest.param("Sun, 06 Nov 1994 08:50:60 GMT", 82.0, id="leap second"),
        pytest.param("Sunday, 06-Nov-26 08:50:37 GMT", 3600.0, id="RFC 850"),
        pytest.param("Sun, 06-Nov 1994 08:50:37 GMT", None, id="half IMF-fixdate, half RFC 850"),
        pytest.param("Sux Nov  6 08:50:37 1994", None, id="asctime, no such weekday"),
        pytest.param("Sun, 31 Feb 1994 08:50:37 GMT", None, id="no such day"),
        pytest.param("Sun, 06 Nop 1994 08:50:37 GMT", None, id="no such month"),
        pytest.param("Sun, 06 Nov 1994 25:50:37 GMT", None, id="no such hour"),
        pytest.param("Sun, 06 Nov 0000 08:50:37 GMT", None, id="no such year"),
        pytest.param("9" * 20, 3600.0, id="too many digits"),
        pytest.param("9" * 6000, 3600.0, id="far too many digits"),
        pytest.param("soon", None, id="neither"),
        pytest.param("", None, id="empty"),
        pytest.param("\t7 ", 7.0, id="space around it"),
        pytest.param("0\x1f", None, id="control character"),
        pytest.param("0.5\x1f", None, id="control character after a fraction"),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    """A wait comes as seconds or as one of three dates (RFC 9110 10.2.3, 5.6.7), and is never absurd."""
    assert retry_after(text, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, 0.0, id="no header"),
        pytest.param({"retry-after": ""}, 0.0, id="empty"),
        pytest.param({"retry-after": "-3"}, 0.0, id="negative"),
        pytest.param({"retry-after": "2", "x-ms-retry-after-ms": "5000"}, 5.0, id="the longest of several"),
        pytest.param({"retry-after": "Sun, 06 Nov 1994 08:50:37 GMT"}, 60.0, id="date"),
        pytest.param(
            {"retry-after": "Sun, 06 Nov 1994 08:50:60 GMT"}, math.inf, id="leap second, which azure-core refuses"
        ),
        pytest.param({"retry-after": "soon"}, math.inf, id="no time"),
        pytest.param({"retry-after": "inf"}, math.inf, id="not finite"),
        pytest.param({"retry-after": "0.5\x1f"}, math.inf, id="control character"),
        pytest.param({"retry-after": "Sux Nov  6 08:50:37 1994"}, math.inf, id="no such weekday, likewise"),
        pytest.param({"retry-after": "Sun, 06-Nov 1994 08:50:37 GMT"}, math.inf, id="half of two formats, likewise"),
        pytest.param({"retry-after-ms": "nan"}, math.inf, id="not a number"),
        pytest.param({"retry-after": "9" * 20}, 1e20, id="too many digits"),
        pytest.param({"retry-after": "9" * 6000}, math.inf, id="more digits than a float has"),
    ],
)
def test_a_pause_before_a_repetition(headers: dict[str, str], seconds: float) -> None:
    """What azure-core's retry policy cannot read is never left to it."""
    assert pause_before_repeating(headers, NOW) == pytest.approx(seconds)


@settings(deadline=None)
@given(st.integers(0, 4_000_000_000))
def test_dates_are_read_as_they_are_written(at: int) -> None:
    """Every date that the standard library writes is read as the same instant."""
    assert http_date(formatdate(at, usegmt=True)) == at


def test_two_digits_of_a_year() -> None:
    """A year of two digits is one of this century's."""
    assert http_date("Sunday, 06-Nov-26 08:49:37 GMT") == 1793954977
