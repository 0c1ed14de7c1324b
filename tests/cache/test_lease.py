from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from doorcode._core.flows.leases import LeaseHolder
from doorcode.cache import StoreError
from doorcode.cache._locks.flock import LockResult, try_lock
from doorcode.cache._locks.lease import FileLease, FileLeases, try_lease
from doorcode.cache._locks.lease_note import holder_in
from support.signing import together

EPOCH = 1_700_000_000.0


def test_makes_a_private_file_that_stays(tmp_path: Path) -> None:
    """The lease's file is 0600 whatever the umask is, and is not removed."""
    before = os.umask(0)
    try:
        lease = try_lease(str(tmp_path / "c.refresh.lock"))
    finally:
        os.umask(before)
    assert lease is not None
    lease.release()
    assert (tmp_path / "c.refresh.lock").stat().st_mode & 0o777 == 0o600


def test_does_not_follow_a_planted_link(tmp_path: Path) -> None:
    """A link in its place is an error."""
    (tmp_path / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(StoreError) as caught:
        try_lease(str(tmp_path / "lock"))
    assert caught.value.errno == errno.ELOOP
    assert not (tmp_path / "victim").exists()


def test_takes_a_new_file_when_somebody_removed_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that vanishes between its opening and its locking leases nothing; when it always does, nobody gets one."""
    path = tmp_path / "lock"
    losses = iter(range(1))

    def lock_and_lose(descriptor: int) -> LockResult:
        if next(losses, None) is not None:
            path.unlink()
        return try_lock(descriptor)

    monkeypatch.setattr("doorcode.cache._locks.lease.try_lock", lock_and_lose)
    lease = try_lease(str(path))
    assert lease is not None
    lease.release()
    losses = iter(range(100))
    assert try_lease(str(path)) is None


class Clock:
    """A monotonic clock and the wall's, which move only when told to."""

    def __init__(self) -> None:
        self.at = 0.0
        self.wall = EPOCH

    def leases(self) -> FileLeases:
        """Return the leases of one more process."""
        return FileLeases(lambda: self.at, lambda: self.wall)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Give the path of a lease file that is not there yet."""
    return str(tmp_path / "c.refresh.lock")


def taken(leases: FileLeases, path: str, seconds: float = 10) -> FileLease:
    """Return a lease that must be free."""
    lease = leases.take(path, seconds)
    assert lease is not None
    return lease


def test_a_holder_that_says_nothing_for_too_long_loses_its_lease_to_one_process(path: str) -> None:
    """A stopped process keeps the kernel's lock; the others go on without it, one at a time as before."""
    clock = Clock()
    stopped, waiting = taken(clock.leases(), path), [clock.leases() for _ in range(8)]
    for clock.at in (0.0, 5.0, 9.9):
        assert [leases.take(path, 10) for leases in waiting] == [None] * 8
    clock.at = 10.1
    leases = [lease for lease in together(8, lambda number: waiting[number].take(path, 10)) if lease is not None]
    assert len(leases) == 1
    # What was stopped wakes up: it learns that the lease is not its own any more, and does no harm to the new one.
    assert not stopped.renew(10)
    stopped.release()
    assert isinstance(leases[0], FileLease)
    assert leases[0].renew(10)
    assert clock.leases().take(path, 10) is None


def test_a_holder_that_goes_on_keeps_its_lease(path: str) -> None:
    """Each renewal counts from then on, and so does each next holder."""
    clock = Clock()
    leases, waiting = clock.leases(), clock.leases()
    lease = taken(leases, path)
    for clock.at in (0.0, 9.0, 18.0, 27.0):
        assert waiting.take(path, 10) is None
        assert lease.renew(10)
    for clock.at in (36.0, 45.0, 54.0):
        lease.release()
        lease = taken(clock.leases(), path)
        assert waiting.take(path, 10) is None


def test_a_clock_of_the_wall_that_jumps_takes_no_lease_away(path: str) -> None:
    """How long a refresh may take is measured by the process that waits."""
    clock = Clock()
    lease, waiting = taken(clock.leases(), path), clock.leases()
    assert waiting.take(path, 10) is None
    clock.wall += 7200
    clock.at = 5.0
    assert waiting.take(path, 10) is None
    assert lease.renew(10)


def test_what_is_over_by_the_wall_clock_is_waited_for_no_longer(path: str) -> None:
    """A process that comes late does not count a device code's fifteen minutes anew."""
    clock = Clock()
    lease = taken(clock.leases(), path)
    assert lease.renew(905, until=EPOCH + 900)
    clock.at, clock.wall = 880.0, EPOCH + 880
    late = clock.leases()
    assert late.take(path, 10) is None
    clock.at, clock.wall = 899.0, EPOCH + 899
    assert late.take(path, 10) is None
    clock.at, clock.wall = 901.0, EPOCH + 901
    assert late.take(path, 10) is not None


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\nnot JSON", b"\n[]", b'\n{"name": "x"}', b'\n{"seconds": -1}', b"\n\xff"],
    ids=["none", "empty", "text", "a list", "no time", "a negative time", "no UTF-8"],
)
def test_a_holder_that_left_no_word_has_the_time_that_others_would_need(path: str, content: bytes) -> None:
    """An older version of this library writes nothing into the file."""
    clock = Clock()
    Path(path).write_bytes(content)
    lease, waiting = try_lease(path), clock.leases()
    assert lease is not None
    assert waiting.take(path, 10) is None
    assert holder_in(path) is None
    clock.at = 9.0
    assert waiting.take(path, 10) is None
    clock.at = 10.1
    assert waiting.take(path, 10) is not None


