from __future__ import annotations

import itertools
import math
import re
from decimal import Decimal
from typing import Any

import pytest

from doorcode._core import numeric_checks as checks


class OtherInt:
    """An int of another library, such as numpy's."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), (0, 0.0), (0.5, 0.5), (30, 30.0), (10**9, 1e9), (-0.0, 0.0), (OtherInt(30), 30.0)],
)
def test_timeouts(value: object, seconds: float | None) -> None:
    """Nothing, or any number from 0 on, is a timeout."""
    assert checks.check_timeout(value) == seconds


@pytest.mark.parametrize(
    ("value", "error"),
    [
        pytest.param(True, TypeError, id="boolean"),
        pytest.param("30", TypeError, id="text"),
        pytest.param([30], TypeError, id="list"),
        pytest.param(Decimal(30), TypeError, id="Decimal"),
        pytest.param(b"", TypeError, id="bytes"),
        pytest.param(-1, ValueError, id="negative"),
        pytest.param(math.nan, ValueError, id="NaN"),
        pytest.param(math.inf, ValueError, id="infinite"),
        pytest.param(-math.inf, ValueError, id="minus infinite"),
        pytest.param(10**400, ValueError, id="more than a float holds"),
    ],
)
def test_wrong_timeouts(value: object, error: type[Exception]) -> None:
    """Anything else is refused before anybody is asked for anything."""
    with pytest.raises(error, match="timeout must be"):
        checks.check_timeout(value)


def test_counts() -> None:
    """A count is a whole number from 1 on."""
    assert [checks.check_count("max_codes", count) for count in (1, 2, OtherInt(3))] == [1, 2, 3]


@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-1, ValueError), (True, TypeError), ("2", TypeError), (2.0, TypeError)]
)
def test_wrong_counts(value: object, error: type[Exception]) -> None:
    """Anything else is refused."""
    with pytest.raises(error, match="max_codes must be"):
        checks.check_count("max_codes", value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), (0, 0.0), (-1, -1.0), (math.inf, math.inf), (10**400, math.inf), (-(10**400), -math.inf)],
)
def test_waits(value: object, seconds: float | None) -> None:
    """A wait may be infinite, or over already."""
    assert checks.check_wait(value) == seconds


@pytest.mark.parametrize(("value", "error"), [("5", TypeError), (True, TypeError), (math.nan, ValueError)])
def test_wrong_waits(value: object, error: type[Exception]) -> None:
    """Anything else is refused."""
    with pytest.raises(error, match="timeout must be"):
        checks.check_wait(value)


@pytest.mark.parametrize("value", [0.001, 1, 10.5, OtherInt(60), 60])
def test_seconds(value: Any) -> None:
    """A time is more than nothing, up to a limit."""
    assert checks.check_seconds("ttl", value, 60) == float(getattr(value, "value", value))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (60.1, ValueError),
        (10**400, ValueError),
        (math.inf, ValueError),
        (math.nan, ValueError),
        (True, TypeError),
        ("5", TypeError),
        (None, TypeError),
        (Decimal(5), TypeError),
    ],
)
def test_wrong_seconds(value: object, error: type[Exception]) -> None:
    """Anything else is refused by name."""
    with pytest.raises(error, match="ttl must be"):
        checks.check_seconds("ttl", value, 60)


NUMBERS = ["retry_total", "retry_read", "retry_backoff_factor", "retry_backoff_max", "redirect_max"]


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_azure_core_can_use(name: str) -> None:
    """They are not ours to judge."""
    for value in (0, 1, -1, 2.5, math.inf, 10**400, True, False, OtherInt(1)):
        checks.check_policy_numbers({name: value})
    checks.check_policy_numbers({name: None, "retry_on_status_codes": {429}, "retry_on_methods": ("GET",)})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(("value", "error"), [("5", TypeError), (Decimal(5), TypeError), (math.nan, ValueError)])
def test_numbers_at_which_azure_core_would_fail_later(name: str, value: object, error: type[Exception]) -> None:
    """The first request that fails would raise an error that no one could understand."""
    with pytest.raises(error, match=f"{name} must be a number"):
        checks.check_policy_numbers({name: value})


@pytest.mark.parametrize(
    "options",
    [
        {"http_logging_level": "DEBUG"},
        {"retry_on_status_codes": 503},
        {"retry_on_methods": "GET"},
    ],
    ids=str,
)
def test_other_policy_options_of_a_wrong_type(options: dict[str, object]) -> None:
    """Each is named."""
    with pytest.raises(TypeError, match=f"{next(iter(options))} must be"):
        checks.check_policy_numbers(options)


WRONG: dict[str, object] = {
    "retry_total": "5",
    "redirect_max": "5",
    "retry_on_methods": "GET",
    "http_logging_level": "",
}


@pytest.mark.parametrize(("first", "second"), [*itertools.permutations(WRONG, 2)])
def test_the_first_wrong_option_is_named(first: str, second: str) -> None:
    """Whichever the program passes first: each run of the same program ends with the same error."""
    with pytest.raises(TypeError, match=f"^{first} must be"):
        checks.check_policy_numbers({first: WRONG[first], second: WRONG[second]})


@pytest.mark.parametrize(
    "options",
    [
        {"connection_timeout": ()},
        {"connection_timeout": (5,)},
        {"connection_timeout": (5, 10, 15)},
        {"connection_timeout": (5, 10), "read_timeout": 10},
        {"connection_timeout": (5,), "read_timeout": 10},
        {"read_timeout": ()},
        {"read_timeout": (5,)},
        {"read_timeout": (5, 10)},
        {"connection_timeout": [5, 10]},
        {"connection_timeout": (5, "10")},
    ],
    ids=str,
)
def test_time_limits_that_no_request_could_use(options: dict[str, object]) -> None:
    """One number, or a pair of them for both limits, is all that a transport takes."""
    with pytest.raises(TypeError, match="_timeout must be"):
        checks.check_time_limits(options)


@pytest.mark.parametrize("options", [{"connection_timeout": (5, 10), "read_timeout": None}, {"read_timeout": 1}, {}])
def test_time_limits(options: dict[str, object]) -> None:
    """None sets none."""
    checks.check_time_limits(options)


@pytest.mark.parametrize(("at_most", "shown"), [(0.5, "0.5"), (86_400, "86400"), (3_155_760_000, "3155760000")])
def test_the_longest_time_is_named(at_most: float, shown: str) -> None:
    """As a user writes it."""
    with pytest.raises(ValueError, match=f"at most {re.escape(shown)}$"):
        checks.check_seconds("ttl", at_most + 1, at_most)


def test_none_is_the_default_where_azure_core_cannot_use_it() -> None:
    """For a count of retries None has a meaning of azure-core's own."""
    options = {"retry_total": None, "retry_backoff_max": None, "retry_on_methods": None, "retry_status": 0}
    assert checks.without_none(options) == {"retry_total": None, "retry_status": 0}
