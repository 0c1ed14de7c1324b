"""The lock's rules, with a clock and a process table that stand still until moved."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from doorcode.cache import StoreError, StoreLocked
from doorcode.cache._files.host import here
from doorcode.cache._locks import flock as flock_module
from doorcode.cache._locks.flock import LockedFile, LockResult, try_lock
from doorcode.cache._locks.lock import GRACE, STALE_AFTER, CacheLock, process_lives

DEAD = 3_999_999


class World:
    """A clock that moves by what is slept, and processes that live as told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.monotonic = 100.0
        self.wall = 1_700_000_000.0
        self.slept = 0.0
        self.living = {os.getpid()}
        self.at_sleep: Callable[[], None] = lambda: None
        self.lock = CacheLock(
            str(path),
            clock=lambda: self.monotonic,
            now=lambda: self.wall,
            sleep=self.sleep,
            lives=lambda pid: pid in self.living,
        )

    def sleep(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds
        self.slept += seconds
        self.at_sleep()

    def leave(self, content: bytes, age: float = 0.0) -> None:
        """Leave a lock file behind as a process without the kernel's lock does."""
        self.path.write_bytes(content)
        os.utime(self.path, (self.wall - age, self.wall - age))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a world around a lock file."""
    return World(tmp_path / "cache.lockfile")


def test_makes_a_private_file_and_removes_it(world: World) -> None:
    """While held there is a file, 0600, that names the process; afterwards there is none."""
    before = os.umask(0)
    try:
        with world.lock.hold():
            assert world.path.stat().st_mode & 0o777 == 0o600
            assert world.path.read_bytes().split()[0] == str(os.getpid()).encode()
    finally:
        os.umask(before)
    assert not world.path.exists()


def test_is_given_back_after_an_error(world: World) -> None:
    """An exception inside passes and leaves no lock."""
    with pytest.raises(ZeroDivisionError), world.lock.hold():
        raise ZeroDivisionError
    assert not world.path.exists()


def test_is_given_back_where_the_release_is_interrupted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the file is removed leaves the file, but not the kernel's lock: the next caller need not wait."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", interrupt)
        with pytest.raises(KeyboardInterrupt), world.lock.hold():
            pass
    assert world.path.exists()
    with world.lock.hold():
        pass
    assert world.slept < STALE_AFTER
    assert not world.path.exists()


@pytest.mark.parametrize("content", [None, b"%d prog\nflock" % DEAD], ids=["a new file", "a dead process's"])
def test_is_given_back_where_ctrl_c_meets_its_taking(
    world: World, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    """The file may be left; the kernel's lock on it is not, so that no process waits until this one ends."""
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)  # as on a system that cannot name a nameless file
    if content is not None:
        world.leave(content)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", interrupt)
        with pytest.raises(KeyboardInterrupt), world.lock.hold():
            pass
    with world.lock.hold():
        pass
    assert world.slept < STALE_AFTER


def test_lets_others_have_a_turn(world: World) -> None:
    """Who has just released the lock waits a moment before taking it again."""
    with world.lock.hold():
        pass
    assert world.slept == 0
    with world.lock.hold():
        pass
    assert 0 < world.slept < 0.02


def test_takes_what_our_own_killed_process_left_at_once(world: World) -> None:
    """A file that says its owner held the kernel's lock, and is not locked, is taken without any wait."""
    world.leave(f"{os.getpid()} prog\nflock".encode())
    with world.lock.hold():
        pass
    assert world.slept == 0


@pytest.mark.parametrize(
    "content", [b"%d prog" % DEAD, b"{%d} {prog}" % DEAD], ids=["msal-extensions", "Go's azidentity"]
)
def test_takes_what_a_dead_process_left(world: World, content: bytes) -> None:
    """A file that another library's dead process left is taken after a short look, in which it did not change."""
    world.leave(content)
    with world.lock.hold():
        assert world.path.read_bytes().startswith(str(os.getpid()).encode())
    assert GRACE <= world.slept < GRACE + 0.05


@pytest.mark.parametrize("content", [b"", b"prog", b"99999999999999999999 prog", b"\xff"])
def test_takes_an_old_file_that_names_nobody(world: World, content: bytes) -> None:
    """A file that tells nothing of its owner is taken when it is older than ten seconds, and not before."""
    world.leave(content, age=STALE_AFTER - 1)
    with world.lock.hold():
        pass
    assert 0.9 < world.slept < 1.2


