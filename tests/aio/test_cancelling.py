"""Cancelling a task ends its sign-in at once, wherever it is, unless other tasks wait for it."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doorcode import TokenCachePersistenceOptions, errors
from doorcode._core.flows.interactive import _user_lease
from doorcode._core.flows.leases import LONGEST_PROMPT
from doorcode._session import reply_storage
from doorcode.cache._token_cache import StoredCache
from doorcode.emulator import Emulator, Hang, Pending, PromptApprover
from support.held_reply import HeldReply
from support.loops import in_a_loop, reached, until
from support.signing import AGES, OTHER, PATIENCE, SCOPE

SHORT = 0.2
"""Seconds that a call has, where it has few."""


def scope(number: int) -> str:
    """Return a scope of its own for each caller."""
    return f"https://r{number}.example/.default"


class Seen:
    """A prompt that notes the codes, and how the sign-in of each one ended."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.outcomes: list[str] = []

    def __call__(self, _uri: str, user_code: str, _expires_on: object) -> None:
        self.codes.append(user_code)

    def finished(self, outcome: Any) -> None:
        self.outcomes.append(outcome.result)


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel a task, and see that it ends: at once, where whatever it waits for would take ages."""
    task.cancel()
    await asyncio.wait([task], timeout=PATIENCE)
    assert task.cancelled()


@pytest.mark.parametrize("endpoint", ["discovery", "devicecode", "token:device_code"])
def test_while_a_request_hangs(make: Any, authority: Emulator, endpoint: str) -> None:
    """It ends at once, nothing further is sent for it, and the next call signs in."""
    authority.faults.queue(endpoint, Hang())

    async def main() -> None:
        async with make(read_timeout=AGES) as credential:
            task = asyncio.create_task(credential.get_token(SCOPE))
            await reached(authority.wait_for, endpoint)
            before = len(authority.requests)
            await cancelled(task)
            assert len(authority.requests) == before
            assert (await credential.get_token(SCOPE)).token

    in_a_loop(main)


def test_no_later_poll(make: Any, authority: Emulator) -> None:
    """After the cancellation the code is never asked for again."""
    shown: list[str] = []
    authority.faults.queue("token:device_code", Pending(), Hang())  # no poll is on its way when the task is cancelled

    async def main() -> None:
        async with make(prompt_callback=lambda _uri, user_code, _expires_on: shown.append(user_code)) as credential:
            task = asyncio.create_task(credential.get_token(SCOPE))
            await reached(authority.wait_for, "token:device_code", 2)
            await cancelled(task)
        given_up = {request.form["device_code"] for request in authority.requests_to("token:device_code")}
        polls = authority.count("token:device_code")
        authority.faults.queue("token:device_code", *[Pending()] * 5)
        assert (await make().get_token(SCOPE)).token  # it polls six times meanwhile
        later = [request.form["device_code"] for request in authority.requests_to("token:device_code")[polls:]]
        assert len(later) == 6
        assert given_up.isdisjoint(later)

    in_a_loop(main)
    assert len(shown) == 1


def test_in_the_prompt(make: Any) -> None:
    """A coroutine function that shows the code is cancelled too, and knows it."""
    shown, ended = asyncio.Event(), []

    async def show(*_: object) -> None:
        shown.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def main() -> None:
        task = asyncio.create_task(make(prompt_callback=show).get_token(SCOPE))
        await shown.wait()
        await cancelled(task)

    in_a_loop(main)
    assert ended == ["cancelled"]


@pytest.mark.parametrize("step", ["state", "lease", "commit"])
def test_while_the_store_waits(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, step: str
) -> None:
    """What the store still does for the task that is gone is waited for and undone before the next one leads."""
    options = TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=bytes(32))
    credential = make(cache_persistence_options=options)
    stuck, go = threading.Event(), threading.Event()
    genuine = getattr(StoredCache, step)

    def waits(*args: Any) -> Any:
        result = genuine(*args)
        stuck.set()
        assert go.wait(PATIENCE)
        return result

    async def main() -> None:
        monkeypatch.setattr(StoredCache, step, waits)
        first = asyncio.create_task(credential.get_token(SCOPE))
        await until(stuck)
        second = asyncio.create_task(credential.get_token(SCOPE))
        await cancelled(first)
        monkeypatch.setattr(StoredCache, step, genuine)
        go.set()
        assert (await second).token

    caplog.set_level("INFO", "doorcode")
    in_a_loop(main)
    assert "Another process" not in caplog.text
    for thread in threading.enumerate():
        if thread.name == "doorcode-release":
            thread.join(PATIENCE)
    lease = credential._session.cache(cae=False).lease(lease_of(credential), LONGEST_PROMPT)
    assert lease is not None, "a lease of the task that was cancelled is still held"
    lease.release()


def lease_of(credential: Any) -> str:
    """Return the name of the lease of whoever asks the credential's user."""
    name = _user_lease(credential._session.who, credential._session.config.tenant_id)
    assert name is not None
    return name


