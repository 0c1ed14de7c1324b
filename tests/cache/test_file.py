"""What a file store does with damage, and with people and programs who mean no good or do not know better."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cache.harness import names, require
from doorcode.cache import Conflict, Loaded, StoreError, StoreKeyError, StoreLocked, StoreUnreadable
from doorcode.cache._files import disk, ownership
from doorcode.cache._locks.lock import CacheLock
from doorcode.cache._stores.file import FileStore, is_json_object
from doorcode.cache._stores.read_only_file import ReadOnlyFile

GOOD = json.dumps({"RefreshToken": {"a": {"secret": "s3cret"}}}).encode()
OTHER_USER = 12345


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a file that is not there yet."""
    return tmp_path / "dir" / "cache"


@pytest.fixture
def store(path: Path) -> FileStore:
    """Give a store in a directory that is ours alone."""
    return FileStore(str(path), private=True)


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let new files be open to everybody, unless they are made private."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat(follow_symlinks=False).st_mode)


def asides(path: Path) -> list[Path]:
    """Return what was set aside, in order."""
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


# Damage


DAMAGED = {
    "half": b"{",
    "tail": GOOD + b"garbage",
    "list": b"[]",
    "number": b"1",
    "random": bytes(range(256)),
    "not UTF-8": b'{"a": "\xff"}',
    "blank": b" \n",
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_sets_damaged_content_aside(store: FileStore, path: Path, content: bytes) -> None:
    """What is no cache is kept, privately, under a name that the error tells, and the store is empty."""
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreUnreadable, match="damaged") as caught:
        store.load()
    (aside,) = asides(path)
    assert caught.value.aside == str(aside)
    assert (aside.read_bytes(), mode(aside)) == (content, 0o600)
    assert "s3cret" not in str(caught.value)
    assert store.load() == Loaded(None, None)
    assert not isinstance(store.save(GOOD, None), Conflict)
    assert store.load().data == GOOD


def test_sets_aside_what_is_no_file(store: FileStore, path: Path) -> None:
    """A directory, a FIFO and a socket in the file's place are set aside too, and never waited for."""
    path.mkdir(parents=True)
    with pytest.raises(StoreUnreadable, match="not a regular file"):
        store.load()
    os.mkfifo(path)
    with pytest.raises(StoreUnreadable, match="not a regular file"):
        store.load()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))
        with pytest.raises(StoreUnreadable, match="not a regular file"):
            store.load()
    assert len(asides(path)) == 3


def test_numbers_what_is_set_aside_in_one_second(path: Path) -> None:
    """Nothing that was set aside is overwritten by the next."""
    store = FileStore(str(path), now=lambda: 1_700_000_000 * 10**9)
    path.parent.mkdir()
    for content in (b"1", b"2", b"3"):
        path.write_bytes(content)
        with pytest.raises(StoreUnreadable):
            store.load()
    assert [aside.read_bytes() for aside in asides(path)] == [b"1", b"2", b"3"]
    assert asides(path)[0].name == "cache.damaged-20231114T221320Z"


def test_an_empty_file_is_an_empty_cache(store: FileStore, path: Path) -> None:
    """An empty file, such as the signal file of a keyring's cache, is neither damage nor set aside."""
    path.parent.mkdir()
    path.touch()
    assert store.load() == Loaded(None, None)
    assert not isinstance(store.save(GOOD, None), Conflict)


def test_reads_again_what_is_being_written(path: Path) -> None:
    """Half a file, whose writer holds the lock, is read again when the writer is done, and not set aside."""
    path.parent.mkdir()
    path.write_bytes(GOOD[:10])
    lockfile = f"{path}.lockfile"
    writer = CacheLock(lockfile).hold()
    writer.__enter__()

    def writer_finishes(_: float) -> None:
        path.write_bytes(GOOD)
        writer.__exit__(None, None, None)

    store = FileStore(str(path), lock=CacheLock(lockfile, sleep=writer_finishes))
    assert store.load().data == GOOD
    assert asides(path) == []


