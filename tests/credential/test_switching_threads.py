"""Threads that change at every moment find no state half changed, whatever they do to one credential."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from doorcode import TokenCachePersistenceOptions
from doorcode.emulator import Emulator
from support.signing import together

pytestmark = pytest.mark.slow

THREADS, ROUNDS, SCOPES = 12, 25, 5


@pytest.fixture(autouse=True)
def _restless() -> Iterator[None]:
    """Let Python change threads a million times a second."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def scope(number: int) -> str:
    """Return one of a few scopes."""
    return f"https://r{number % SCOPES}.example/.default"


ACTIONS: list[Callable[[Any, int], object]] = [
    *[lambda credential, number: credential.get_token(scope(number))] * 8,
    *[lambda credential, number: credential.get_token_info(scope(number), options={"enable_cae": True})] * 4,
    lambda credential, number: credential.authenticate(scopes=[scope(number)]),
    lambda credential, _: credential.accounts(),
    lambda credential, _: credential.sign_out(),
    lambda credential, _: credential.cancel(),
    lambda credential, _: credential.close(),
    lambda credential, _: repr(credential),
    lambda credential, number: credential.begin(scopes=[scope(number)]).cancel(),
]


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "in a file"])
def test_every_call_ends_with_a_result_or_an_error_of_its_own(
    make: Any,
    authority: Emulator,
    tmp_path: Path,
    stored: bool,  # noqa: FBT001 - a column
) -> None:
    """Tokens, sign-ins, sign-outs and cancellations get in each other's way, and nothing else is ever raised."""
    options = TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=bytes(32)) if stored else None
    credential = make(cache_persistence_options=options)

    def work(number: int) -> list[Exception]:
        chance = random.Random(number)  # noqa: S311 - which call comes next
        odd: list[Exception] = []
        for _ in range(ROUNDS):
            try:
                chance.choice(ACTIONS)(credential, chance.randrange(SCOPES))
            except ClientAuthenticationError:
                continue  # the sign-in was cancelled, or its user was signed out
            except Exception as error:  # noqa: BLE001 - none is expected
                odd.append(error)
        return odd

    results = together(THREADS, work)
    assert results == [[]] * THREADS
    token = credential.get_token(scope(0)).token
    assert f"{authority.verify(token)['aud']}/.default" == scope(0)
    credential.sign_out()
    assert credential.accounts() == ()
