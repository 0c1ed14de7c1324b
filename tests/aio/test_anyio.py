"""Programs of anyio: on asyncio with doorcode.aio; under trio with doorcode in a thread, as docs/asyncio.md has it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

import doorcode
from doorcode.emulator import Emulator, Hang, PromptApprover
from support.examples import ROOT, examples
from support.signing import OTHER, PATIENCE, SCOPE

Token = Callable[..., Coroutine[Any, Any, str]]


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> Token:
    """Give the function of the page that gets a token in a thread."""
    monkeypatch.setattr(anyio, "run", lambda *_: None)
    (example,) = (each for each in examples(ROOT / "docs" / "asyncio.md") if "anyio.run(" in str(each.parsed))
    example.evaluate()
    monkeypatch.undo()
    found: Token = example.namespace["token"]
    return found


def test_cancel_scopes_and_task_groups(make: Any, authority: Emulator, person: PromptApprover) -> None:
    """A cancel scope ends a sign-in, and a task group's tasks share one."""
    waiting = make(prompt_callback=lambda *_: None)
    credential = make()
    tokens: list[str] = []

    async def get(scope: str) -> None:
        tokens.append((await credential.get_token(scope)).token)

    async def main() -> None:
        with anyio.move_on_after(0.2) as scope:
            await waiting.get_token(SCOPE)
        assert scope.cancelled_caught
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(get, SCOPE)
                group.start_soon(get, OTHER)

    anyio.run(main)
    assert len(set(tokens)) == 2
    assert len(person.prompts) == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_ordinary_credential_in_a_thread(make: Any, authority: Emulator, token: Token, backend: str) -> None:
    """It signs in, and a cancelled scope cancels the sign-in."""
    credential = make(credential_class=doorcode.DeviceCodeCredential)
    assert anyio.run(token, credential, SCOPE, backend=backend)
    waiting = make(credential_class=doorcode.DeviceCodeCredential, prompt_callback=lambda *_: None)
    authority.faults.queue("token:device_code", Hang())  # no poll is on its way when the scope is cancelled

    async def main() -> None:
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(token, waiting, SCOPE)
                await anyio.to_thread.run_sync(authority.wait_for, "token:device_code", 2)
                group.cancel_scope.cancel()

    anyio.run(main, backend=backend)
    waiting.close()
    polled = {request.form["device_code"] for request in authority.requests_to("token:device_code")}
    before = authority.count("token:device_code")
    assert anyio.run(token, make(credential_class=doorcode.DeviceCodeCredential), SCOPE, backend=backend)
    later = [request.form["device_code"] for request in authority.requests_to("token:device_code")[before:]]
    assert [code for code in later if code in polled] == []


def test_the_asyncio_one_under_trio(make: Any) -> None:
    """The error says what to do instead."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match="under trio"):
            await make().get_token(SCOPE)

    anyio.run(main, backend="trio")
