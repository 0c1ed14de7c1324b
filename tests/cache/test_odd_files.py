"""Things that are not regular files of this user's, at every path that is opened beside a cache."""

from __future__ import annotations

import logging
import os
import socket
import stat
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from cache.harness import require
from doorcode.cache import Loaded, StoreError, StoreUnreadable
from doorcode.cache._files import disk
from doorcode.cache._files.ownership import ensure_directory, open_own
from doorcode.cache._locks.fair_queue import FairQueue
from doorcode.cache._locks.lease import FileLeases
from doorcode.cache._locks.lock import CacheLock
from doorcode.cache._stores.file import FileStore
from doorcode.cache._stores.kernel_keyring import is_jwe_file
from doorcode.cache._stores.read_only_file import ReadOnlyFile
from doorcode.cache._stores.signalled import SignalledStore
from doorcode.cache._token_cache import StoredCache

GOOD = b'{"a": 1}'
SOMEBODY = 12345
NULL_DEVICE = 1, 3


def make_fifo(path: Path) -> None:
    """Make a named pipe."""
    os.mkfifo(path, 0o600)


def make_socket(path: Path) -> None:
    """Make a socket that nobody listens at."""
    # By its name alone: the whole path may be longer than a socket's can be.
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def make_directory(path: Path) -> None:
    """Make a directory that is not empty."""
    path.mkdir()
    (path / "content").touch()


def make_device(path: Path) -> None:
    """Make a device like /dev/null."""
    require(os.geteuid() == 0, "only root can make a device")
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(*NULL_DEVICE))


def make_link(path: Path) -> None:
    """Make a link to a file that must not be touched."""
    path.symlink_to(path.with_name("victim"))


def make_others(path: Path) -> None:
    """Make another user's file, which anybody may write."""
    require(os.geteuid() == 0, "only root can give a file away")
    path.write_bytes(b"1 prog")
    path.chmod(0o666)
    os.chown(path, SOMEBODY, SOMEBODY)


def make_hard_link(path: Path) -> None:
    """Make a second name of a file that must not be touched."""
    path.hardlink_to(path.with_name("victim"))


KINDS: dict[str, Callable[[Path], None]] = {
    "FIFO": make_fifo,
    "socket": make_socket,
    "directory": make_directory,
    "device": make_device,
    "link": make_link,
    "another user's": make_others,
}


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Path], None]:
    """Give what makes a thing of each kind."""
    (tmp_path / "victim").write_bytes(b"precious")
    made: Callable[[Path], None] = KINDS[request.param]
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a cache that is not there yet."""
    return tmp_path / "cache"


def untouched(path: Path) -> None:
    """Check that whatever a link leads to is as it was."""
    assert path.with_name("victim").read_bytes() == b"precious"


@pytest.mark.parametrize("beside", ["lockfile", "write.lock", "refresh.lock"])
def test_a_second_name_of_another_file_is_not_written(path: Path, beside: str) -> None:
    """A hard link in a lock's place is refused, and the file that it leads to keeps its content."""
    path.with_name("victim").write_bytes(b"precious")
    make_hard_link(path.with_name(f"cache.{beside}"))
    store = FileStore(str(path))
    with pytest.raises(StoreError, match="hard link"):
        store.lease("refresh", 1) if beside == "refresh.lock" else store.update(lambda _: GOOD)
    untouched(path)


@pytest.mark.parametrize("beside", ["lockfile", "write.lock"])
def test_a_lock_is_refused_at_once(path: Path, make: Callable[[Path], None], beside: str) -> None:
    """No write waits for what is in a lock's place: the error names the path, and reading goes on."""
    FileStore(str(path)).update(lambda _: GOOD)
    place = path.with_name(f"cache.{beside}")
    place.unlink(missing_ok=True)
    make(place)
    store = FileStore(str(path))
    with pytest.raises(StoreError, match=str(place)):
        store.update(lambda _: b"{}")
    assert store.load().data == GOOD
    assert os.path.lexists(place)
    untouched(path)


def test_a_lock_does_not_wait_to_name_its_holder(path: Path, make: Callable[[Path], None]) -> None:
    """The error of a wait that was too long opens nothing that would wait."""
    lock = CacheLock(f"{path}.lockfile")
    make(path.with_name("cache.lockfile"))
    assert "another process has held" in str(lock._too_long(1))


def test_a_lease_is_refused_at_once(path: Path, make: Callable[[Path], None]) -> None:
    """Nobody gets a lease on what is not a file of this user's."""
    make(path.with_name("cache.refresh.lock"))
    with pytest.raises(StoreError, match="cache.refresh.lock"):
        FileStore(str(path)).lease("refresh", 1)
    untouched(path)