def test_takes_an_old_file_whose_process_number_is_in_use_again(world: World) -> None:
    """A number that lives proves nothing once the file is ten seconds old and nobody locked it."""
    world.leave(f"{os.getpid()} prog".encode(), age=STALE_AFTER + 1)
    with world.lock.hold():
        pass
    assert world.slept < GRACE + 0.05


def test_waits_for_a_living_process_without_the_kernels_lock(world: World) -> None:
    """msal-extensions without portalocker holds the lock by the file alone, and is waited for."""
    world.leave(f"{os.getpid()} prog".encode())

    def remove_after_a_second() -> None:
        if world.slept > 1 and world.path.exists():
            world.path.unlink()

    world.at_sleep = remove_after_a_second
    with world.lock.hold():
        pass
    assert 1 < world.slept < 1.1


def test_watching_starts_again_when_the_file_changes(world: World) -> None:
    """A new file of the same name is somebody else's, however long its forerunner was watched."""
    world.leave(b"%d prog" % DEAD)

    def change_once() -> None:
        if world.slept >= GRACE * 0.75:
            world.leave(b"%d prog" % DEAD)
            world.at_sleep = lambda: None

    world.at_sleep = change_once
    with world.lock.hold():
        pass
    assert GRACE * 1.75 <= world.slept < GRACE * 1.75 + 0.05


def test_a_clock_set_back_does_not_keep_a_stale_file_alive(world: World) -> None:
    """With a file from the future, ten seconds of watching it decide."""
    world.leave(b"", age=-3600)
    with world.lock.hold():
        pass
    assert STALE_AFTER <= world.slept < STALE_AFTER + 0.1


def test_gives_up_with_the_holders_name(world: World) -> None:
    """The error of a wait that is too long names the process, the file and what to do."""
    short_wait = CacheLock(str(world.path), wait_timeout=3, clock=lambda: world.monotonic, sleep=world.sleep)
    with (
        CacheLock(str(world.path)).hold(),
        pytest.raises(StoreLocked, match=f"process {os.getpid()} has held") as caught,
        short_wait.hold(),
    ):
        pytest.fail("the lock was held")
    assert caught.value.where == str(world.path)
    assert 3 <= world.slept < 3.1


def test_gives_up_on_a_file_that_is_gone_by_then(world: World) -> None:
    """The error does without a name where none can be read any more."""
    short_wait = CacheLock(str(world.path), wait_timeout=0, clock=lambda: world.monotonic, sleep=world.sleep)
    world.leave(b"")
    world.path.unlink()
    world.path.mkdir()
    with pytest.raises(StoreError), short_wait.hold():
        pytest.fail("a directory is no lock")
    assert "another process" in str(short_wait._too_long(1.0))


def test_polls_faster_the_longer_it_waits(world: World) -> None:
    """Long waits win over new ones, so that nobody waits for ever."""
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        world.sleep(seconds)

    lock = CacheLock(
        str(world.path),
        wait_timeout=1,
        clock=lambda: world.monotonic,
        sleep=sleep,
    )
    with CacheLock(str(world.path)).hold(), pytest.raises(StoreLocked), lock.hold():
        pytest.fail("the lock was held")
    assert pauses == sorted(pauses, reverse=True)
    assert pauses[0] > 4 * pauses[-1]


def test_does_not_follow_a_planted_link(world: World, tmp_path: Path) -> None:
    """A symbolic link in the lock's place is an error that says so, and what it leads to is not touched."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    world.path.symlink_to(victim)
    with pytest.raises(StoreError, match="symbolic link"), world.lock.hold():
        pytest.fail("a link was followed")
    assert victim.read_bytes() == b"precious"


def test_says_why_no_lock_can_be_made(tmp_path: Path) -> None:
    """A missing directory is reported with the path and the system's number."""
    with pytest.raises(StoreError, match="cannot lock") as caught, CacheLock(str(tmp_path / "no" / "lock")).hold():
        pytest.fail("there is no directory")
    assert caught.value.errno == errno.ENOENT


