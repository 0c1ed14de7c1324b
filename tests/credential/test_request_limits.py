"""How long a request may take: azure-core's options, and what becomes of a request that nobody waits for any more."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest
from azure.core.pipeline.transport import RequestsTransport

from doorcode._core.flows.limits import RequestLimits, request_limits
from doorcode._entra.worker import Worker
from doorcode.emulator import Emulator, Latency, ServerError
from support.clock import Clock
from support.dripping import KINDS, dripping
from support.held_reply import HeldReply
from support.signing import AGES, OTHER, PATIENCE, SCOPE, outcome, start
from support.timing import until_so

READ, SLOW = 1.5, 2.0
"""Seconds that a reply may take where it can be asked for again, and that a slow one takes."""


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ({}, RequestLimits(10, 10, 60, 4.8)),
        ({"read_timeout": 90, "connection_timeout": 20.5}, RequestLimits(20.5, 90, 90, 4.8)),
        ({"read_timeout": 2}, RequestLimits(10, 2, 2, 4.8)),
        ({"connection_timeout": (3, 40)}, RequestLimits(3, 40, 40, 4.8)),
        ({"transport": RequestsTransport(read_timeout=45)}, RequestLimits(10, 45, 45, 4.8)),
        ({"transport": RequestsTransport()}, RequestLimits(10, 10, 60, 4.8)),
        ({"retry_total": 0}, RequestLimits(10, 10, 60, 0)),
        ({"retry_connect": 5, "retry_backoff_factor": 10}, RequestLimits(10, 10, 60, 20 + 40 + 80 + 120)),
        ({"retry_mode": "Fixed", "retry_backoff_factor": 7}, RequestLimits(10, 10, 60, 14)),
        ({"transport": RequestsTransport(connection_timeout=(3, 40))}, RequestLimits(3, 40, 40, 4.8)),
        ({"transport": RequestsTransport(connection_timeout=(3,))}, RequestLimits(10, 10, 60, 4.8)),
        ({"transport": RequestsTransport(connection_timeout=())}, RequestLimits(10, 10, 60, 4.8)),
        ({"retry_total": "many"}, RequestLimits(10, 10, 60, 4.8)),
    ],
)
def test_what_the_options_say(options: dict[str, Any], limits: RequestLimits) -> None:
    """The program's own limits hold, longer or shorter; without them what works once has a minute."""
    found = request_limits(options)
    assert (found.connect, found.read, found.redeem) == (limits.connect, limits.read, limits.redeem)
    assert found.waits == pytest.approx(limits.waits)