def test_what_a_lease_file_says_of_its_holder(path: str) -> None:
    """Its number, its machine and, where it knows that, until when; nothing once it is done."""
    assert holder_in(path) is None
    lease = taken(FileLeases(), path)
    host = os.uname().nodename
    assert holder_in(path) == LeaseHolder(os.getpid(), host, None)
    lease.renew(10, EPOCH)
    assert holder_in(path) == LeaseHolder(os.getpid(), host, EPOCH)
    lease.release()
    lease.release()
    assert holder_in(path) is None
    assert not lease.renew(10)


def test_a_name_of_a_machine_is_safe_to_print(path: str) -> None:
    """Whoever may write the file may write anything into it."""
    Path(path).write_text('\n{"seconds": 1, "process": "x", "host": "a\\u001b[2J\\r\\nb"}')
    assert holder_in(path) == LeaseHolder(None, "a[2J b", None)


def test_another_process_that_takes_the_lease_away_is_waited_for(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process at a time removes the file: two could remove each other's."""
    clock = Clock()
    lease, waiting = taken(clock.leases(), path), clock.leases()
    assert waiting.take(path, 10) is None
    monkeypatch.setattr("doorcode.cache._locks.lease.try_lock", lambda _descriptor: LockResult.TAKEN)
    clock.at = 11.0
    assert waiting.take(path, 10) is None
    monkeypatch.undo()
    assert waiting.take(path, 10) is not None
    assert not lease.renew(10)


def test_a_lease_is_taken_away_where_directories_cannot_be_opened(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows opens none."""
    clock = Clock()
    lease, waiting = taken(clock.leases(), path), clock.leases()
    assert waiting.take(path, 10) is None
    really = os.open

    def only_files(name: str, *rest: Any) -> int:
        if name == str(Path(path).parent):
            raise PermissionError(errno.EACCES, "Permission denied")
        return really(name, *rest)

    monkeypatch.setattr("os.open", only_files)
    clock.at = 11.0
    assert waiting.take(path, 10) is not None
    assert not lease.renew(10)


def test_a_file_that_cannot_be_removed_is_an_error(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows no open file can be: the process then goes on alone."""
    clock = Clock()
    lease, waiting = taken(clock.leases(), path), clock.leases()
    assert waiting.take(path, 10) is None

    def refuse(name: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", name)

    monkeypatch.setattr("os.unlink", refuse)
    clock.at = 11.0
    with pytest.raises(StoreError, match="cannot remove .*Permission denied"):
        waiting.take(path, 10)
    assert lease.renew(10)


def test_a_file_that_goes_while_it_is_looked_at_is_no_error(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process took it away, or somebody cleaned up."""
    clock = Clock()
    lease, waiting = taken(clock.leases(), path), clock.leases()
    assert waiting.take(path, 10) is None
    really = os.utime

    def gone(*arguments: Any, **named: Any) -> None:
        Path(path).unlink()
        really(*arguments, **named)

    monkeypatch.setattr("os.utime", gone)
    assert waiting.take(path, 10) is None
    assert not lease.renew(10)


def test_a_full_disk_stops_no_lease(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's lock holds without a note."""

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.write", full)
    lease = taken(FileLeases(), path)
    assert holder_in(path) is None
    assert FileLeases().take(path, 10) is None
    lease.release()


def test_a_file_that_is_locked_for_reading_says_nothing(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read is no note."""
    lease = taken(FileLeases(), path)

    def refuse(_descriptor: int, _count: int) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.read", refuse)
    assert holder_in(path) is None
    lease.release()


@pytest.mark.parametrize("interrupted", ["os.path.samestat", "os.urandom", "os.write"])
def test_one_that_ctrl_c_meets_while_it_is_taken_is_given_back(
    path: str, monkeypatch: pytest.MonkeyPatch, interrupted: str
) -> None:
    """Otherwise a notebook that goes on would keep it, and other processes would wait for their own time to be over."""
    clock = Clock()

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(interrupted, interrupt)
        with pytest.raises(KeyboardInterrupt):
            clock.leases().take(path, 10)
    taken(clock.leases(), path).release()