def test_a_lease_that_cannot_be_had_is_said_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A credential goes on alone, with a warning."""
    make_fifo(path.with_name("cache.refresh.lock"))
    cache = StoredCache(FileStore(str(path)), (), logging.getLogger("test").warning)
    for _ in range(2):
        lease = cache.lease("refresh", 1)
        assert lease is not None
        lease.release()
    assert len(caplog.records) == 1
    assert "named pipe" in caplog.text


def test_a_temporary_file_is_replaced_or_reported(path: Path, make: Callable[[Path], None]) -> None:
    """What can be removed is, and written anew; nothing is written through a link or into another's file."""
    make(path.with_name("cache.tmp"))
    store = FileStore(str(path))
    if path.with_name("cache.tmp").is_dir():
        with pytest.raises(StoreError, match="cannot write"):
            store.update(lambda _: GOOD)
    else:
        store.update(lambda _: GOOD)
        assert stat.S_ISREG(path.lstat().st_mode)
        assert path.stat().st_uid == os.geteuid()
        assert store.load().data == GOOD
    untouched(path)


def test_a_cache_is_set_aside_or_reported(path: Path, make: Callable[[Path], None]) -> None:
    """What cannot be a cache makes room for one; a link and another user's file are refused, and stay."""
    make(path)
    store = FileStore(str(path))
    refused = path.is_symlink() or path.stat().st_uid == SOMEBODY
    with pytest.raises(StoreError, match=str(path)) as caught:
        store.load()
    assert isinstance(caught.value, StoreUnreadable) is not refused
    if not refused:
        store.update(lambda _: GOOD)
        assert store.load().data == GOOD
    untouched(path)


def test_another_programs_file_is_passed_over_or_reported(path: Path, make: Callable[[Path], None]) -> None:
    """The plain file of other programs is never waited for."""
    make(path)
    assert not is_jwe_file(str(path))
    if path.is_symlink() or path.stat().st_uid == SOMEBODY:
        with pytest.raises(StoreError, match=str(path)):
            ReadOnlyFile(str(path)).load()
    else:
        assert ReadOnlyFile(str(path)).load().data is None


class SecretBackend:
    """A secret in memory."""

    def __init__(self) -> None:
        self.data: bytes | None = None

    def read(self) -> bytes | None:
        return self.data

    def write(self, data: bytes) -> None:
        self.data = data

    def remove(self) -> None:
        self.data = None

    def keep(self, data: bytes) -> str:
        return f"{len(data)} bytes"

    def discard(self) -> None:
        pass

    def describe(self) -> str:
        return "a vault"


def test_a_signal_file_is_refused_at_once(path: Path, make: Callable[[Path], None]) -> None:
    """msal-extensions would open it, and wait; a store that cannot signal says so."""
    make(path)
    with pytest.raises(StoreError, match=str(path)):
        SignalledStore(str(path), SecretBackend()).update(lambda _: GOOD)
    with pytest.raises(StoreError, match=str(path)):
        SignalledStore(str(path), SecretBackend()).load()
    untouched(path)


@pytest.mark.parametrize("kind", ["FIFO", "socket", "device"])
def test_a_directory_is_refused_that_is_none(path: Path, kind: str) -> None:
    """Something else in the directory's place is an error, and keeps its mode."""
    KINDS[kind](path)
    path.chmod(0o640)
    with pytest.raises(StoreError, match="Not a directory"):
        ensure_directory(str(path), private=True)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_huge_file_is_set_aside_unread(path: Path) -> None:
    """A file that is larger than any cache, such as one with a hole, fills no memory."""
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(StoreUnreadable, match="larger than 256 MiB"):
        FileStore(str(path)).load()
    assert FileStore(str(path)).load() == Loaded(None, None)


def test_a_huge_lock_file_is_read_at_its_start(path: Path) -> None:
    """What a lock file says stands in its first bytes."""
    lockfile = path.with_name("cache.lockfile")
    with lockfile.open("wb") as file:
        file.truncate(2**40)
    os.utime(lockfile, (0, 0))
    FileStore(str(path)).update(lambda _: GOOD)
    assert FileStore(str(path)).load().data == GOOD


def test_what_is_swapped_while_it_is_opened_is_closed_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FIFO that takes a file's place after the first look is seen by the second, without any wait."""
    path.write_bytes(GOOD)
    regular = path.stat()
    path.unlink()
    make_fifo(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as patched:
        patched.setattr("os.stat", lambda *_, **__: regular)
        with pytest.raises(StoreError, match="named pipe"):
            open_own(str(path), os.O_RDWR)
        found = disk.read(str(path))
    assert found is not None
    assert found.data is None
    assert len(list(Path("/proc/self/fd").iterdir())) <= before  # what other tests have left may be closed meanwhile


def test_a_line_and_leases_stay_where_they_are_regular(path: Path) -> None:
    """A regular file of this user's is used as it is, and stays."""
    for name in ("cache.write.lock", "cache.refresh.lock"):
        path.with_name(name).write_bytes(b"")
    turn = FairQueue(f"{path}.write.lock").enter(0)
    assert turn is not None
    turn.close()
    lease = FileLeases().take(f"{path}.refresh.lock", 10)
    assert lease is not None
    lease.release()


def test_reading_takes_no_more_memory_than_the_content(path: Path) -> None:
    """A node may limit the memory of a process (``ulimit -v``), and a cache is small."""
    path.write_bytes(GOOD)
    path.chmod(0o600)
    tracemalloc.start()
    try:
        raw = disk.read(str(path))
        assert raw is not None
        assert (raw.data, tracemalloc.get_traced_memory()[1] < 2**20) == (GOOD, True)
    finally:
        tracemalloc.stop()