def test_reads_again_what_changes_without_the_lock(path: Path) -> None:
    """A writer that ignores the lock is waited for as long as the file keeps changing, a few times."""
    path.parent.mkdir()
    path.write_bytes(b"{")
    contents = iter([b'{"a', b'{"a"', GOOD])

    def write_more(data: bytes) -> bool:
        whole = is_json_object(data)
        if not whole:
            path.write_bytes(next(contents))
        return whole

    assert FileStore(str(path), is_whole=write_more, sleep=lambda _: None).load().data == GOOD
    assert asides(path) == []


def test_gives_up_on_a_file_that_never_stands_still(path: Path) -> None:
    """A file that is torn at each look is an error after some looks, and is not set aside."""
    path.parent.mkdir()
    path.write_bytes(b"{")

    def tear(data: bytes) -> bool:
        path.write_bytes(data + b"{")
        return False

    with pytest.raises(StoreError, match="rewritten all the time"):
        FileStore(str(path), is_whole=tear, sleep=lambda _: None).load()
    assert asides(path) == []


def test_reads_until_a_file_written_in_place_stands_still(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content and stamp belong together although somebody writes in between; if never, the stamp is nobody else's."""
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"1")
    path.chmod(0o600)
    reads = 0
    most = 2
    read_all = disk._read_from_start

    def read_while_written(descriptor: int, at_most: int) -> bytes:
        nonlocal reads
        reads += 1
        data = read_all(descriptor, at_most)
        if reads <= most:
            path.write_bytes(b"1" * (reads + 1))
        return data

    monkeypatch.setattr(disk, "_read_from_start", read_while_written)
    raw = disk.read(str(path))
    assert raw is not None
    assert (raw.data, raw.stamp) == (b"111", disk.file_stamp(str(path)))
    reads, most = 0, 100
    raw = disk.read(str(path))
    assert raw is not None
    assert str(raw.stamp).startswith("unsettled")


def test_reports_damage_that_a_save_meets(store: FileStore, path: Path) -> None:
    """Damage found while saving is set aside and reported as when loading; nothing was stored."""
    stamp = store.save(GOOD, None)
    assert not isinstance(stamp, Conflict)
    path.write_bytes(b"{")
    with pytest.raises(StoreUnreadable):
        store.save(GOOD, stamp)
    assert len(asides(path)) == 1
    assert store.load() == Loaded(None, None)


def test_a_save_over_an_emptied_file_conflicts(store: FileStore, path: Path) -> None:
    """Somebody who emptied the file has deleted the content."""
    stamp = store.save(GOOD, None)
    assert not isinstance(stamp, Conflict)
    path.write_bytes(b"")
    assert store.save(GOOD, stamp) == Conflict(None, None)


def test_leaves_a_sealed_cache_alone(store: FileStore, path: Path) -> None:
    """A plain store that finds an encrypted cache in its place, Go's for example, reports it and touches nothing."""
    path.parent.mkdir()
    path.write_bytes(b"eyJhbGciOiJkaXIifQ..aa.bb.cc")
    for attempt in (store.load, lambda: store.save(GOOD, None), lambda: store.update(lambda _: GOOD)):
        with pytest.raises(StoreKeyError, match="encrypted token cache"):
            attempt()
    assert path.read_bytes().startswith(b"eyJ")
    assert asides(path) == []