def test_leaves_a_successors_file_alone(world: World) -> None:
    """Who finds another file in the lock's place when releasing does not remove it."""
    with world.lock.hold():
        world.path.unlink()
        world.path.write_bytes(b"somebody else's")
    assert world.path.read_bytes() == b"somebody else's"


@pytest.fixture
def no_unnamed_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a system that cannot give a name to a file that had none, such as macOS."""
    monkeypatch.delattr("os.O_TMPFILE", raising=False)


@pytest.mark.usefixtures("no_unnamed_files")
@pytest.mark.parametrize("loss", ["vanishes", "is taken"])
def test_tries_again_when_its_new_file_is_lost(world: World, monkeypatch: pytest.MonkeyPatch, loss: str) -> None:
    """A file that is removed, or locked by somebody else, between its making and its locking is not ours."""
    grips: list[LockResult] = []

    def lock_and_lose(descriptor: int) -> LockResult:
        grips.append(try_lock(descriptor) if grips or loss == "vanishes" else LockResult.TAKEN)
        if len(grips) == 1:
            world.path.unlink()
        return grips[-1]

    monkeypatch.setattr("doorcode.cache._locks.lock_file.try_lock", lock_and_lose)
    with world.lock.hold():
        assert world.path.exists()
    assert len(grips) == 2


@pytest.mark.usefixtures("no_unnamed_files")
def test_holds_a_named_file_likewise(world: World) -> None:
    """Without unnamed files the lock is made by its name, and keeps others out as well."""
    with world.lock.hold():
        assert world.path.read_bytes().endswith(b"flock")
        assert world.path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(StoreLocked), CacheLock(str(world.path), wait_timeout=0).hold():
            pytest.fail("the lock was held")
    assert not world.path.exists()


@pytest.mark.usefixtures("no_unnamed_files")
def test_sees_a_file_that_appears_at_the_last_moment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exclusive creation decides, not the look before it."""
    world.leave(b"%d prog" % DEAD)
    monkeypatch.setattr("os.path.lexists", lambda _: False)
    with world.lock.hold():
        pass
    assert world.slept >= GRACE


def test_gives_a_file_its_name_only_where_there_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise where an unnamed file is made ready."""
    world.leave(b"%d prog" % DEAD)
    monkeypatch.setattr("os.path.lexists", lambda _: False)
    with world.lock.hold():
        pass
    assert world.slept >= GRACE


def test_makes_a_named_file_where_a_link_cannot_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc, or on a file system that knows no such links, the named way is gone."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOENT, "no /proc")

    monkeypatch.setattr("os.link", refuse)
    with world.lock.hold():
        assert world.path.read_bytes().endswith(b"flock")
    assert not world.path.exists()


@pytest.fixture
def no_kernel_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a file system without kernel locks."""
    for module in ("_locks.lock", "_locks.lock_file"):
        monkeypatch.setattr(f"doorcode.cache.{module}.try_lock", lambda _: LockResult.UNSUPPORTED)


@pytest.mark.usefixtures("no_kernel_locks")
def test_does_without_kernel_locks_where_there_are_none(world: World) -> None:
    """On a file system without flock the file's existence alone is the lock, as for msal-extensions."""
    with world.lock.hold():
        assert b"flock" not in world.path.read_bytes()
        short_wait = CacheLock(str(world.path), wait_timeout=1, clock=lambda: world.monotonic, sleep=world.sleep)
        with pytest.raises(StoreLocked), short_wait.hold():
            pytest.fail("the lock was held")
    assert not world.path.exists()


ELSEWHERE = b"%d prog\non node7 0123456789abcdef 4026531836" % DEAD
CONTAINER = b"%d prog\non container %b 4026539999" % (DEAD, os.fsencode(here().boot))
FOREIGN = pytest.mark.parametrize(
    "content", [ELSEWHERE, ELSEWHERE + b"\nflock", CONTAINER], ids=["machine", "machine that locks", "container"]
)


@FOREIGN
def test_takes_what_another_machine_left_once_it_is_seen_to_be_stale(world: World, content: bytes) -> None:
    """Neither its process number nor its clock tells anything: ten seconds without a change do."""
    world.leave(content, age=3600)
    with world.lock.hold():
        pass
    assert STALE_AFTER < world.slept < STALE_AFTER + 0.1


