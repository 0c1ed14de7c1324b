"""Many processes on one cache: ours alone, beside azure-identity, killed in the middle, on a disk that is full."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cache.harness import Start, names, require
from doorcode.cache import StoreError
from doorcode.cache._locks.lock import CacheLock
from doorcode.cache._stores.file import FileStore, is_json_object

pytestmark = pytest.mark.slow

KILLS = 500
ENTRIES = 10
SIGN_INS = 4
SOON = 10.0
"""Seconds in which a process takes a lock that a dead one has left: a fraction of one, on an idle machine."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a file that is not there yet."""
    return tmp_path / "dir" / "cache"


@pytest.mark.parametrize("processes", [8, 32])
def test_no_entry_is_lost_and_no_writer_starves(
    start: Start, path: Path, processes: int, record_property: Callable[[str, object], None]
) -> None:
    """Processes that write one cache at once keep every entry of every other, and nobody's write waits for ever.

    Told in writes of others that went first, because seconds are the machine's: on two idle cores no write of 32
    processes takes half a second, or lets more than about one of each other go first; on busy ones, nearly three.
    """
    writers = [start("write", path, f"writer{number}", ENTRIES, traced=False) for number in range(processes)]
    for writer in writers:
        assert writer.hear() == "ready"
    for writer in writers:
        writer.say()
    for writer in writers:
        assert writer.hear() == "written"
    reports = [writer.hear().split() for writer in writers]
    kept = json.loads(FileStore(str(path)).load().data or b"")
    assert set(kept) == {f"writer{number}-{entry}" for number in range(processes) for entry in range(ENTRIES)}
    assert names(path.parent) == ["cache"]
    record_property("slowest write in seconds", max(float(seconds) for seconds, _ in reports))
    all_of_the_others = (processes - 1) * ENTRIES
    assert max(int(overtaken) for _, overtaken in reports) < all_of_the_others / 2


def test_no_entry_is_lost_by_comparing_and_setting(start: Start, path: Path) -> None:
    """Nor where each conflict means to try again, as with a store that has no lock."""
    writers = [start("write", path, f"writer{number}", ENTRIES, "save") for number in range(4)]
    for writer in writers:
        assert writer.hear() == "ready"
    for writer in writers:
        writer.say()
    for writer in writers:
        writer.finish()
    kept = json.loads(FileStore(str(path)).load().data or b"")
    assert len(kept) == 4 * ENTRIES


def test_a_process_killed_while_it_writes_leaves_a_whole_cache(start: Start, path: Path) -> None:
    """Whenever it is killed: the file is whole, nothing earlier is lost, and the next process writes at once."""
    store = FileStore(str(path), lock=CacheLock(f"{path}.lockfile", wait_timeout=SOON))
    store.update(lambda _: b'{"kept": "always"}')
    left_behind = 0

    def count_kills(data: bytes | None) -> bytes:
        entries = json.loads(data or b"")
        return json.dumps(entries | {"kills": entries.get("kills", 0) + 1}).encode()

    for kill in range(KILLS // 4):
        # Four at once, so that some are killed while they wait and some while they hold the lock.
        writers = [start("write", path, f"killed{kill % 3}-{number}", 0, traced=False) for number in range(4)]
        for writer in writers:
            assert writer.hear() == "ready"
        for writer in writers:
            writer.say()
        assert writers[kill % 4].hear() == "written"
        for writer in writers:
            writer.kill()
            data = path.read_bytes()
            assert is_json_object(data)
            assert json.loads(data)["kept"] == "always"
        left_behind += path.with_name("cache.lockfile").exists()
        written = store.update(count_kills).data
        assert json.loads(written or b"")["kills"] == kill + 1
    assert left_behind > 0, "no process was killed while it held the lock: the test has shown nothing"
    assert names(path.parent) == ["cache"]


@pytest.mark.parametrize("mode", ["portalocker", "existence"])
def test_what_either_wrote_the_other_has(start: Start, home: Path, mode: str) -> None:
    """azure-identity's processes and ours, writing one plain cache at the same time, lose nothing of each other's."""
    path = home / ".IdentityService" / "shared.nocae"
    FileStore(str(path), private=True).update(lambda _: b"{}")
    theirs = [start("azure_write", mode, "shared", f"azure{number}", SIGN_INS) for number in range(2)]
    ours = [start("write", path, f"ours{number}", ENTRIES) for number in range(2)]
    for program in (*theirs, *ours):
        assert program.hear() == "ready"
    for program in (*theirs, *ours):
        program.say()
    for program in (*theirs, *ours):
        program.finish()
    kept = json.loads(FileStore(str(path)).load().data or b"")
    names = {f"azure{number}-{sign_in}" for number in range(2) for sign_in in range(SIGN_INS)}
    assert {row["secret"] for row in kept["RefreshToken"].values()} == {f"rt-{name}" for name in names}
    assert {f"ours{number}-{entry}" for number in range(2) for entry in range(ENTRIES)} <= set(kept)
    assert path.stat().st_mode & 0o777 == 0o600


def test_azure_identity_reads_what_ours_wrote_while_it_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cache object, open all the time, sees each write of ours, however fast one follows the other."""
    from azure.identity import TokenCachePersistenceOptions
    from azure.identity._persistent_cache import _load_persistent_cache

    store = FileStore(str(home / ".IdentityService" / "shared.nocae"))
    theirs = _load_persistent_cache(TokenCachePersistenceOptions(name="shared", allow_unencrypted_storage=True))
    for number in range(20):
        row = {"credential_type": "RefreshToken", "secret": f"rt-{number}", "home_account_id": "h", "client_id": "c"}
        content = json.dumps({"RefreshToken": {"key": row}}).encode()
        store.update(lambda _, content=content: content)  # type: ignore[misc]
        assert [found["secret"] for found in theirs.search("RefreshToken")] == [f"rt-{number}"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 64 KiB."""
    require(os.geteuid() == 0 and shutil.which("mount"), "only root can mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", place], capture_output=True, check=False
    )
    require(mounted.returncode == 0, f"a small disk cannot be mounted here: {mounted.stderr!r}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_loses_nothing(small_disk: Path) -> None:
    """A save that does not fit says so and leaves the old content; once there is room, the next one works."""
    store = FileStore(str(small_disk / "cache"))
    store.update(lambda _: b'{"old": 1}')
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while file.write(bytes(1024)) == len(bytes(1024)) and os.statvfs(small_disk).f_bavail:
            pass
    with pytest.raises(StoreError, match=f"cannot write {small_disk / 'cache'}: No space left on device") as caught:
        store.update(lambda _: json.dumps({"new": "x" * 20_000}).encode())
    assert caught.value.errno == errno.ENOSPC
    assert store.load().data == b'{"old": 1}'
    assert names(small_disk) == ["cache", "filler"]
    filler.unlink()
    store.update(lambda _: b'{"new": 1}')
    assert store.load().data == b'{"new": 1}'


def test_a_read_only_disk_is_read(small_disk: Path) -> None:
    """What is there is read without a lock; what cannot be written is an error with the reason."""
    store = FileStore(str(small_disk / "cache"))
    store.update(lambda _: b'{"old": 1}')
    (small_disk / "cache").chmod(0o644)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert store.load().data == b'{"old": 1}'
    with pytest.raises(StoreError, match="Read-only file system") as caught:
        store.update(lambda _: b'{"new": 1}')
    assert caught.value.errno == errno.EROFS
    with pytest.raises(StoreError, match="Read-only file system"):
        store.lease("refresh", 1)