async def joined(credential: Any, count: int) -> None:
    """Wait until so many tasks wait for the sign-in that another one leads."""
    (flight,) = credential._session.flights._led.values()
    while flight.waiting < count:  # noqa: ASYNC110 - nobody tells when a task has begun to wait
        await asyncio.sleep(0)


def test_the_code_that_was_shown_stays(make: Any, authority: Emulator) -> None:
    """The leader of fifty tasks is cancelled: the others get their tokens from the code that the user has."""
    prompt = Seen()

    async def main() -> None:
        credential = make(prompt_callback=prompt)
        tasks = [asyncio.create_task(credential.get_token(scope(number))) for number in range(50)]
        await reached(authority.wait_for, "token:device_code", 2)
        await joined(credential, 49)
        await cancelled(tasks[0])
        authority.approve(prompt.codes[0])
        tokens = await asyncio.gather(*tasks[1:])
        assert len({token.token for token in tokens}) == 49

    in_a_loop(main)
    assert (authority.count("devicecode"), len(prompt.codes)) == (1, 1)
    assert prompt.outcomes == ["signed_in"]


def test_it_stays_while_it_is_being_shown(make: Any, authority: Emulator, person: PromptApprover) -> None:
    """A prompt that is a coroutine function goes on, too."""
    led, go, prompts = asyncio.Event(), asyncio.Event(), []

    async def show(*shown: Any) -> None:
        prompts.append(asyncio.current_task())
        led.set()
        await go.wait()
        person(*shown)

    async def main() -> None:
        credential = make(prompt_callback=show)
        tasks = [asyncio.create_task(credential.get_token(SCOPE)) for _ in range(3)]
        await led.wait()
        await joined(credential, 2)
        await cancelled(tasks[0])
        await cancelled(tasks[1])
        go.set()
        assert (await tasks[2]).token

    in_a_loop(main)
    assert (authority.count("devicecode"), len(prompts)) == (1, 1)


@pytest.mark.parametrize("how", ["each task", "cancel()"])
def test_it_ends_with_the_last_task_that_waits(make: Any, authority: Emulator, how: str) -> None:
    """Once no task waits any more, no further poll is sent, the prompt is told, and the next call shows a new code."""
    prompt = Seen()
    authority.faults.queue("token:device_code", Pending(), Hang())  # no poll is on its way when the sign-in ends

    async def main() -> None:
        credential = make(prompt_callback=prompt)
        tasks = [asyncio.create_task(credential.get_token(SCOPE)) for _ in range(4)]
        await reached(authority.wait_for, "token:device_code", 2)
        await joined(credential, 3)
        if how == "cancel()":
            credential.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(end) for end in ends} == {errors.SignInCancelledError}
        else:
            for task in tasks:
                await cancelled(task)
        while not prompt.outcomes:  # noqa: ASYNC110 - the sign-in ends after the last task
            await asyncio.sleep(0)
        given_up = {request.form["device_code"] for request in authority.requests_to("token:device_code")}
        polls = authority.count("token:device_code")
        authority.approve_all()
        assert (await credential.get_token(SCOPE)).token
        later = [request.form["device_code"] for request in authority.requests_to("token:device_code")[polls:]]
        assert given_up.isdisjoint(later)

    in_a_loop(main)
    assert len(prompt.codes) == 2
    assert prompt.outcomes == ["cancelled", "signed_in"]