@pytest.mark.usefixtures("no_kernel_locks")
@pytest.mark.parametrize("content", [ELSEWHERE, b"%d prog" % DEAD], ids=["named", "not named"])
def test_without_kernel_locks_any_other_library_may_run_elsewhere(world: World, content: bytes) -> None:
    """A dead process's number proves nothing where the file names no machine, and neither does its time."""
    world.leave(content, age=3600)
    with world.lock.hold():
        assert world.path.read_bytes().startswith(b"%d " % os.getpid())
    assert STALE_AFTER < world.slept < STALE_AFTER + 0.1
    assert list(world.path.parent.glob("cache*")) == []


@pytest.mark.usefixtures("no_kernel_locks")
def test_without_kernel_locks_a_dead_process_of_this_machine_is_known(world: World) -> None:
    """Its number means what it says."""
    own = here()
    world.leave(f"{DEAD} prog\non {own.name} {own.boot} {own.processes}".encode())
    with world.lock.hold():
        pass
    assert GRACE <= world.slept < GRACE + 0.05


@pytest.mark.usefixtures("no_kernel_locks")
def test_without_kernel_locks_a_successors_file_is_put_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another process was quicker to take a stale file over, its new file keeps its name."""
    world.leave(ELSEWHERE)
    rename = os.rename
    found: list[bytes] = []

    def look_and_remove() -> None:
        found.append(world.path.read_bytes())
        world.path.unlink()
        world.at_sleep = lambda: None

    def rename_too_late(source: str, target: str) -> None:
        world.path.unlink()
        world.path.write_bytes(b"the successor's")
        world.at_sleep = look_and_remove
        rename(source, target)

    monkeypatch.setattr("os.rename", rename_too_late)
    with world.lock.hold():
        assert found == [b"the successor's"]
    assert list(world.path.parent.glob("cache*")) == []


@pytest.mark.usefixtures("no_kernel_locks")
def test_notices_that_its_lock_was_taken(world: World) -> None:
    """Who was too slow is told before it writes."""
    with world.lock.hold() as held:
        held.confirm()
        world.path.unlink()
        with pytest.raises(StoreLocked, match="nothing was written"):
            held.confirm()
        world.path.write_bytes(ELSEWHERE)
        with pytest.raises(StoreLocked, match="nothing was written"):
            held.confirm()


def test_names_the_machine_of_the_holder(world: World) -> None:
    """A process number alone would be looked for on the wrong machine."""
    world.leave(ELSEWHERE)
    lock = CacheLock(str(world.path), wait_timeout=0)
    with pytest.raises(StoreLocked, match=f"process {DEAD} of the machine 'node7' has held"), lock.hold():
        pytest.fail("the lock was held")


@pytest.mark.parametrize(("holders", "waits"), [(5, 10), (100, 60)], ids=["until it is free", "four times as long"])
def test_waits_as_long_as_holders_come_and_go(world: World, holders: int, waits: float) -> None:
    """The time to wait counts anew with each holder, up to a limit."""
    changes = iter(range(2, 2 * holders, 2))
    due = [next(changes)]

    def change() -> None:
        if world.slept < due[0]:
            return
        world.path.unlink()
        due[0] = next(changes, 1000)
        if due[0] < 1000:
            world.leave(b"%d prog %d" % (os.getpid(), due[0]))

    world.leave(b"%d prog" % os.getpid())
    world.at_sleep = change
    if holders < 10:
        with world.lock.hold():
            pass
    else:
        with pytest.raises(StoreLocked), world.lock.hold():
            pytest.fail("the lock was held")
    assert waits - 2.1 < world.slept < waits + 0.1


def test_is_not_left_without_a_name_while_it_is_taken_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is taken over says whose it is at every moment, should its new owner be killed."""
    world.leave(b"%d a-program-with-a-rather-long-name" % DEAD)
    cut = os.ftruncate

    def look(descriptor: int, length: int) -> None:
        assert world.path.read_bytes().startswith(b"%d " % os.getpid())
        cut(descriptor, length)

    monkeypatch.setattr("os.ftruncate", look)
    with world.lock.hold():
        assert b"rather-long-name" not in world.path.read_bytes()


