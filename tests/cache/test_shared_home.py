"""One home that several machines share: locks on a file system whose locks the other machines do not see."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from cache.harness import Start, require
from doorcode.cache import StoreLocked
from doorcode.cache._files import host
from doorcode.cache._files.host import Host, here
from doorcode.cache._locks.flock import LockResult
from doorcode.cache._locks.lock import GRACE, CacheLock
from doorcode.cache._locks.lock_file import Owner, owner_in
from doorcode.cache._stores.file import FileStore

MACHINE = ("unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child")
ENTRIES = 3


@pytest.fixture(scope="module", autouse=True)
def _machines() -> None:
    tried = subprocess.run([*MACHINE, "true"], capture_output=True, check=False)
    require(tried.returncode == 0, f"no other machine can be played here: {tried.stderr!r}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a file that is not there yet."""
    return tmp_path / "shared" / "cache"


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a file system that cannot lock."""
    for module in ("_locks.lock", "_locks.lock_file"):
        monkeypatch.setattr(f"doorcode.cache.{module}.try_lock", lambda _: LockResult.UNSUPPORTED)


@pytest.mark.usefixtures("no_locks")
def test_a_lock_of_another_machine_is_not_taken_for_a_dead_process(path: Path, start: Start) -> None:
    """Its process number means nothing here; the error of a wait that was too long says what holds the lock."""
    path.parent.mkdir()
    holder = start("unlocked", "hold", "ours", f"{path}.lockfile", under=MACHINE)
    assert holder.hear() == "held"
    content = Path(f"{path}.lockfile").read_bytes()
    lock = CacheLock(f"{path}.lockfile", wait_timeout=3 * GRACE, lives=lambda _: False)
    with pytest.raises(StoreLocked, match="process 1 has held"), lock.hold():
        pytest.fail("the lock was held")
    assert Path(f"{path}.lockfile").read_bytes() == content
    holder.say()
    assert holder.hear() == "released"
    with lock.hold():
        pass


def test_machines_lose_no_write_of_each_other(path: Path, start: Start) -> None:
    """Three machines write one cache whose file system neither locks nor is fast: every entry is kept."""
    writers = [
        start("unlocked", "write", path, f"writer{number}", ENTRIES, traced=False, under=MACHINE) for number in range(3)
    ]
    for writer in writers:
        assert writer.hear() == "ready"
    for writer in writers:
        writer.say()
    for writer in writers:
        assert writer.hear() == "written"
    for writer in writers:
        writer.finish()
    kept = json.loads(FileStore(str(path)).load().data or b"")
    assert set(kept) == {f"writer{number}-{entry}" for number in range(3) for entry in range(ENTRIES)}
    assert [name.name for name in path.parent.iterdir() if ".lockfile" in name.name] == []


HERE = here()
FOREIGN = Host("node7", "m", "b" * 32, "4026531836", "4026531837")


def signed(host: Host, end: bytes = b"") -> bytes:
    """Return what a process of a machine writes into its lock file."""
    place = f"{host.name} {host.boot} {host.processes}".encode()
    return b"%d prog\non %b%b" % (os.getpid(), place, end)


@pytest.mark.parametrize(
    ("content", "owner"),
    [
        (b"", Owner(None)),
        (b"12 prog", Owner(12)),
        (b"{12} {prog}", Owner(12)),
        (b"12 prog\nflock", Owner(12, marked=True)),
        (signed(HERE), Owner(os.getpid(), HERE.name, same_kernel=True, same_processes=True)),
        (signed(HERE, b"\nflock"), Owner(os.getpid(), HERE.name, marked=True, same_kernel=True, same_processes=True)),
        (signed(FOREIGN), Owner(os.getpid(), "node7", same_kernel=False, same_processes=False)),
        (
            signed(Host("container", "m", HERE.boot, "4026539999", "")),
            Owner(os.getpid(), "container", same_kernel=True, same_processes=False),
        ),
        (signed(FOREIGN)[:-1] + b" or a program's name", Owner(os.getpid())),
    ],
    ids=["nothing", "msal-extensions", "Go", "0.1.0", "here", "here, locked", "elsewhere", "a container", "odd"],
)
def test_a_lock_file_says_whose_it_is(content: bytes, owner: Owner) -> None:
    """The first word is the process for every library; the machine stands behind what they write."""
    assert owner_in(content) == owner


def test_knows_little_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read is empty, and no error."""

    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError

    host._machine.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", refuse)
        patched.setattr("os.stat", refuse)
        found = here()
    host._machine.cache_clear()
    assert (found.name, found.boot, found.processes, found.users) == (HERE.name, "", "", "")
    assert found.machine


def test_knows_where_it_runs() -> None:
    """On Linux everything is known, and nothing holds white space."""
    assert all((HERE.name, HERE.machine, HERE.boot, HERE.processes, HERE.users))
    assert not any(character.isspace() for character in HERE.name + HERE.boot)
    assert here() == HERE