def test_reads_beside_what_cannot_be_locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a read-only disk good content is read, an empty file is empty, and damage is reported where it stands."""
    path.parent.mkdir()
    lock = CacheLock(str(path) + ".lockfile")

    def refuse(*_: object) -> None:
        raise StoreError("read-only", errno=errno.EROFS)

    monkeypatch.setattr(lock, "_acquire", refuse)
    store = FileStore(str(path), lock=lock)
    path.write_bytes(b"")
    assert store.load() == Loaded(None, None)
    path.write_bytes(b"{")
    with pytest.raises(StoreUnreadable) as caught:
        store.load()
    assert caught.value.aside is None
    answers = iter([False, True])
    late = FileStore(str(path), lock=lock, is_whole=lambda _: next(answers))
    assert late.load().data == b"{"


def test_waits_no_longer_than_told_for_a_busy_lock(path: Path) -> None:
    """A lock that stays taken is reported, and damage behind it is left where it is."""
    path.parent.mkdir()
    path.write_bytes(b"{")
    short_wait = FileStore(str(path), lock=CacheLock(f"{path}.lockfile", wait_timeout=0))
    with CacheLock(f"{path}.lockfile").hold(), pytest.raises(StoreLocked):
        short_wait.load()
    assert path.read_bytes() == b"{"


# Privacy


@pytest.mark.usefixtures("open_umask")
def test_everything_is_private_from_the_first_byte(
    store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With umask 0 the directory is 0700, and the file, its temporary one and its locks are 0600."""
    seen: dict[str, int] = {}
    replace = os.replace

    def look(source: str, target: str) -> None:
        seen.update({entry.name: mode(entry) for entry in path.parent.iterdir()})
        replace(source, target)

    monkeypatch.setattr("os.replace", look)
    store.save(GOOD, None)
    lease = store.lease("refresh", 1)
    assert lease is not None
    lease.release()
    assert seen == dict.fromkeys(["cache.tmp", "cache.lockfile", "cache.write.lock"], 0o600)
    assert {entry.name: mode(entry) for entry in path.parent.iterdir()} == dict.fromkeys(
        ["cache", "cache.refresh.lock", "cache.write.lock"], 0o600
    )
    assert mode(path.parent) == 0o700


@pytest.mark.usefixtures("open_umask")
def test_tightens_what_is_too_open(store: FileStore, path: Path) -> None:
    """A file of 0644 in a directory of 0777 is made 0600 when read, and the directory 0700 when written to."""
    path.parent.mkdir(mode=0o777)
    path.write_bytes(GOOD)
    path.chmod(0o644)
    loaded = store.load()
    assert (loaded.data, mode(path)) == (GOOD, 0o600)
    assert loaded.stamp == store.stamp()
    store.save(GOOD, loaded.stamp)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


@pytest.mark.usefixtures("open_umask")
def test_a_directory_of_the_callers_is_left_as_it_is(path: Path) -> None:
    """A directory chosen with path= keeps its mode, and is refused where others could replace the file."""
    store = FileStore(str(path))
    path.parent.mkdir(mode=0o755)
    store.save(GOOD, None)
    assert mode(path.parent) == 0o755
    path.parent.chmod(0o1777)
    store.update(lambda _: GOOD)
    path.parent.chmod(0o777)
    with pytest.raises(StoreError, match="others may write to the directory"):
        store.update(lambda _: GOOD)
    with pytest.raises(StoreError, match="others may write"):
        store.lease("refresh", 1)


def test_does_not_follow_a_planted_link(store: FileStore, path: Path, tmp_path: Path) -> None:
    """A link in the file's place is neither read nor written through; the error says so."""
    victim = tmp_path / "victim"
    victim.write_bytes(GOOD)
    path.parent.mkdir(mode=0o700)
    path.symlink_to(victim)
    for attempt in (store.load, lambda: store.save(b'{"b": 1}', None)):
        with pytest.raises(StoreError, match="symbolic link"):
            attempt()
    assert victim.read_bytes() == GOOD
    assert mode(victim) == 0o644


def test_does_not_write_through_a_planted_temporary_file(store: FileStore, path: Path, tmp_path: Path) -> None:
    """A link in the temporary file's place is removed, and what it leads to is not touched."""
    victim = tmp_path / "victim"
    path.parent.mkdir(mode=0o700)
    (path.parent / "cache.tmp").symlink_to(victim)
    store.save(GOOD, None)
    assert store.load().data == GOOD
    assert not victim.exists()


