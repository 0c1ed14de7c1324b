"""The fair queue in which this library's own writers wait for the lock."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from cache.harness import Start, require
from doorcode.cache import StoreLocked
from doorcode.cache._files.system import on_linux
from doorcode.cache._locks.byte_lock import is_locked, lock_byte
from doorcode.cache._locks.fair_queue import NEXT_PAUSE, PAUSE, FairQueue
from doorcode.cache._locks.flock import LockedFile, LockResult
from doorcode.cache._locks.lock import CacheLock, cache_lock
from doorcode.cache._stores.file import FileStore

GOOD = b'{"a": 1}'
WRITES = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a file that is not there yet."""
    return tmp_path / "cache.write.lock"


@pytest.fixture(autouse=True)
def _on_linux() -> None:
    require(on_linux(), "only Linux locks bytes for an open file")


class Waiting:
    """A queue that waits by a clock of its own; what is to happen meanwhile happens at a wait."""

    def __init__(self, path: Path, arrival: int = 100) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.events: list[object] = []
        self.queue = FairQueue(str(path), clock=lambda: self.now, now=lambda: arrival, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        event = self.events.pop(0) if self.events else None
        if isinstance(event, LockedFile):
            event.close()
        elif isinstance(event, BaseException):
            raise event


def enter(path: Path, arrival: int) -> LockedFile:
    """Enter the queue at a time, when it is one's turn."""
    turn = Waiting(path, arrival).queue.enter(0)
    assert turn is not None
    return turn


def enter_now(path: Path) -> bool:
    """Tell whether it is one's turn at once."""
    try:
        turn = FairQueue(str(path)).enter(0)
    except TimeoutError:
        return False
    assert turn is not None
    turn.close()
    return True


def test_is_ones_turn_at_once_where_nobody_waits(path: Path) -> None:
    """The first makes the file, 0600, which stays."""
    assert enter_now(path)
    assert enter_now(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_comes_to_ones_turn(path: Path) -> None:
    """Whoever waits is next when the turn before ends, and only looks often once nobody else is ahead."""
    # They are there before their turn: only who arrives later waits.
    second, first = enter(path, 20), enter(path, 10)
    waiting = Waiting(path)
    waiting.events = [None, first, None, second]
    turn = waiting.queue.enter(60)
    assert turn is not None
    assert waiting.pauses == [PAUSE, PAUSE, NEXT_PAUSE, NEXT_PAUSE]
    assert not enter_now(path)
    turn.close()
    assert enter_now(path)


def test_turns_come_in_the_order_of_arrival(path: Path) -> None:
    """One that arrived later waits for one that still waits itself."""
    first = enter(path, 10)
    descriptor = os.open(path, os.O_RDWR)
    assert lock_byte(descriptor, 20) is LockResult.HELD
    first.close()
    with pytest.raises(TimeoutError):
        Waiting(path, 30).queue.enter(0)
    os.close(descriptor)
    enter(path, 30).close()


def test_two_may_arrive_at_one_moment(path: Path) -> None:
    """The second is behind the first."""
    first = enter(path, 10)
    with pytest.raises(TimeoutError):
        Waiting(path, 10).queue.enter(0)
    first.close()
    enter(path, 10).close()


def test_waits_as_long_as_the_queue_moves(path: Path) -> None:
    """The time to wait counts anew with each that leaves the queue, and ends it where none does."""
    ahead = [enter(path, 30 - number) for number in range(20)]
    waiting = Waiting(path)
    waiting.events = [event for turn in ahead[:-1] for event in (None, turn)]
    with pytest.raises(TimeoutError):
        waiting.queue.enter(3 * PAUSE)
    assert not any(turn.open for turn in ahead[:-1])
    assert waiting.now > 20 * PAUSE
    ahead[-1].close()
    assert enter_now(path)


def test_lets_the_turn_pass_of_whoever_gave_up(path: Path) -> None:
    """A wait that was too long leaves nobody in the queue."""
    first = enter(path, 10)
    with pytest.raises(TimeoutError):
        Waiting(path).queue.enter(0.01)
    first.close()
    assert enter_now(path)


def test_an_interrupted_wait_holds_up_nobody(path: Path) -> None:
    """Ctrl-C in the queue gives the turn up."""
    first = enter(path, 10)
    waiting = Waiting(path)
    waiting.events = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        waiting.queue.enter(60)
    first.close()
    assert enter_now(path)


def test_a_stuck_process_leaves_no_thread_and_no_descriptor(tmp_path: Path, start: Start) -> None:
    """Thirty writes that wait in vain for a process that is stuck leave nothing behind, and it holds up none after."""
    path = tmp_path / "cache"
    stuck = start("enter_queue", f"{path}.write.lock")
    assert stuck.hear() == "entered"
    queue = FairQueue(f"{path}.write.lock")
    store = FileStore(str(path), lock=CacheLock(f"{path}.lockfile", wait_timeout=0.01, queue=queue))
    threads, descriptors = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(WRITES):
        with pytest.raises(StoreLocked):
            store.update(lambda _: GOOD)
    # What other tests have left may end meanwhile.
    assert threading.active_count() <= threads
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors
    stuck.kill()
    store.update(lambda _: GOOD)
    assert store.load().data == GOOD


def test_a_forked_childs_copy_holds_up_nobody(path: Path, start: Start) -> None:
    """A child that was forked in its parent's turn keeps no turn once the parent has left the queue."""
    program = start("enter_queue", path, "fork")
    assert program.hear() == "entered"
    assert not enter_now(path)
    program.say()
    assert program.hear() == "left"
    assert enter_now(path)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EINVAL])
