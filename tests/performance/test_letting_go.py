"""What a program that runs for months lets go: tokens that have ended, and all that a sign-in and a credential had."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doorcode import DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode._core.model import TokenRequest
from doorcode._core.msal_cache.rows import StoredToken
from doorcode._core.secret import Secret
from doorcode._session.accounts.current import FIRST_LOOK
from doorcode.emulator import Emulator
from support.signing import PATIENCE

LIFETIME = 100
TOKENS = 2_000
DESCRIPTORS = Path("/dev/fd")


@pytest.fixture
def options(doorcode_emulator: Emulator, tmp_path: Path) -> dict[str, Any]:
    """Give the options of a credential whose user approves every prompt."""
    doorcode_emulator.configure(interval=1)
    return {
        "prompt_callback": doorcode_emulator.prompt_approver(),
        "cache_persistence_options": TokenCachePersistenceOptions(path=tmp_path / "c", encryption_key=bytes(32)),
        **doorcode_emulator.credential_options,
    }


@pytest.fixture
def credential(options: dict[str, Any]) -> Iterator[DeviceCodeCredential]:
    """Give a credential."""
    with DeviceCodeCredential(**options) as credential:
        yield credential


def held(authority: Emulator) -> tuple[int, int]:
    """Return how many descriptors and threads this process has, without those of the authority in it.

    The authority's end of a connection is closed by a thread of its own, and a request's thread ends after its call.
    """
    for thread in threading.enumerate():
        if thread.name == "doorcode-request":
            thread.join(PATIENCE)
    gc.collect()  # what the last thread held, too
    with authority.offline():
        return len(list(DESCRIPTORS.iterdir())), threading.active_count()


def no_more(after: tuple[int, int], before: tuple[int, int]) -> bool:
    """Return whether there are no more of either than before."""
    return all(now <= then for now, then in zip(after, before, strict=True))


def test_tokens_that_have_ended_are_let_go(credential: DeviceCodeCredential) -> None:
    """The memory holds the tokens that may still be used, and at most as many others."""
    session = credential._session
    most = 0
    for now in range(TOKENS):
        session.clock = lambda now=now: float(now)  # type: ignore[misc]
        request = TokenRequest((f"https://r{now}/.default",), "tid", None, enable_cae=False, options={})
        token = StoredToken(Secret(f"AT{now}"), now + LIFETIME, cached_at=now)
        session.remember(request, token, now + LIFETIME, session.sign_outs.count)
        assert session.remembered(request) is token
        most = max(most, len(session.memory))
    assert most <= max(FIRST_LOOK, 2 * LIFETIME + 1)


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this system does not list a process's descriptors")
def test_sign_ins_leave_no_descriptor_and_no_thread(
    credential: DeviceCodeCredential, doorcode_emulator: Emulator
) -> None:
    """Each further sign-in, token and sign-out leaves the process as it was."""

    def once(number: int) -> None:
        credential.authenticate(scopes=[f"https://r{number}/.default"])
        credential.get_token(f"https://s{number}/.default")
        credential.sign_out()

    once(0)
    before = held(doorcode_emulator)
    for number in range(1, 4):
        once(number)
    assert no_more(held(doorcode_emulator), before)


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this system does not list a process's descriptors")
def test_credentials_that_are_dropped_are_gone(options: dict[str, Any], doorcode_emulator: Emulator) -> None:
    """Without ``close()`` too: nothing of the library refers to one, and its connections are closed with it."""
    with DeviceCodeCredential(**options) as first:
        first.authenticate(scopes=["https://r/.default"])

    def once(number: int) -> weakref.ref[DeviceCodeCredential]:
        made = DeviceCodeCredential(**options, use_cached_account=True, disable_automatic_authentication=True)
        made.get_token(f"https://r{number}/.default")
        return weakref.ref(made)

    once(0)
    before = held(doorcode_emulator)
    dropped = [once(number) for number in range(1, 12)]
    assert no_more(held(doorcode_emulator), before)
    assert [each for each in dropped if each() is not None] == []
