"""What the simulation relies on: the threads' driver and asyncio's perform a flow's steps alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import Mock

import pytest

from doorcode._core.model import TokenRequest
from doorcode._core.steps import Flow, LogWarning, ReadMemory, Sleep, Step, ask
from doorcode._sync import driver
from doorcode.aio import driver as aio_driver

REQUEST = TokenRequest(("s",), "t")


@dataclass
class Record:
    """The steps that were performed, and what ended the flow; ``fails`` says which steps raise what."""

    fails: dict[int, BaseException] = field(default_factory=dict)
    taken: list[Step[Any]] = field(default_factory=list)
    released: list[BaseException | None] = field(default_factory=list)

    def perform(self, step: Step[Any]) -> object:
        """Answer a step with its number."""
        self.taken.append(step)
        if len(self.taken) in self.fails:
            raise self.fails[len(self.taken)]
        return len(self.taken)


class ThreadsDriver(driver.Driver):
    """The threads' driver, whose steps are recorded instead of performed."""

    def __init__(self, record: Record) -> None:
        super().__init__(Mock())
        self._record = record

    def perform(self, step: Step[Any]) -> object:
        return self._record.perform(step)

    def release(self, ended_by: BaseException | None) -> None:
        self._record.released.append(ended_by)


class AsyncDriver(aio_driver.Driver):
    """The same for asyncio's."""

    def __init__(self, record: Record) -> None:
        super().__init__(Mock())
        self._record = record

    async def perform(self, step: Step[Any]) -> object:
        return self._record.perform(step)

    async def release(self, ended_by: BaseException | None) -> None:
        self._record.released.append(ended_by)


def threads(flow: Flow[Any], fails: dict[int, BaseException]) -> tuple[Record, Any]:
    """Drive with threads."""
    record = Record(fails)
    return record, outcome(lambda: ThreadsDriver(record).run(flow))


def loop(flow: Flow[Any], fails: dict[int, BaseException]) -> tuple[Record, Any]:
    """Drive with asyncio."""
    record = Record(fails)
    return record, outcome(lambda: asyncio.run(AsyncDriver(record).run(flow)))


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
    record, result = drive(watched.flow(), {})
    assert result == "end"
    assert record.taken == [ReadMemory(REQUEST), LogWarning("w"), Sleep(0.0)]
    assert watched.sent == [1, 2, 3]
    assert watched.times == sorted(watched.times)
    assert record.released == [None]


@DRIVERS
@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_what_a_step_raises_closes_the_flow_and_releases_what_it_held(
    drive: Callable[..., Any], error: BaseException
) -> None:
    """The flow is closed, not resumed; what ended it is told to whoever releases."""
    watched = Watched()
    record, result = drive(watched.flow(), {2: error})
    assert type(result) is type(error)
    assert watched.left == ["closed"]
    assert record.released == [error]
    assert len(record.taken) == 2


@DRIVERS
def test_a_flow_without_a_step(drive: Callable[..., Any]) -> None:
    """It returns at once."""

    def flow() -> Flow[str]:
        return "at once"
        yield

    record, result = drive(flow(), {})
    assert (result, record.taken, record.released) == ("at once", [], [None])
