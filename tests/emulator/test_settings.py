from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from doorcode.emulator import Emulator, Latency, Reply

NUMBERS = [
    "port",
    "interval",
    "expires_in",
    "access_token_lifetime",
    "cae_lifetime",
    "refresh_token_lifetime",
    "refresh_in",
]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("5", TypeError),
        (True, TypeError),
        (0.5, TypeError),
        (math.nan, TypeError),
        (math.inf, TypeError),
        (Decimal(5), TypeError),
        (-1, ValueError),
        (10**400, ValueError),
    ],
)
def test_a_number_that_cannot_be_is_refused_by_name(name: str, value: Any, kind: type[Exception]) -> None:
    """In the constructor, and in a running emulator, which keeps its settings."""
    options: dict[str, Any] = {name: value}
    with pytest.raises(kind, match=f"{name} must be"):
        Emulator(**options)
    if name != "port":
        emulator = Emulator()
        before = emulator.settings
        with pytest.raises(kind, match=f"{name} must be"):
            emulator.configure(**options)
        assert emulator.settings == before


def test_what_stands_in_place_of_a_number() -> None:
    """None leaves the value out of the reply, where the reply may do without it."""
    Emulator(interval=None, refresh_in=None).configure(refresh_in="auto", interval=0)
    with pytest.raises(TypeError, match="expires_in must be"):
        Emulator(expires_in=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rotation must be 'allow' or 'reject'"):
        Emulator(rotation="never")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "kind"),
    [("5", TypeError), (True, TypeError), (math.nan, ValueError), (-0.1, ValueError), (10**400, ValueError)],
)
def test_a_latency_that_cannot_be(value: Any, kind: type[Exception]) -> None:
    """It is refused where the test makes it, and not in the server's thread."""
    with pytest.raises(kind, match="seconds must be"):
        Latency(value)


@pytest.mark.parametrize(
    ("value", "kind"), [("200", TypeError), (True, TypeError), (99, ValueError), (600, ValueError)]
)
def test_a_status_that_cannot_be(value: Any, kind: type[Exception]) -> None:
    """Likewise."""
    with pytest.raises(kind, match="status must be"):
        Reply(value)