def test_a_call_that_is_closed_while_it_waits(make: Any, authority: Emulator) -> None:
    """A coroutine that is destroyed, as at the end of a program, leaves no sign-in behind that goes on."""
    prompt = Seen()

    async def main() -> None:
        credential = make(prompt_callback=prompt)
        call = credential.get_token(SCOPE)
        while True:
            future = call.send(None)
            if credential._session.flights._led:
                break
            future._asyncio_future_blocking = False
            await asyncio.wait([future])
        await reached(authority.wait_for, "token:device_code")
        call.close()
        while not prompt.outcomes:  # noqa: ASYNC110 - the sign-in ends after the call
            await asyncio.sleep(0)

    in_a_loop(main)
    assert prompt.outcomes == ["cancelled"]


def test_a_code_that_is_declined_fails_for_all_who_wait(make: Any, authority: Emulator) -> None:
    """What becomes of the sign-in reaches them, whoever started it; nobody is asked again."""
    prompt = Seen()

    async def main() -> None:
        credential = make(prompt_callback=prompt)
        tasks = [asyncio.create_task(credential.get_token(SCOPE)) for _ in range(3)]
        await reached(authority.wait_for, "token:device_code")
        await joined(credential, 2)
        await cancelled(tasks[0])
        authority.decline(prompt.codes[0])
        ends = await asyncio.gather(*tasks[1:], return_exceptions=True)
        assert {type(end) for end in ends} == {errors.SignInDeclinedError}

    in_a_loop(main)
    assert len(prompt.codes) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_in_the_prompt_reaches_the_caller(make: Any, error: type[BaseException]) -> None:
    """The task that called gets it as it is; no other task of the loop is stopped by it first."""

    def show(*_: object) -> None:
        raise error

    async def main() -> type[BaseException]:
        try:
            await make(prompt_callback=show).get_token(SCOPE)
        except BaseException as interruption:  # noqa: BLE001 - what is looked at
            return type(interruption)
        raise AssertionError

    assert in_a_loop(main) is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(7)], ids=["KeyboardInterrupt", "SystemExit"])
def test_an_interruption_after_the_caller_left_stops_the_loop(make: Any, error: BaseException) -> None:
    """The sign-in goes on for a task that waits; what stops the program in it is not lost with the first caller."""
    go, prompts = asyncio.Event(), []

    async def show(*shown: Any) -> None:
        prompts.append(shown)
        await go.wait()
        raise error

    async def main() -> None:
        credential = make(prompt_callback=show)
        tasks = [asyncio.create_task(credential.get_token(SCOPE)) for _ in range(2)]
        while not prompts:  # noqa: ASYNC110 - the event would be one of this loop
            await asyncio.sleep(0)
        await joined(credential, 1)
        await cancelled(tasks[0])
        go.set()
        await tasks[1]

    with pytest.raises(type(error)) as raised:
        asyncio.run(main())
    assert raised.value is error
    assert len(prompts) == 1


