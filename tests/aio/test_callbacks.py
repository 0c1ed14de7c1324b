"""A prompt callback may be a function or a coroutine function, in any of their forms."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

import doorcode
from doorcode.emulator import Emulator, PromptApprover
from support.loops import in_a_loop
from support.signing import SCOPE

WHOSE: ContextVar[str] = ContextVar("whose")


async def show(approve: PromptApprover, *shown: Any) -> None:
    """Show a code after something else has had its turn."""
    await asyncio.sleep(0)
    approve(*shown)


class Screen:
    """An object that is called."""

    def __init__(self, approve: PromptApprover) -> None:
        self._approve = approve

    async def __call__(self, *shown: Any) -> None:
        await show(self._approve, *shown)

    async def method(self, *shown: Any) -> None:
        await show(self._approve, *shown)


FORMS: dict[str, Callable[[PromptApprover], Any]] = {
    "function": lambda approve: approve,
    "coroutine function": lambda approve: partial(show, approve),
    "lambda that returns a coroutine": lambda approve: lambda *shown: show(approve, *shown),
    "lambda that returns a task": lambda approve: lambda *shown: asyncio.ensure_future(show(approve, *shown)),
    "object": Screen,
    "method": lambda approve: Screen(approve).method,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_each_is_called_once_before_the_first_poll(
    make: Any, authority: Emulator, person: PromptApprover, form: Callable[[PromptApprover], Any]
) -> None:
    """Whatever it is, it has ended when the authority is first asked: its approval is what the first poll finds."""
    assert in_a_loop(lambda: make(prompt_callback=form(person)).get_token(SCOPE)).token
    assert len(person.prompts) == 1
    assert authority.count("token:device_code") == 1


def test_it_runs_on_the_loop_in_the_callers_context(make: Any, person: PromptApprover) -> None:
    """A plain function may touch what belongs to the loop, and sees the task's context variables."""
    seen: list[object] = []

    def callback(*shown: Any) -> None:
        seen.extend((threading.current_thread(), asyncio.get_running_loop(), WHOSE.get()))
        person(*shown)

    async def main() -> list[object]:
        WHOSE.set("Ada's")
        await make(prompt_callback=callback).get_token(SCOPE)
        return [threading.current_thread(), asyncio.get_running_loop(), "Ada's"]

    assert in_a_loop(main) == seen


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_it_raises_ends_the_sign_in(make: Any, authority: Emulator, *, asynchronous: bool) -> None:
    """The program's own error is the cause, and nothing is polled."""

    def callback(*_: object) -> None:
        message = "no screen"
        raise RuntimeError(message)

    async def coroutine(*_: object) -> None:
        callback()

    with pytest.raises(ClientAuthenticationError, match="RuntimeError: no screen") as caught:
        in_a_loop(lambda: make(prompt_callback=coroutine if asynchronous else callback).get_token(SCOPE))
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert authority.count("token") == 0


def test_the_message_is_printed_without_one(make: Any, authority: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """As the sync credential prints it."""
    authority.approve_all()
    in_a_loop(lambda: make(prompt_callback=None).get_token(SCOPE))
    assert f"{authority.url}/devicelogin" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["coroutine function", "object", "method"])
def test_a_sync_credential_refuses_one_that_nobody_would_await(person: PromptApprover, form: str) -> None:
    """The code would never be shown; the error names the class that awaits it."""
    with pytest.raises(TypeError, match="doorcode.aio"):
        doorcode.DeviceCodeCredential(prompt_callback=FORMS[form](person))
