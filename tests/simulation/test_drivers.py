"""What the simulation relies on: the threads' driver and asyncio's perform a flow's steps alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from doorcode._core.model import TokenRequest
from doorcode._core.steps import Flow, LogWarning, ReadMemory, Sleep, Step, ask
from doorcode._sync import cancel_scope
from doorcode.aio import cancel_scope as aio_drive

REQUEST = TokenRequest(("s",), "t")


@dataclass
class Performer:
    """Write down the steps and answer each with its number; what is in ``fails`` is raised instead."""

    fails: dict[int, BaseException] = field(default_factory=dict)
    taken: list[Step[Any]] = field(default_factory=list)
    released: list[BaseException | None] = field(default_factory=list)

    def perform(self, step: Step[Any], _wait: cancel_scope.CancelScope | None = None) -> object:
        self.taken.append(step)
        if len(self.taken) in self.fails:
            raise self.fails[len(self.taken)]
        return len(self.taken)

    def release(self, ended_by: BaseException | None) -> None:
        self.released.append(ended_by)


class AsyncPerformer(Performer):
    """The same, awaited."""

    async def perform(self, step: Step[Any], _wait: cancel_scope.CancelScope | None = None) -> object:
        return super().perform(step)

    async def release(  # type: ignore[override] # awaited by its driver
        self, ended_by: BaseException | None
    ) -> None:
        super().release(ended_by)


def threads(flow: Flow[Any], fails: dict[int, BaseException]) -> tuple[Performer, Any]:
    """Drive with threads."""
    performer = Performer(fails)
    return performer, outcome(lambda: cancel_scope.run(flow, performer, cancel_scope.CancelScope()))


def loop(flow: Flow[Any], fails: dict[int, BaseException]) -> tuple[Performer, Any]:
    """Drive with asyncio."""
    performer = AsyncPerformer(fails)
    return performer, outcome(lambda: asyncio.run(aio_drive.run(flow, performer)))


def outcome(run: Callable[[], Any]) -> Any:
    """Return what is returned, or what is raised."""
    try:
        return run()
    except BaseException as exception:  # noqa: BLE001 - it is what the test looks at
        return exception


@dataclass
class Watched:
    """A flow that writes down what it is sent, and how it is left."""

    sent: list[Any] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def flow(self) -> Flow[str]:
        try:
            steps: list[Step[Any]] = [ReadMemory(REQUEST), LogWarning("w"), Sleep(0.0)]
            for step in steps:
                at, answer = yield from ask(step)
                self.times.append(at)
                self.sent.append(answer)
        except GeneratorExit:
            self.left.append("closed")
            raise
        return "end"


DRIVERS = pytest.mark.parametrize("drive", [threads, loop], ids=["threads", "asyncio"])


@DRIVERS
def test_steps_are_performed_in_order_and_answered_with_their_time(drive: Callable[..., Any]) -> None:
    """Each answer comes back with a time that does not go back, and the flow's value is returned."""
    watched = Watched()
    performer, result = drive(watched.flow(), {})
    assert result == "end"
    assert performer.taken == [ReadMemory(REQUEST), LogWarning("w"), Sleep(0.0)]
    assert watched.sent == [1, 2, 3]
    assert watched.times == sorted(watched.times)
    assert performer.released == [None]


@DRIVERS
@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_what_a_step_raises_closes_the_flow_and_releases_what_it_held(
    drive: Callable[..., Any], error: BaseException
) -> None:
    """The flow is closed, not resumed; what ended it is told to whoever releases."""
    watched = Watched()
    performer, result = drive(watched.flow(), {2: error})
    assert type(result) is type(error)
    assert watched.left == ["closed"]
    assert performer.released == [error]
    assert len(performer.taken) == 2


@DRIVERS
def test_a_flow_without_a_step(drive: Callable[..., Any]) -> None:
    """It returns at once."""

    def flow() -> Flow[str]:
        return "at once"
        yield

    performer, result = drive(flow(), {})
    assert (result, performer.taken, performer.released) == ("at once", [], [None])