@pytest.mark.parametrize("also_the_caller", [False, True], ids=["the sign-in alone", "every task"])
def test_before_the_first_step_of_the_sign_ins_own_task(
    make: Any,
    monkeypatch: pytest.MonkeyPatch,
    also_the_caller: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A program that cancels every task at the end leaves no sign-in behind that later calls would wait for."""
    genuine = asyncio.create_task

    def cancelled_at_once(work: Any) -> asyncio.Task[Any]:
        task = genuine(work)
        task.cancel()
        if also_the_caller:
            caller = asyncio.current_task()
            assert caller is not None
            caller.cancel()
        return task

    async def main() -> None:
        credential = make()
        with monkeypatch.context() as patch:
            patch.setattr("doorcode.aio.driver.asyncio.create_task", cancelled_at_once)
            call = asyncio.ensure_future(credential.get_token(SCOPE))
            await asyncio.wait([call], timeout=PATIENCE)
        assert call.cancelled()
        assert credential._session.flights._led == {}
        assert (await credential.get_token(SCOPE)).token

    in_a_loop(main)


def test_one_who_waits_leaves_alone(make: Any, authority: Emulator, person: PromptApprover) -> None:
    """Cancelling a task that waits for another's sign-in leaves that one alone."""
    held = HeldReply()
    authority.faults.queue("token:device_code", held.fault)

    async def main() -> None:
        credential = make()
        leader = asyncio.create_task(credential.get_token(SCOPE))
        waiters = [asyncio.create_task(credential.get_token(scope(number))) for number in range(5)]
        await reached(authority.wait_for, "devicecode")
        for waiter in waiters:
            await cancelled(waiter)
        held.release()
        assert (await leader).token

    in_a_loop(main)
    assert len(person.prompts) == 1


def test_a_token_that_was_under_way_is_kept(
    make: Any, authority: Emulator, person: PromptApprover, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user was done: the reply that nobody waits for any more still signs them in."""
    held = HeldReply()
    authority.faults.queue("token:device_code", held.fault)
    credential = make()
    stored = threading.Event()
    accept = reply_storage.accept_sign_in

    def accepted(*args: Any, **options: Any) -> Any:
        result = accept(*args, **options)
        stored.set()
        return result

    monkeypatch.setattr(reply_storage, "accept_sign_in", accepted)

    async def main() -> None:
        task = asyncio.create_task(credential.get_token(SCOPE))
        await reached(authority.wait_for, "token:device_code")
        await cancelled(task)
        held.release()
        await until(stored)
        assert (await credential.get_token(SCOPE)).token

    in_a_loop(main)
    assert len(person.prompts) == 1


def test_a_refresh_that_was_under_way_is_kept(make: Any, authority: Emulator, person: PromptApprover) -> None:
    """The next call waits for its reply and finds its token; nobody is asked."""
    held = HeldReply()
    authority.faults.queue("token:refresh_token", held.fault)
    credential = make()

    async def main() -> None:
        await credential.get_token(SCOPE)
        task = asyncio.create_task(credential.get_token(OTHER))
        await reached(authority.wait_for, "token:refresh_token")
        await cancelled(task)
        later = asyncio.create_task(credential.get_token(OTHER))
        await joined(credential, 1)
        held.release()
        assert (await later).token

    in_a_loop(main)
    assert authority.count("token:refresh_token") == 1
    assert len(person.prompts) == 1


async def bounded(work: Any, seconds: float) -> Any:
    """Give work so many seconds: with asyncio.timeout, where Python has it."""
    if sys.version_info < (3, 11):
        try:
            return await asyncio.wait_for(work, seconds)
        except asyncio.TimeoutError:  # another class than TimeoutError there
            raise TimeoutError from None
    async with asyncio.timeout(seconds):
        return await work


@pytest.mark.parametrize(
    ("timeout", "seconds", "error"),
    [(SHORT, AGES, errors.SignInTimedOutError), (AGES, SHORT, TimeoutError), (None, SHORT, TimeoutError)],
    ids=["the credential's", "asyncio's", "asyncio's alone"],
)
def test_both_timeouts(
    make: Any, authority: Emulator, timeout: float | None, seconds: float, error: type[Exception]
) -> None:
    """The sooner one counts."""
    credential = make(timeout=timeout, prompt_callback=lambda *_: None)

    async def main() -> float:
        begun = time.monotonic()
        with pytest.raises(error):
            await bounded(credential.get_token(SCOPE), seconds)
        return time.monotonic() - begun

    assert in_a_loop(main) >= SHORT


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_before_its_first_step(make: Any, authority: Emulator, how: str) -> None:
    """A call that never got to run sends nothing."""

    async def main() -> None:
        if how == "close":
            make().get_token(SCOPE).close()
            return
        task = asyncio.create_task(make().get_token(SCOPE))
        await cancelled(task)

    in_a_loop(main)
    assert authority.requests == []


def test_after_an_error_the_next_call_asks_anew(make: Any, tmp_path: Path, person: PromptApprover) -> None:
    """An error ends the flight and gives the lease back before its caller knows of it."""
    options = TokenCachePersistenceOptions(path=tmp_path / "tokens", encryption_key=bytes(32))
    calls: list[Callable[..., object]] = []

    def show(*shown: Any) -> None:
        calls.append(person)
        if len(calls) < 20:
            message = "no screen"
            raise RuntimeError(message)
        person(*shown)

    async def main() -> None:
        credential = make(cache_persistence_options=options, prompt_callback=show)
        for _ in range(19):
            with pytest.raises(errors.AuthenticationFailedError, match="no screen"):
                await credential.get_token(SCOPE)
        assert (await credential.get_token(SCOPE)).token

    in_a_loop(main)
    assert len(calls) == 20
