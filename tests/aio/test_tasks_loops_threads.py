"""Many tasks, several loops and threads, one credential."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from doorcode import TokenCachePersistenceOptions
from doorcode.emulator import Decline, Emulator, Pending, PromptApprover
from support.loops import in_a_loop, reached, until
from support.signing import PATIENCE, SCOPE, start, together

RESOURCES = 4


def scope(number: int) -> str:
    """Return one of a few scopes."""
    return f"https://r{number % RESOURCES}.example/.default"


def audience(authority: Emulator, token: Any) -> object:
    """Return whom a token is for, as a scope."""
    return f"{authority.verify(token.token)['aud']}/.default"


def test_fifty_tasks_one_prompt(make: Any, authority: Emulator, person: PromptApprover) -> None:
    """Tasks with different scopes share one sign-in, and each gets its own token."""
    authority.faults.queue("token:device_code", Pending(), Pending())
    credential = make()

    async def main() -> list[Any]:
        return await asyncio.gather(*(credential.get_token(scope(number)) for number in range(50)))

    for number, token in enumerate(in_a_loop(main)):
        assert audience(authority, token) == scope(number)
    assert (authority.count("devicecode"), len(person.prompts)) == (1, 1)
    assert authority.count("token:refresh_token") == RESOURCES - 1


def test_a_refusal_reaches_all_once(make: Any, authority: Emulator) -> None:
    """When the user declines every task gets the error, and nobody asks again by itself."""
    authority.faults.queue("token:device_code", Pending(), Decline())
    credential = make()

    async def main() -> list[Any]:
        calls = (credential.get_token(scope(number)) for number in range(50))
        return await asyncio.gather(*calls, return_exceptions=True)

    assert {type(outcome).__name__ for outcome in in_a_loop(main)} == {"SignInDeclinedError"}
    assert authority.count("devicecode") == 1


def test_several_loops_in_several_threads(make: Any, authority: Emulator, person: PromptApprover) -> None:
    """Whatever loop a task runs in, it shares the sign-in, and is woken in its own loop."""
    authority.faults.queue("token:device_code", Pending(), Pending())
    credential = make()

    async def main() -> list[Any]:
        return await asyncio.gather(*(credential.get_token(scope(number)) for number in range(4)))

    for tokens in together(8, lambda _: in_a_loop(main)):
        assert not isinstance(tokens, BaseException), tokens
        assert [audience(authority, token) for token in tokens] == [scope(number) for number in range(4)]
    assert (authority.count("devicecode"), len(person.prompts)) == (1, 1)


def test_one_loop_after_another(make: Any, authority: Emulator, person: PromptApprover) -> None:
    """asyncio.run again and again, on one credential: silent, and refreshing where it has to."""
    credential = make()
    first = in_a_loop(lambda: credential.get_token(SCOPE))
    assert in_a_loop(lambda: credential.get_token(SCOPE)) == first
    assert in_a_loop(lambda: credential.get_token(scope(1))).token
    assert len(person.prompts) == 1


def test_a_loop_that_is_closed_is_not_missed(
    make: Any, person: PromptApprover, caplog: pytest.LogCaptureFixture
) -> None:
    """A loop that ended while it waited for another loop's sign-in leaves no error in anybody's log."""
    shown, gone = threading.Event(), threading.Event()

    async def show(*prompt: Any) -> None:
        shown.set()
        await until(gone)
        person(*prompt)

    credential = make(prompt_callback=show)

    async def impatient() -> None:
        task = asyncio.create_task(credential.get_token(SCOPE))
        (flight,) = credential._session.flights._led.values()
        while not flight.waiting:  # noqa: ASYNC110 - nobody tells when a task has begun to wait
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    leader = start(lambda: in_a_loop(lambda: credential.get_token(SCOPE)))
    assert shown.wait(PATIENCE)
    in_a_loop(impatient)
    gone.set()
    assert leader.result(PATIENCE).token
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    assert len(person.prompts) == 1


def test_a_leader_whose_loop_ends_hands_over(make: Any, authority: Emulator, person: PromptApprover) -> None:
    """The sign-in of a loop that is shut down is taken over by a task of another loop."""
    credential = make(prompt_callback=lambda *shown: authority.count("devicecode") > 1 and person(*shown))

    async def leads() -> None:
        task = asyncio.create_task(credential.get_token(SCOPE))
        await reached(authority.wait_for, "token:device_code", 2)
        del task  # asyncio.run cancels it

    leader = start(lambda: in_a_loop(leads))
    authority.wait_for("token:device_code")
    assert in_a_loop(lambda: credential.get_token(SCOPE)).token
    leader.result(PATIENCE)
    assert len(person.prompts) == 1


def test_a_leader_whose_loop_was_closed_is_replaced(make: Any, person: PromptApprover, tmp_path: Path) -> None:
    """A loop that is closed while its task waits for the user cannot end that sign-in: the next call begins another."""
    loop = asyncio.new_event_loop()
    shown = asyncio.Event()

    async def show(*prompt: Any) -> None:
        if shown.is_set():
            person(*prompt)
        else:
            shown.set()
            await loop.create_future()

    options = TokenCachePersistenceOptions(path=tmp_path / "c", encryption_key=bytes(32))
    credential = make(prompt_callback=show, cache_persistence_options=options)
    task = loop.create_task(credential.get_token(SCOPE))
    loop.run_until_complete(shown.wait())
    for each in asyncio.all_tasks(loop):
        each._log_destroy_pending = False  # type: ignore[attr-defined] # asyncio's own way to end a task unseen
    loop.close()
    assert in_a_loop(lambda: credential.get_token(SCOPE)).token
    assert not task.done()
    assert len(person.prompts) == 1


def test_a_call_inside_the_prompt_cannot_wait_for_itself(make: Any) -> None:
    """A prompt callback that asks its own credential for a token is told so; it does not hang."""

    async def show(*_: object) -> None:
        await credential.get_token(SCOPE)

    credential = make(prompt_callback=show)
    with pytest.raises(Exception, match="prompt_callback raised"):
        in_a_loop(lambda: credential.get_token(SCOPE))


if sys.version_info >= (3, 12):

    def test_eager_tasks(make: Any, person: PromptApprover) -> None:
        """Tasks that run as they are made share a sign-in too."""
        credential = make()

        async def main() -> list[Any]:
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
            return await asyncio.gather(*(credential.get_token(scope(number)) for number in range(8)))

        assert len(in_a_loop(main)) == 8
        assert len(person.prompts) == 1


def test_without_asyncio(make: Any) -> None:
    """Where no asyncio loop runs, as under trio, the error says what to do instead."""
    with pytest.raises(RuntimeError, match="runs on asyncio"):
        make().get_token(SCOPE).send(None)
