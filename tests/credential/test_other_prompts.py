"""A call that meets the prompt of another process: it uses that sign-in, or prompts within its own time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from doorcode import TokenCachePersistenceOptions, errors
from doorcode.cache._token_cache import StoredCache
from doorcode.emulator import Emulator, Hang
from support.signing import OTHER, PATIENCE, SCOPE, start
from support.timing import least

TIMEOUT = 1.5
"""Seconds that a call has in these tests."""
LATE = 0.3
"""Seconds by which it may end late."""


@pytest.fixture
def shared(tmp_path: Path) -> dict[str, Any]:
    """Give the options of two processes that share a cache."""
    return {"cache_persistence_options": TokenCachePersistenceOptions(path=tmp_path / "c", encryption_key=bytes(32))}


@pytest.mark.parametrize("timeout", [None, TIMEOUT])
def test_a_prompt_that_ran_out_while_another_process_signed_in(
    make: Any, make_sync: Any, authority: Emulator, shared: dict[str, Any], timeout: float | None
) -> None:
    """A process that was suspended until its prompt had ended uses what the other one has stored."""
    authority.configure(expires_in=900 if timeout else 1)
    other = make_sync(**shared)
    prompts = 0

    def sign_in_elsewhere(*_: object) -> None:
        nonlocal prompts
        prompts += 1
        authority.configure(expires_in=900)
        pending = other.begin(scopes=[OTHER])
        authority.approve(pending.user_code)
        pending.wait(PATIENCE)

    credential = make(**shared, timeout=timeout, prompt_callback=sign_in_elsewhere)
    assert authority.verify(credential.get_token(SCOPE).token)
    assert prompts == 1


def test_a_call_that_takes_over_a_prompt_keeps_its_timeout(make: Any, make_sync: Any, shared: dict[str, Any]) -> None:
    """The time that it waited for the other process counts: the call ends within its own timeout."""

    def call() -> float:
        prompted, shown = threading.Event(), threading.Event()
        other = make_sync(**shared, prompt_callback=lambda *_: prompted.set())
        waiting = start(lambda: other.get_token(SCOPE))
        assert prompted.wait(PATIENCE)
        credential = make(**shared, timeout=TIMEOUT, prompt_callback=lambda *_: shown.set())
        threading.Timer(TIMEOUT / 3, other.cancel).start()
        begun = time.monotonic()
        with pytest.raises(errors.SignInTimedOutError, match=f"after {TIMEOUT:g} s"):
            credential.get_token(SCOPE)
        assert shown.is_set()
        assert isinstance(waiting.exception(PATIENCE), errors.SignInCancelledError)
        return time.monotonic() - begun

    assert TIMEOUT <= least(call, TIMEOUT + LATE) < TIMEOUT + LATE


@pytest.mark.parametrize("endpoint", ["devicecode", "discovery"])
def test_a_silent_authority(make: Any, authority: Emulator, endpoint: str) -> None:
    """A request for a code redeems nothing, so that nothing is lost when the call ends with its timeout."""
    authority.faults.always(endpoint, Hang())
    credential = make(timeout=TIMEOUT)

    def call() -> float:
        begun = time.monotonic()
        with pytest.raises(errors.SignInTimedOutError, match="No answer in time"):
            credential.get_token(SCOPE)
        return time.monotonic() - begun

    assert TIMEOUT <= least(call, TIMEOUT + LATE) < TIMEOUT + LATE


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