def test_there_is_no_queue_where_there_can_be_none(path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Without a directory, or without such locks on the system or the file system, processes race for the lock."""
    assert FairQueue(str(path / "no" / "directory")).enter(0) is None

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr("fcntl.fcntl", refuse)
        assert FairQueue(str(path)).enter(0) is None
    with monkeypatch.context() as patched:
        patched.setattr("doorcode.cache._locks.fair_queue.is_locked", refuse)
        assert FairQueue(str(path)).enter(0) is None
    monkeypatch.setattr("doorcode.cache._locks.byte_lock.on_linux", lambda: False)
    assert FairQueue(str(path)).enter(0) is None


def test_finds_the_locked_byte(path: Path) -> None:
    """A byte that another open file has locked is found within the bounds that are asked about."""
    turn = enter(path, 10)
    descriptor = os.open(path, os.O_RDWR)
    assert [is_locked(descriptor, *bounds) for bounds in ((0, 10), (0, 11), (10, 11), (11, 20))] == [None, 10, 10, None]
    os.close(descriptor)
    turn.close()


def test_a_lock_waits_in_the_queue_no_longer_than_its_timeout(tmp_path: Path) -> None:
    """Who is held up in the queue is told who has the lock."""
    path = str(tmp_path / "cache")
    brief = CacheLock(f"{path}.lockfile", wait_timeout=0.01, queue=FairQueue(f"{path}.write.lock"))
    with (
        cache_lock(path).hold(),
        pytest.raises(StoreLocked, match=f"process {os.getpid()} has held"),
        brief.hold(),
    ):
        pytest.fail("the lock was held")


def test_a_lock_that_cannot_be_had_leaves_the_queue(tmp_path: Path) -> None:
    """An error of the lock itself ends the turn."""
    path = tmp_path / "cache"
    (tmp_path / "cache.lockfile").symlink_to("elsewhere")
    with pytest.raises(Exception, match="symbolic link") as caught, cache_lock(str(path)).hold():
        pytest.fail("a link was followed")
    assert getattr(caught.value, "errno", None) == errno.ELOOP
    assert enter_now(tmp_path / "cache.write.lock")
