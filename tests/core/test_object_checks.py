"""What can be told of an object before it is called."""

from __future__ import annotations

from functools import partial
from unittest.mock import AsyncMock, MagicMock, Mock

import pytest

from doorcode._core.object_checks import is_coroutine_function


def plain() -> None:
    """Do nothing."""


async def coroutine() -> None:
    """Do nothing."""


class Both:
    """An object with a method of each kind."""

    def plain(self) -> None:
        """Do nothing."""

    async def coroutine(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (coroutine, True),
        (Both().coroutine, True),
        (partial(partial(coroutine)), True),
        (AsyncMock(spec=coroutine), True),
        (plain, False),
        (Both().plain, False),
        (Both, False),
        (None, False),
        (Mock(spec=plain), False),
        (MagicMock(spec=plain), False),
        (partial(Mock(spec=plain)), False),
        (Mock(), False),
    ],
    ids=range(12),
)
def test_a_coroutine_function(value: object, *, expected: bool) -> None:
    """A mock of a function is none, although ``inspect`` finds flags in it."""
    assert is_coroutine_function(value) is expected
