"""The locks between real processes: ours and msal-extensions' in both of its modes, killed ones, forked ones."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from cache.harness import Program, Start
from doorcode.cache import StoreLocked
from doorcode.cache._locks.lease import try_lease
from doorcode.cache._locks.lock import GRACE, CacheLock

MODES = ["portalocker", "existence"]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Give the path of a file that is not there yet."""
    return str(tmp_path / "cache.lockfile")


def is_free(path: str) -> bool:
    """Try for the lock without waiting."""
    try:
        with CacheLock(path, wait_timeout=0).hold():
            return True
    except StoreLocked:
        return False


def waits_to_take(path: str) -> float:
    """Take the lock and return the seconds that were slept for it."""
    slept: list[float] = []
    done = threading.Event()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        done.wait(seconds)

    with CacheLock(path, sleep=sleep).hold():
        return sum(slept)


@pytest.mark.parametrize("kind", ["ours", *MODES])
def test_waits_for_a_holder_in_another_process(path: str, start: Start, kind: str) -> None:
    """Whoever holds the lock, ours waits, and has it as soon as it is released."""
    holder = start("hold", kind, path)
    assert holder.hear() == "held"
    assert not is_free(path)
    holder.say()
    assert holder.hear() == "released"
    assert is_free(path)


@pytest.mark.parametrize("kind", MODES)
def test_keeps_msal_extensions_out(path: str, start: Start, kind: str) -> None:
    """While ours holds the lock, msal-extensions in neither mode gets it; afterwards it does."""
    with CacheLock(path).hold():
        other = start("hold", kind, path)
        # Its first try has failed by the time that it says so at DEBUG; it goes on trying for five seconds.
        assert other.hear() == "waiting"
    assert other.hear() == "held"


@pytest.mark.parametrize("kind", ["ours", "portalocker"])
def test_sees_that_the_owner_of_a_kernel_lock_is_killed(path: str, start: Start, kind: str) -> None:
    """A killed holder's lock is had at once where ours left it, and after a short look where another library did."""
    holder = start("hold", kind, path)
    holder.hear()
    holder.kill()
    assert Path(path).exists()
    assert waits_to_take(path) < (0.001 if kind == "ours" else GRACE * 1.5)
    assert not Path(path).exists()


def test_sees_that_the_owner_of_a_bare_file_is_killed(path: str, start: Start) -> None:
    """What msal-extensions without portalocker leaves when killed stops its own writes for good, and none of ours."""
    holder = start("hold", "existence", path)
    holder.hear()
    holder.kill()
    assert waits_to_take(path) < GRACE * 1.5


@pytest.mark.parametrize("kind", MODES)
def test_msal_extensions_can_lock_after_ours(path: str, kind: str) -> None:
    """Ours leaves nothing behind that msal-extensions would trip over."""
    with CacheLock(path).hold():
        pass
    module = import_module({"portalocker": "msal_extensions.cache_lock", "existence": "msal_extensions.filelock"}[kind])
    with module.CrossPlatLock(path):
        assert Path(path).exists()


def fork(check: Callable[[], bool]) -> int:
    """Run a check in a forked child; return its exit status, 0 when the check was true."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: the test runner's
        child = os.fork()
    if child == 0:
        try:
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_neither_has_nor_frees_the_lock(path: str) -> None:
    """The lock stays the parent's: the child does not get it, and its end leaves it held."""
    with CacheLock(path).hold():
        assert fork(lambda: not is_free(path)) == 0
        assert not is_free(path)
        assert Path(path).exists()


def test_a_forked_child_that_outlives_its_parent_does_not_keep_the_lock(path: str, start: Start) -> None:
    """A child forked while the lock was held has no copy of it: once the parent is killed, the lock is free."""
    holder = start("fork", path)
    assert holder.hear() == "held"
    holder.kill()
    assert is_free(path)


def test_a_forked_child_releasing_does_nothing(path: str) -> None:
    """A child that leaves the block of a lock, or releases a lease, that its parent took gives nobody else access."""
    lease = try_lease(path)
    assert lease is not None

    def release_and_try() -> bool:
        lease.release()
        return try_lease(path) is None

    assert fork(release_and_try) == 0
    assert try_lease(path) is None
    lease.release()


def test_a_lease_is_seen_by_other_processes_and_ends_with_its_holder(path: str, start: Start) -> None:
    """Another process is refused while the holder lives, and not after it is killed; the file stays."""
    holder: Program = start("lease", path)
    assert holder.hear() == "held"
    assert try_lease(path) is None
    other = start("lease", path)
    assert other.hear() == "refused"
    holder.kill()
    lease = try_lease(path)
    assert lease is not None
    lease.release()
    assert Path(path).exists()
