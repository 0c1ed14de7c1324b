"""A sign-in in two steps, and tasks that give up looking: the sign-in itself lives on."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from doorcode import errors
from doorcode._core.flows.device_code import Pace
from doorcode._session.pending.sign_in import BasePending
from doorcode.emulator import Emulator, Hang, Pending
from support.held_reply import HeldReply
from support.loops import in_a_loop, reached, until
from support.signing import ADA, AGES, PATIENCE, SCOPE

MOST_LOOKS = 12
"""How often three polls are looked for, where the pauses between them are slept through: some five times."""


async def begun(make: Any, authority: Emulator) -> tuple[Any, Any]:
    """Return a credential that asks nobody by itself, and a sign-in that a user has finished."""
    credential = make(disable_automatic_authentication=True)
    pending = await credential.begin(scopes=[SCOPE])
    authority.approve(pending.user_code)
    return credential, pending


def test_a_look_that_is_given_up_still_counts(make: Any, authority: Emulator) -> None:
    """The reply to a poll that its task no longer waits for signs the user in; no other poll is sent."""
    held = HeldReply()
    authority.faults.queue("token:device_code", held.fault)

    async def main() -> None:
        credential, pending = await begun(make, authority)
        look = asyncio.create_task(pending.wait())
        await reached(authority.wait_for, "token:device_code")
        look.cancel()
        await asyncio.wait([look])
        assert look.cancelled()
        held.release()
        assert (await pending.wait()).username == ADA
        assert (await credential.get_token(SCOPE)).token

    in_a_loop(main)
    assert authority.count("token:device_code") == 1


def test_a_wait_that_runs_out_within_a_request(make: Any, authority: Emulator) -> None:
    """It ends in time; the sign-in goes on, and what the request brings is found by the next look."""
    held = HeldReply()
    authority.faults.queue("token:device_code", held.fault)

    async def main() -> None:
        _, pending = await begun(make, authority)
        with pytest.raises(TimeoutError, match="The user has not signed in within 0.1 s; the sign-in goes on"):
            await pending.wait(0.1)
        held.release()
        assert (await pending.wait()).username == ADA

    in_a_loop(main)
    assert authority.count("token:device_code") == 1


def test_looks_after_one_that_failed(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is no answer, such as the program's own transport's, reaches that look; the next one asks again."""

    async def main() -> None:
        _, pending = await begun(make, authority)
        with monkeypatch.context() as patch:
            patch.setattr(pending._handler, "exchange", lambda _step: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await pending.wait()
        assert (await pending.wait()).username == ADA

    in_a_loop(main)


def test_many_wait_for_one(make: Any, authority: Emulator) -> None:
    """They share its polls, and all get the record."""
    held = HeldReply()
    authority.faults.queue("token:device_code", Pending(), held.fault)

    async def main() -> list[Any]:
        _, pending = await begun(make, authority)
        waiting = [asyncio.create_task(pending.wait()) for _ in range(10)]
        await reached(authority.wait_for, "token:device_code", 2)
        held.release()
        return await asyncio.gather(*waiting)

    assert {record.username for record in in_a_loop(main)} == {ADA}
    assert authority.count("token:device_code") == 2


@pytest.mark.parametrize("hangs", [False, True])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_cancel_frees_everybody_at_once(make: Any, authority: Emulator, *, hangs: bool, elsewhere: bool) -> None:
    """From a task or from another thread, between two polls or within one."""
    if hangs:
        authority.faults.always("token:device_code", Hang())

    async def main() -> None:
        async with make(read_timeout=AGES) as credential:
            pending = await credential.begin(scopes=[SCOPE])
            waiting = [asyncio.create_task(pending.wait()) for _ in range(3)]
            await reached(authority.wait_for, "token:device_code")
            if elsewhere:
                await asyncio.to_thread(pending.cancel)
            else:
                pending.cancel()
            done, _ = await asyncio.wait(waiting, timeout=PATIENCE)
            assert {type(task.exception()) for task in done} == {errors.SignInCancelledError}
            assert len(done) == 3

    in_a_loop(main)


def test_a_cancelled_one_keeps_a_token_that_comes_late(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored, as everywhere; the sign-in stays cancelled."""
    held = HeldReply()
    authority.faults.queue("token:device_code", held.fault)

    async def main() -> None:
        credential, pending = await begun(make, authority)
        stored = threading.Event()
        accept = pending._handler.accept
        monkeypatch.setattr(
            pending._handler, "accept", lambda *args, **options: (accept(*args, **options), stored.set())[0]
        )
        look = asyncio.create_task(pending.wait())
        await reached(authority.wait_for, "token:device_code")
        pending.cancel()
        with pytest.raises(errors.SignInCancelledError):
            await look
        held.release()
        await until(stored)
        with pytest.raises(errors.SignInCancelledError):
            await pending.poll()
        assert (await credential.get_token(SCOPE)).token

    in_a_loop(main)


def test_other_tasks_run_between_polls(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply ends the wait for that reply alone: each one is processed, and the loop is free meanwhile."""
    missed: list[object] = []
    looks: list[object] = []
    look = BasePending._next_poll

    def counted(pending: BasePending) -> Any:
        looks.append(pending)
        return look(pending)

    monkeypatch.setattr(BasePending, "_next_poll", counted)
    monkeypatch.setattr("doorcode.aio.pending.PendingSignIn.miss_reply", lambda _self, poll: missed.append(poll))
    monkeypatch.setattr(Pace, "pause", property(lambda _pace: 0.5))
    authority.faults.queue("token:device_code", Pending(), Pending())

    async def main() -> None:
        _, pending = await begun(make, authority)
        assert (await pending.wait()).username == ADA

    in_a_loop(main)
    assert missed == []
    assert authority.count("token:device_code") == 3
    assert len(looks) <= MOST_LOOKS