@pytest.mark.parametrize(
    ("number", "result"),
    [(errno.EAGAIN, LockResult.TAKEN), (errno.ENOLCK, LockResult.UNSUPPORTED), (errno.ENOSYS, LockResult.UNSUPPORTED)],
)
def test_tells_a_busy_lock_from_none(number: int, result: LockResult, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's numbers for "somebody else" and "cannot" are kept apart."""

    def refuse(_: int, __: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    assert try_lock(0) is result


def test_a_held_file_is_closed_once(tmp_path: Path) -> None:
    """Closing twice closes no other file that got the same number meanwhile."""
    descriptor = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    held = LockedFile(descriptor, try_lock(descriptor))
    held.close()
    other = os.open(tmp_path / "file", os.O_RDWR)
    assert other == descriptor
    held.close()
    held.forget()
    os.fstat(other)
    os.close(other)
    assert not held.open


@pytest.mark.parametrize(
    ("error", "lives"), [(ProcessLookupError, False), (PermissionError, True), (OverflowError, True)]
)
def test_tells_living_processes_from_dead_ones(
    error: type[Exception], *, lives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's process lives too; a number too large is nobody's to judge."""

    def kill(_: int, __: int) -> None:
        raise error

    monkeypatch.setattr("os.kill", kill)
    assert process_lives(1) is lives


def test_knows_this_process_to_live() -> None:
    """A process that is there is alive."""
    assert process_lives(os.getpid())


class Msvcrt:
    """Windows' locks of byte ranges, as far as they are used."""

    LK_NBLCK = 2
    LK_UNLCK = 0

    def __init__(self) -> None:
        self.locked: set[int] = set()

    def locking(self, descriptor: int, mode: int, length: int) -> None:
        assert length == 1
        inode = os.fstat(descriptor).st_ino
        if mode == self.LK_UNLCK:
            self.locked.discard(inode)
        elif inode in self.locked:
            raise PermissionError(errno.EACCES, "locked")
        else:
            self.locked.add(inode)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Msvcrt:
    """Make the locks follow Windows' rules."""
    fake = Msvcrt()
    monkeypatch.delattr("os.O_TMPFILE", raising=False)
    monkeypatch.setattr(flock_module, "on_windows", lambda: True)
    monkeypatch.setattr("doorcode.cache._locks.lock.on_windows", lambda: True)
    monkeypatch.setitem(__import__("sys").modules, "msvcrt", fake)
    return fake


def test_locks_by_windows_rules(world: World, windows: Msvcrt) -> None:
    """There the byte range is locked, and the file is removed once it is closed."""
    with world.lock.hold():
        assert len(windows.locked) == 1
        with pytest.raises(StoreLocked), CacheLock(str(world.path), wait_timeout=0).hold():
            pytest.fail("the lock was held")
    assert windows.locked == set()
    assert not world.path.exists()
    assert process_lives(DEAD)


def test_waits_while_windows_denies_access(world: World, windows: Msvcrt, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is being removed there, or that another process has locked, cannot be opened or read for a moment."""
    denied: list[str] = []
    real_open, real_read = os.open, os.read

    def deny_open(path: str, flags: int, mode: int = 0o777) -> int:
        if len(denied) < 1:
            denied.append("open")
            raise PermissionError(errno.EACCES, "denied")
        return real_open(path, flags, mode)

    def deny_read(descriptor: int, length: int) -> bytes:
        if len(denied) < 2:
            denied.append("read")
            world.path.unlink()
            raise PermissionError(errno.EACCES, "denied")
        return real_read(descriptor, length)

    world.leave(b"1 prog")
    monkeypatch.setattr("os.open", deny_open)
    monkeypatch.setattr("os.read", deny_read)
    with world.lock.hold():
        assert denied == ["open", "read"]


def test_waits_while_windows_removes_a_file(world: World, windows: Msvcrt, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is being removed cannot be made for a moment; an error that lasts is reported in the end."""
    denied: list[str] = []
    real_open = os.open

    def deny(path: str, flags: int, mode: int = 0o777) -> int:
        if len(denied) < 2:
            denied.append(path)
            raise PermissionError(errno.EACCES, "denied")
        return real_open(path, flags, mode)

    monkeypatch.setattr("os.open", deny)
    with world.lock.hold():
        assert len(denied) == 2
        assert windows.locked