@pytest.mark.parametrize("name", ["read_timeout", "connection_timeout"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [(0, ValueError), (-1, ValueError), (float("nan"), ValueError), ("5", TypeError), (True, TypeError)],
)
def test_a_limit_that_is_none(make: Any, name: str, value: Any, kind: type[Exception]) -> None:
    """It is refused in the constructor, by name."""
    with pytest.raises(kind, match=name):
        make(**{name: value})


@pytest.mark.parametrize(
    "options",
    [
        {"connection_timeout": (1, 2), "read_timeout": 3},
        {"read_timeout": (1, 2)},
        {"connection_timeout": (5,)},
        {"connection_timeout": ()},
    ],
    ids=str,
)
def test_two_limits_in_one(make: Any, options: Any) -> None:
    """azure-core's pair is understood for connection_timeout alone."""
    assert make(connection_timeout=(5, 5)).get_token(SCOPE).token
    with pytest.raises(TypeError, match="must be one number"):
        make(**options)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what can be asked again have less time than a slow reply takes."""
    monkeypatch.setattr("doorcode._core.flows.limits.READ", READ)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("endpoint", ["token", "token:refresh_token"])
def test_a_slow_reply_that_holds_what_works_once(make: Any, authority: Emulator, endpoint: str) -> None:
    """A poll and a refresh are waited for: the reply has the token, and neither is sent twice."""
    credential = make()
    if endpoint == "token:refresh_token":
        credential.get_token(SCOPE)
    authority.faults.queue(endpoint, Latency(SLOW))
    assert credential.get_token(OTHER).token
    assert authority.count(endpoint) == 1
    assert len(make.approver.prompts) == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("endpoint", ["discovery", "devicecode"])
def test_a_slow_reply_that_can_be_asked_for_again(make: Any, authority: Emulator, endpoint: str) -> None:
    """It is waited for as long as the program says, and else asked for again."""
    authority.faults.queue(endpoint, Latency(SLOW))
    assert make(read_timeout=PATIENCE, retry_total=0).get_token(SCOPE).token
    assert authority.count(endpoint) == 1
    authority.faults.queue(endpoint, Latency(SLOW))
    authority.reset_counters()
    assert make().get_token(SCOPE).token
    assert authority.count(endpoint) == 2


def test_repetitions_that_the_program_wants(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """``retry_*`` say how often a request is made again, and how long that may take altogether."""
    clock = Clock(monkeypatch)
    monkeypatch.setattr(Worker, "pause", lambda _worker, seconds: clock.advance(seconds))
    credential = make(retry_total=4, retry_status=4, retry_backoff_factor=10)  # 140 s in pauses
    credential.get_token(SCOPE)
    authority.faults.queue("token:refresh_token", *[ServerError(503)] * 4)
    assert credential.get_token(OTHER).token
    assert authority.count("token:refresh_token") == 5


def test_a_late_refresh_is_stored(make: Any, authority: Emulator) -> None:
    """A rotated refresh token is not lost with a call that was cancelled: the next call needs no user."""
    authority.configure(rotation="reject")
    credential = make()
    credential.get_token(SCOPE)
    held = HeldReply()
    authority.faults.queue("token:refresh_token", held.fault)
    call = start(lambda: credential.get_token(OTHER))
    authority.wait_for("token:refresh_token")
    credential.cancel()
    outcome(lambda: call.result(PATIENCE))
    held.release()
    until_so(lambda: not requests_alive())
    assert credential.get_token("https://u.example/.default").token
    assert len(make.approver.prompts) == 1


# -- given up


def requests_alive() -> list[threading.Thread]:
    """Return the threads that make requests."""
    return [thread for thread in threading.enumerate() if thread.name == "doorcode-request"]


def unanswered(*_: object) -> None:
    """Show a code to nobody."""


@pytest.fixture
def alone() -> None:
    """Begin without the requests of other tests, which may still be given up."""
    until_so(lambda: not requests_alive())


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("endpoint", ["discovery", "devicecode", "token"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_that_never_ends(make: Any, authority: Emulator, kind: str, endpoint: str) -> None:
    """Closing the credential ends what is left of it, and what can be asked again ends with the call."""
    with dripping(authority, kind, endpoint) as never:
        credential = make(authority=never.host, prompt_callback=unanswered, read_timeout=AGES)
        call = start(lambda: credential.get_token(SCOPE))
        until_so(lambda: never.dripping)
        credential.cancel()
        assert call.exception(PATIENCE)
        if endpoint == "token":
            credential.close()
        until_so(lambda: not never.dripping and not requests_alive())
        assert never.begun == 1


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("kind", ["status", "headers", "body", "chunks", "close"])
def test_cancelling_a_reply_that_never_ends(make: Any, authority: Emulator, kind: str) -> None:
    """Whoever waited leaves at once; the reply has a moment to end, as it may hold the token, and is cut then."""
    with dripping(authority, kind, "token") as never:
        credential = make(authority=never.host, prompt_callback=unanswered, read_timeout=AGES)
        call = start(lambda: credential.get_token(SCOPE))
        until_so(lambda: never.dripping)
        credential.cancel()
        assert call.exception(PATIENCE)
        until_so(lambda: not never.dripping and not requests_alive())


@pytest.mark.usefixtures("alone")
def test_many_replies_that_never_come(make: Any, authority: Emulator) -> None:
    """There is a bound on how many requests go on that nobody waits for: the oldest is cut."""
    with dripping(authority, "silence", "token") as never:
        options = {"authority": never.host, "prompt_callback": unanswered, "read_timeout": AGES}
        credentials = [make(**options) for _ in range(12)]
        for credential in credentials:
            call = start(lambda: credential.get_token(SCOPE))  # noqa: B023 - done within the loop
            before = never.begun
            until_so(lambda: never.begun > before)  # noqa: B023 - likewise
            credential.cancel()
            assert call.exception(PATIENCE)
            until_so(lambda: len(requests_alive()) <= 8)
        assert never.begun == 12
        for credential in credentials:
            credential.close()
        until_so(lambda: not never.dripping and not requests_alive())


@pytest.mark.usefixtures("alone")
def test_given_up_by_its_own_time(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody who closes or cancels, a request ends by its own time limit."""
    monkeypatch.setattr("doorcode._core.flows.limits.REDEEM", 0.5)
    monkeypatch.setattr("doorcode._core.flows.limits.CONNECT", 1.5)
    clock = Clock(monkeypatch, stands_still=False)
    with dripping(authority, "status", "token") as never:
        # Two seconds are left when the first poll is sent, which may take as many: there is no second one.
        given_code = {"prompt_callback": lambda *_: clock.advance(PATIENCE - 2)}
        outcome(lambda: make(authority=never.host, timeout=PATIENCE, **given_code).get_token(SCOPE))
        assert never.begun == 1
        until_so(lambda: not never.dripping and not requests_alive())


# -- without threads

PROGRAM = """
import asyncio, sys, threading
started = threading.Thread.start
def start(thread):
    if thread.name.startswith("doorcode"):
        raise RuntimeError("can't start new thread")
    started(thread)
import doorcode, doorcode.aio
from doorcode.cache import TokenCachePersistenceOptions
from doorcode.emulator import Emulator
with Emulator(interval=1) as authority:
    authority.approve_all()
    threading.Thread.start = start
    options = {**authority.credential_options, "prompt_callback": lambda *_: None}
    if sys.argv[1] == "cache":
        options["cache_persistence_options"] = TokenCachePersistenceOptions(encryption_key=bytes(32), path=sys.argv[2])
    if sys.argv[1] == "aio":
        async def main():
            async with doorcode.aio.DeviceCodeCredential(**options) as credential:
                await credential.get_token("a/.default")
                await credential.get_token("b/.default")
        asyncio.run(main())
    else:
        with doorcode.DeviceCodeCredential(**options) as credential:
            credential.get_token("a/.default")
            credential.get_token("b/.default")
            credential.cancel()
print("signed in")
"""


@pytest.mark.parametrize("kind", ["sync", "aio", "cache"])
def test_where_no_further_thread_can_be_had(kind: str, tmp_path: Any) -> None:
    """Requests are made in the caller's thread."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, str(tmp_path / "tokens")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("signed in\n", "")
