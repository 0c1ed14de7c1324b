"""Many processes, one account: each refresh token is sent once, and the user is asked once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from credential.processes import AWAY, Process, SharingProcesses, ended, scopes
from doorcode.emulator import Emulator, Hang, Latency
from support.signing import PATIENCE, SCOPE

pytestmark = pytest.mark.slow

STOPPED_FOR = 4.0
"""Seconds after which a process that is stopped is passed by."""
LONG = 5.0
"""Seconds that the authority takes for a request while which its process is stopped."""
KINDS = ["sync", "aio"]


@pytest.fixture
def shared(authority: Emulator, tmp_path: Path) -> Iterator[SharingProcesses]:
    """Give processes that share a cache with a sign-in; those that still run at the end are ended."""
    made = SharingProcesses(authority, tmp_path / "tokens")
    made.sign_in()
    yield from ended(made)


@pytest.fixture
def signed_out(authority: Emulator, tmp_path: Path) -> Iterator[SharingProcesses]:
    """Give processes that share an empty cache."""
    yield from ended(SharingProcesses(authority, tmp_path / "tokens"))


@pytest.mark.parametrize("kind", KINDS)
def test_no_refresh_token_is_sent_twice_however_long_the_line_is(shared: SharingProcesses, kind: str) -> None:
    """Each process gets its tokens, in its turn."""
    processes = [shared.start(scopes(number, 2), kind) for number in range(8)]
    shared.run()
    assert [process.outcomes() for process in processes] == [["token", "token"]] * 8
    shared.check()
    assert shared.authority.count("token:refresh_token") == 16


def test_one_refresh_serves_every_process_that_wants_the_same_token(shared: SharingProcesses) -> None:
    """Whoever waits looks into the cache at each turn."""
    processes = [shared.start([SCOPE.replace("r.", "same.")], "sync") for _ in range(6)]
    shared.run()
    assert [process.outcomes() for process in processes] == [["token"]] * 6
    assert shared.authority.count("token:refresh_token") == 1


def test_a_process_that_is_killed_lets_the_next_one_go_on(shared: SharingProcesses) -> None:
    """The kernel ends its lease, and the refresh token that the authority has not redeemed still serves."""
    processes = {process.process.pid: process for process in (shared.start(scopes(n, 2), "sync") for n in range(8))}
    shared.authority.faults.queue("token:refresh_token", *[Hang()] * 3)  # it has not redeemed what the killed ones send
    shared.run()
    killed: list[int] = []
    for _ in range(3):
        killed.append(shared.holder())
        processes[killed[-1]].process.kill()
    outcomes = {pid: process.outcomes() for pid, process in processes.items()}
    assert {pid: found for pid, found in outcomes.items() if pid not in killed} == {
        pid: ["token", "token"] for pid in processes if pid not in killed
    }
    shared.check()


def test_a_process_that_is_stopped_for_a_while_is_waited_for(shared: SharingProcesses) -> None:
    """Its request is under way: what it brings is stored when it goes on, and nothing was sent meanwhile."""
    processes = [shared.start(scopes(number), "sync") for number in range(6)]
    shared.authority.faults.queue("token:refresh_token", Latency(LONG))
    shared.run()
    stopped = shared.holder()
    os.kill(stopped, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        shared.authority.wait_for("token:refresh_token", shared.authority.count("token:refresh_token") + 1, 4 * AWAY)
    os.kill(stopped, signal.SIGCONT)
    assert [process.outcomes() for process in processes] == [["token"]] * 6
    shared.check()


@pytest.mark.parametrize("stops", ["with the lease", "about to send"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_process_that_stays_stopped_is_passed_by_and_does_no_harm_when_it_goes_on(
    shared: SharingProcesses, kind: str, stops: str
) -> None:
    """The others go on past it one at a time; awake again, it finds what they have stored, and nobody is asked."""
    stopped = shared.start(scopes(9, 2), kind, stops=stops, lease_seconds=STOPPED_FOR)
    shared.run()
    stopped.wait_until_stopped()
    others = [shared.start(scopes(number), kind, lease_seconds=PATIENCE) for number in range(4)]
    for other in others:
        assert other.hear() == "ready"
    for other in others:
        other.say()
    assert [other.outcomes() for other in others] == [["token"]] * 4
    stopped.process.send_signal(signal.SIGCONT)
    assert stopped.outcomes() == ["token", "token"]
    refused = [record for record in shared.authority.requests_to("token:refresh_token") if record.status != 200]
    # What was about to be sent is sent when the process wakes, and refused: what another one has stored is used then.
    assert len(refused) == (stops == "about to send")
    assert shared.authority.count("devicecode") == 0


def asking(shared: SharingProcesses, kind: str, **more: object) -> Process:
    """Start a process that asks the user, and wait until it does."""
    process = shared.start([SCOPE], kind, "sign_in", **more)
    assert process.hear() == "ready"
    process.say()
    return process


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_that_waits_for_the_prompt_of_another_says_so_and_uses_its_sign_in(
    signed_out: SharingProcesses, kind: str
) -> None:
    """It names the process and until when it waits; the user sees one code."""
    first = asking(signed_out, kind)
    shown = first.hear()
    assert shown.startswith("code ")
    second = asking(signed_out, kind)
    told = second.hear()
    assert told.startswith("told")
    assert f"(process {first.process.pid} on {os.uname().nodename})" in told
    assert "for 15 minutes at most" in told
    signed_out.authority.approve(shown.removeprefix("code "))
    assert (first.outcomes(), second.outcomes()) == (["token"], ["token"])
    assert signed_out.authority.count("devicecode") == 1


def test_a_process_that_is_stopped_while_it_asks_holds_others_for_no_longer_than_its_code_lives(
    signed_out: SharingProcesses,
) -> None:
    """Then one of the others asks; awake again, the first one ends at once, and asks nothing of anybody."""
    authority = signed_out.authority
    authority.configure(expires_in=6)
    first = asking(signed_out, "sync")
    assert first.hear().startswith("code ")
    first.process.send_signal(signal.SIGSTOP)
    authority.configure(expires_in=900)
    others = [asking(signed_out, "sync") for _ in range(3)]
    authority.approve_all()
    said = [outcome.split()[0] for other in others for outcome in other.outcomes()]
    assert sorted(word for word in said if word != "told") == ["code", "token", "token", "token"]
    first.process.send_signal(signal.SIGCONT)
    assert first.outcomes() in (["CodeExpiredError"], ["token"])
    assert authority.count("devicecode") == 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_timeout_holds_while_another_process_asks(signed_out: SharingProcesses, kind: str) -> None:
    """A process waits for the prompt of a stopped one no longer than for its own."""
    first = asking(signed_out, "sync")
    assert first.hear().startswith("code ")
    first.process.send_signal(signal.SIGSTOP)
    options = {**signed_out.authority.credential_options, "timeout": 1}
    assert asking(signed_out, kind, options=options).outcomes()[-1] == "SignInTimedOutError"
