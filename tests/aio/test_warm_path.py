"""A fresh token in memory costs no thread, no lock and no switch to another task."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from doorcode.emulator import Emulator
from support.loops import in_a_loop
from support.signing import SCOPE

CALLS: dict[str, Callable[[Any], Any]] = {
    "get_token": lambda credential: credential.get_token(SCOPE),
    "get_token with everything": lambda credential: credential.get_token(
        SCOPE, claims=None, tenant_id=credential._session.config.tenant_id, enable_cae=False
    ),
    "get_token_info": lambda credential: credential.get_token_info(SCOPE),
    "get_token_info with options": lambda credential: credential.get_token_info(SCOPE, options={"enable_cae": False}),
    "authenticate": lambda credential: credential.authenticate(scopes=[SCOPE]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_it_ends_without_having_waited(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch, call: Callable[[Any], Any]
) -> None:
    """Driven by hand, where no loop runs, the coroutine returns at its first step; no thread is started."""
    credential = make()
    in_a_loop(lambda: credential.authenticate(scopes=[SCOPE]))
    requests = len(authority.requests)

    def start(thread: threading.Thread) -> None:
        pytest.fail(f"{thread} is started")

    monkeypatch.setattr(threading.Thread, "start", start)
    coroutine = call(credential)
    with pytest.raises(StopIteration) as end:
        coroutine.send(None)
    assert end.value.value is not None
    assert len(authority.requests) == requests


def test_the_very_token(make: Any) -> None:
    """get_token returns the object that it returned before."""
    credential = make()

    async def twice() -> bool:
        return await credential.get_token(SCOPE) is await credential.get_token(SCOPE)

    in_a_loop(lambda: credential.get_token(SCOPE))
    assert in_a_loop(twice)
