"""A call that meets the prompt of another process: it uses that sign-in, or prompts within its own time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from doorcode import TokenCachePersistenceOptions, errors
from doorcode.cache._token_cache import StoredCache
from doorcode.emulator import Emulator, Hang
from support.clock import Clock
from support.signing import AGES, OTHER, PATIENCE, SCOPE, start
from support.timing import until_so

TIMEOUT = 800.0
"""Seconds that a call has in these tests; they pass by a clock that is advanced."""


@pytest.fixture
def shared(tmp_path: Path) -> dict[str, Any]:
    """Give the options of two processes that share a cache."""
    return {"cache_persistence_options": TokenCachePersistenceOptions(path=tmp_path / "c", encryption_key=bytes(32))}


@pytest.mark.parametrize("timeout", [None, TIMEOUT])
def test_a_prompt_that_ran_out_while_another_process_signed_in(
    make: Any,
    make_sync: Any,
    authority: Emulator,
    shared: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    timeout: float | None,
) -> None:
    """A process that was suspended until its prompt had ended uses what the other one has stored."""
    clock = Clock(monkeypatch, stands_still=False)
    authority.configure(expires_in=int(TIMEOUT) + (100 if timeout else 0))
    other = make_sync(**shared)
    prompts = 0

    def sign_in_elsewhere(*_: object) -> None:
        nonlocal prompts
        prompts += 1
        authority.configure(expires_in=900)
        pending = other.begin(scopes=[OTHER])
        authority.approve(pending.user_code)
        pending.wait(PATIENCE)
        clock.advance(TIMEOUT)

    credential = make(**shared, timeout=timeout, prompt_callback=sign_in_elsewhere)
    assert authority.verify(credential.get_token(SCOPE).token)
    assert prompts == 1


def test_a_call_that_takes_over_a_prompt_keeps_its_timeout(
    make: Any,
    make_sync: Any,
    shared: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The time that it waited for the other process counts: the call ends within its own timeout."""
    clock = Clock(monkeypatch, stands_still=False)
    prompted = threading.Event()
    other = make_sync(**shared, prompt_callback=lambda *_: prompted.set())
    shown: list[object] = []

    def show(*code: object) -> None:
        shown.append(code)
        clock.advance(TIMEOUT / 2)

    credential = make(**shared, timeout=TIMEOUT, prompt_callback=show)
    others = start(lambda: other.get_token(SCOPE))
    assert prompted.wait(PATIENCE)
    waiting = start(lambda: credential.get_token(SCOPE))
    until_so(lambda: "This process waits for that sign-in" in caplog.text)
    clock.advance(TIMEOUT / 2)
    other.cancel()
    with pytest.raises(errors.SignInTimedOutError, match=f"after {TIMEOUT:g} s"):
        waiting.result(PATIENCE)
    assert len(shown) == 1
    assert isinstance(others.exception(PATIENCE), errors.SignInCancelledError)


@pytest.mark.parametrize("endpoint", ["devicecode", "discovery"])
def test_a_silent_authority(make: Any, authority: Emulator, endpoint: str) -> None:
    """A request for a code redeems nothing, so that nothing is lost when the call ends with its timeout."""
    authority.faults.always(endpoint, Hang())
    credential = make(timeout=1, read_timeout=AGES)
    with pytest.raises(errors.SignInTimedOutError, match="before the user could be asked.*No answer in time"):
        start(lambda: credential.get_token(SCOPE)).result(PATIENCE)


def test_the_cache_is_read_seldom_before_the_user_is_asked(
    make: Any, shared: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first sign-in reads the two caches, and once more when no other process can be asking the user."""
    reads: list[StoredCache] = []
    before: list[int] = []
    state = StoredCache.state

    def counted(cache: StoredCache) -> Any:
        reads.append(cache)
        return state(cache)

    def prompt(*code: Any) -> None:
        before.append(len(reads))
        make.approver(*code)

    monkeypatch.setattr(StoredCache, "state", counted)
    assert make(**shared, prompt_callback=prompt).get_token(SCOPE).token
    assert before == [4]
