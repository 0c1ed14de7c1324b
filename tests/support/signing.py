"""What the tests of a credential share: scopes, threads that never hang a run, replies made to measure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from doorcode.emulator import Edit

T = TypeVar("T")

SCOPE = "https://r.example/.default"
OTHER = "https://s.example/.default"
ADA = "ada@contoso.example"
GRACE = "grace@contoso.example"
PATIENCE = 60.0
"""Seconds after which a test that waits has failed: a busy machine does not need as many for anything here."""
AGES = 1000.0
"""Seconds that are longer than any test takes: what would last as long has not been waited for."""


def start(work: Callable[[], T]) -> Future[T]:
    """Do something in a daemon thread."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as exception:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(exception)

    threading.Thread(target=run, daemon=True).start()
    return future


def outcome(work: Callable[[], T]) -> T | BaseException:
    """Return what a call returns, or raises."""
    try:
        return work()
    except BaseException as exception:  # noqa: BLE001 - the caller looks at it
        return exception


def together(count: int, work: Callable[[int], T]) -> list[T | BaseException]:
    """Do something in many threads at the same moment, and return what each returned or raised."""
    gate = threading.Barrier(count)

    def wait_and_work(number: int) -> T | BaseException:
        gate.wait(PATIENCE)
        return outcome(lambda: work(number))

    futures = [start(lambda number=number: wait_and_work(number)) for number in range(count)]  # type: ignore[misc]
    return [future.result(PATIENCE) for future in futures]


def changed(**fields: Any) -> Edit:
    """Answer as usual, with these fields changed; None leaves one out."""

    def change(content: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in {**content, **fields}.items() if value is not None}

    return Edit(change)


def raw(**fields: Any) -> Edit:
    """Answer as usual, with these fields changed; None is null."""
    return Edit(lambda content: {**content, **fields})
