"""An error that other tasks and threads get too, while the task that it ended still gives back what it holds."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import doorcode.aio
from doorcode import _frames
from doorcode._session.step_handler import StepHandler
from doorcode.emulator import Emulator
from support.loops import in_a_loop
from support.signing import PATIENCE, SCOPE


class NoScreen(Exception):  # noqa: N818 - a program's own
    """A program's own error."""


class Own(doorcode.aio.DeviceCodeCredential):
    """A program's own class, which fails."""

    async def _request_token(self, *scopes: str, **kwargs: Any) -> dict[str, Any]:
        raise NoScreen


def test_a_task_whose_error_others_have_raised_already_ends_with_that_error(
    doorcode_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others clear the frames of the error, which must not end a coroutine that waits for its lease to go."""
    release = StepHandler.release
    loops: list[asyncio.AbstractEventLoop] = []

    def release_and_raise_elsewhere(handler: StepHandler, ended_by: BaseException | None) -> None:
        release(handler, ended_by)
        if ended_by is not None:
            waiting = threading.Event()
            loops[0].call_soon_threadsafe(waiting.set)
            assert waiting.wait(PATIENCE)
            _frames.clear(ended_by)

    async def call() -> None:
        loops.append(asyncio.get_running_loop())
        async with Own(**doorcode_emulator.credential_options) as credential:
            await credential.get_token(SCOPE)

    monkeypatch.setattr(StepHandler, "holds_lease", property(lambda _: True))
    monkeypatch.setattr(StepHandler, "release", release_and_raise_elsewhere)
    with pytest.raises(NoScreen):
        in_a_loop(call)
