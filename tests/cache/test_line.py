"""The line in which our own writers wait for the lock."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from doorcode.cache import StoreLocked
from doorcode.cache._flock import Grip
from doorcode.cache._line import Line
from doorcode.cache._lock import CacheLock, cache_lock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a file that is not there yet."""
    return tmp_path / "cache.write.lock"


def enter_now(path: Path) -> bool:
    """Tell whether it is one's turn at once."""
    try:
        turn = Line(str(path)).enter(0)
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
    """Whoever waits is next when the turn before ends."""
    first = Line(str(path)).enter(0)
    assert first is not None
    waiting, entered = threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        turn = Line(str(path)).enter(60)
        assert turn is not None
        entered.set()
        turn.close()

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait()
    assert not entered.is_set()
    first.close()
    thread.join()
    assert entered.is_set()
    assert enter_now(path)


def test_lets_the_turn_pass_of_whoever_gave_up(path: Path) -> None:
    """A wait that was too long leaves nobody in the line."""
    first = Line(str(path)).enter(0)
    assert first is not None
    with pytest.raises(TimeoutError):
        Line(str(path)).enter(0.01)
    before = threading.enumerate()
    first.close()
    for thread in before:
        if thread.name == "doorcode-line":
            thread.join()
    assert enter_now(path)


@pytest.mark.parametrize("late", [False, True], ids=["while waiting", "as its turn comes"])
def test_an_interrupted_wait_holds_up_nobody(path: Path, *, late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the line gives the turn up, even when it comes at that moment."""
    first = Line(str(path)).enter(0)
    assert first is not None
    wait = threading.Event.wait

    def interrupt(event: threading.Event, timeout: float | None = None) -> bool:
        if timeout != 60:
            return wait(event, timeout)
        if late:
            first.close()
            wait(event)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Event, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Line(str(path)).enter(60)
    waiting = [thread for thread in threading.enumerate() if thread.name == "doorcode-line"]
    first.close()
    for thread in waiting:
        thread.join()
    assert enter_now(path)


def test_there_is_no_line_where_there_can_be_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file, without the kernel's locks, or on Windows, luck has to do."""
    assert Line(str(path / "no" / "directory")).enter(0) is None
    monkeypatch.setattr("doorcode.cache._line.try_lock", lambda _: Grip.UNSUPPORTED)
    assert Line(str(path)).enter(0) is None
    monkeypatch.setattr("doorcode.cache._line.try_lock", lambda _: Grip.TAKEN)
    monkeypatch.setattr("doorcode.cache._line.on_windows", lambda: True)
    assert Line(str(path)).enter(0) is None


def test_a_lock_waits_in_line_no_longer_than_its_patience(tmp_path: Path) -> None:
    """Who is held up in the line is told who has the lock."""
    path = str(tmp_path / "cache")
    impatient = CacheLock(f"{path}.lockfile", patience=0.01, line=Line(f"{path}.write.lock"))
    with cache_lock(path).hold(), pytest.raises(StoreLocked, match=f"process {os.getpid()} has held"), impatient.hold():
        pytest.fail("the lock was held")


def test_a_lock_that_cannot_be_had_leaves_the_line(tmp_path: Path) -> None:
    """An error of the lock itself ends the turn."""
    path = tmp_path / "cache"
    (tmp_path / "cache.lockfile").symlink_to("elsewhere")
    with pytest.raises(Exception, match="symbolic link") as caught, cache_lock(str(path)).hold():
        pytest.fail("a link was followed")
    assert getattr(caught.value, "errno", None) == errno.ELOOP
    assert enter_now(tmp_path / "cache.write.lock")