def test_refuses_another_users_file_and_directory(store: FileStore, path: Path) -> None:
    """What belongs to another user is neither read nor replaced; the error names both users."""
    require(os.geteuid() == 0, "only root can give a file away")
    store.save(GOOD, None)
    os.chown(path, OTHER_USER, -1)
    with pytest.raises(StoreError, match=f"belongs to user {OTHER_USER} and this program runs as user 0"):
        store.load()
    with pytest.raises(StoreError, match="sudo"):
        store.save(GOOD, None)
    os.chown(path, 0, -1)
    os.chown(path.parent, OTHER_USER, -1)
    with pytest.raises(StoreError, match=f"belongs to user {OTHER_USER}"):
        store.save(GOOD, store.stamp())


# Failing disks


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["os.write", "os.fsync", "os.replace"])
def test_a_failed_save_changes_nothing(
    store: FileStore, path: Path, number: int, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the system refuses, the old content stands, nothing is left over, and the error says what and why."""
    stamp = store.save(GOOD, None)
    assert not isinstance(stamp, Conflict)

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(call, refuse)
        with pytest.raises(StoreError, match=os.strerror(number)) as caught:
            store.save(b'{"b": 1}', stamp)
    assert (caught.value.where, caught.value.errno) == (str(path), number)
    assert names(path.parent) == ["cache"]
    assert store.load() == Loaded(GOOD, stamp)


def test_a_full_disk_does_not_keep_a_lock_from_being_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even the process's number can be written, the lock holds all the same."""

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("os.write", refuse)
    late = CacheLock(str(tmp_path / "lock"), wait_timeout=0)
    with CacheLock(str(tmp_path / "lock")).hold(), pytest.raises(StoreLocked), late.hold():
        pytest.fail("the lock was held")


def test_saved_is_saved_although_the_directory_cannot_be_synced(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that cannot sync directories loses no save."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "no")

    monkeypatch.setattr(disk, "_sync_directory", refuse)
    assert not isinstance(store.save(GOOD, None), Conflict)
    assert store.load().data == GOOD


@pytest.mark.parametrize("call", ["load", "stamp", "delete"])
def test_permission_is_reported_and_nothing_renamed(
    store: FileStore, path: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A denied access is an error with the path, and never damage."""
    store.save(GOOD, None)

    def deny(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr({"load": "os.open", "stamp": "os.stat", "delete": "os.unlink"}[call], deny)
    monkeypatch.setattr("doorcode.cache._locks.lock.CacheLock._release", lambda *_: None)
    with pytest.raises(StoreError, match="Permission denied") as caught:
        getattr(store, call)()
    assert caught.value.errno == errno.EACCES
    assert not isinstance(caught.value, StoreUnreadable)
    monkeypatch.undo()
    assert path.exists()


def test_a_read_that_fails_is_reported(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk is an error of the store."""
    store.save(GOOD, None)

    def refuse(*_: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(disk, "_read_from_start", refuse)
    with pytest.raises(StoreError, match="Input/output error"):
        store.load()


def test_what_cannot_be_set_aside_is_reported(store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage that cannot be moved stays where it is, and the error says that."""
    path.parent.mkdir()
    path.write_bytes(b"{")

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(StoreError, match="cannot set aside") as caught:
        store.load()
    assert not isinstance(caught.value, StoreUnreadable)


def test_a_directory_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    """A file where a directory should be is an error with its path."""
    (tmp_path / "file").touch()
    store = FileStore(str(tmp_path / "file" / "deeper" / "cache"))
    with pytest.raises(StoreError, match="cannot use"):
        store.save(GOOD, None)
    with pytest.raises(StoreError, match="cannot look at"):
        store.stamp()
    store.delete()


# Time


def test_the_files_time_is_when_it_was_replaced(path: Path) -> None:
    """msal-extensions sees a change only by a time later than its last look: the time is set after the replacement."""
    moments: list[int] = []

    def now() -> int:
        moments.append(time.time_ns())
        return moments[-1]

    FileStore(str(path), now=now).save(GOOD, None)
    assert path.stat().st_mtime_ns == moments[-1]


def test_a_clock_set_back_or_standing_still_hides_no_change(path: Path) -> None:
    """Stamps differ although the time of the file is the same or earlier than before."""
    times = iter([10**18, 10**18, 10**17, 10**18])
    store = FileStore(str(path), now=lambda: next(times))
    reader = FileStore(str(path))
    stamps = [store.update(lambda _: GOOD).stamp for _ in range(4)]
    assert len(set(stamps)) == 4
    assert reader.stamp() == stamps[-1]


# Others


def test_a_system_without_owners_is_not_asked_for_them(
    store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files have no user numbers, as on Windows, content is stored and read all the same."""
    for module in (disk, ownership):
        monkeypatch.setattr(module, "user_id", lambda: None)
    store.save(GOOD, None)
    path.chmod(0o644)
    assert store.load().data == GOOD
    assert mode(path) == 0o644


def test_knows_no_user_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no geteuid."""
    monkeypatch.delattr("os.geteuid")
    assert ownership.user_id() is None


def test_says_where_it_is_and_that_nothing_is_encrypted(store: FileStore, path: Path) -> None:
    """People are told the path and the protection."""
    assert store.describe() == f"the file {path}, not encrypted"
    assert store.encrypted is False


class TestReadOnlyFile:
    @pytest.mark.parametrize(
        ("content", "data"),
        [(GOOD, GOOD), (b"", None), (b"{", None), (b"eyJhbGciOiJkaXIifQ..aa.bb.cc", None)],
        ids=["whole", "empty", "half", "sealed"],
    )
    def test_reads_whole_plain_content_only(self, path: Path, content: bytes, data: bytes | None) -> None:
        """Anything else is no data, and is left as it is."""
        path.parent.mkdir()
        path.write_bytes(content)
        other = ReadOnlyFile(str(path))
        assert other.load() == Loaded(data, other.stamp())
        assert path.read_bytes() == content

    def test_finds_nothing_where_nothing_is(self, path: Path) -> None:
        """No file, no data, no stamp."""
        assert (ReadOnlyFile(str(path)).load(), ReadOnlyFile(str(path)).stamp()) == (Loaded(None, None), None)


def test_a_touched_file_is_private_and_not_followed(tmp_path: Path) -> None:
    """A signal file is made 0600 and gets the given time; a link is refused, and its target keeps its own."""
    disk.touch(str(tmp_path / "signal"), 10**18)
    assert (tmp_path / "signal").stat().st_mtime_ns == 10**18
    assert mode(tmp_path / "signal") == 0o600
    victim = tmp_path / "victim"
    victim.touch()
    os.utime(victim, ns=(5, 5))
    (tmp_path / "link").symlink_to(victim)
    with pytest.raises(StoreError, match="symbolic link"):
        disk.touch(str(tmp_path / "link"), 10**18)
    assert victim.stat().st_mtime_ns == 5
    with pytest.raises(StoreError, match="cannot write"):
        disk.touch(str(tmp_path / "no" / "signal"), 1)


def test_a_signal_that_cannot_be_looked_at_is_reported(tmp_path: Path) -> None:
    """A file where its directory should be is an error."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot look at"):
        disk.signal_stamp(str(tmp_path / "file" / "signal"))


def test_a_mode_that_cannot_be_tightened_is_reported(
    store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that stays readable for others is not read, except from a disk that cannot be written."""
    store.save(GOOD, None)
    path.chmod(0o644)

    def refuse(_: int, __: int) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.fchmod", refuse)
    with pytest.raises(StoreError, match="Operation not permitted"):
        store.load()


def test_a_system_without_modes_has_none_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no fchmod before Python 3.13, and no modes that protect."""
    monkeypatch.delattr("os.fchmod")
    ownership.make_private(-1)
