"""A home that several machines or containers share, each with a kernel key of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cache.harness import Program, Start, names, require
from doorcode.cache import Conflict, Loaded, StoreError, StoreUnavailable
from doorcode.cache._ciphers import jwe
from doorcode.cache._ciphers.keyctl import key_calls
from doorcode.cache._files.host import Host, booted_at, here
from doorcode.cache._stores import nodes
from doorcode.cache._stores.file import FileStore
from doorcode.cache._stores.kernel_keyring import KernelKeys
from doorcode.cache._stores.nodes import LONGEST_UNUSED, LONGEST_UNUSED_HERE, NodeFiles, files_of_cache

pytestmark = pytest.mark.keyring

OTHER_KERNEL = ("unshare", "--user", "--map-root-user")
GOOD = b'{"a": 1}'
NOW = 1_700_000_000.0
BOOTED = NOW - 3600
HERE = Host("node1", "machine1", "boot1", "1", "1")
REBOOTED = Host("node1", "machine1", "boot2", "1", "1")
CONTAINER = Host("node1", "machine1", "boot1", "1", "2")
ELSEWHERE = Host("node2", "machine2", "boot3", "1", "1")


class Keys(KernelKeys):
    """The keys of one kernel, without the kernel."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def find(self, description: str) -> object:  # type: ignore[override]
        """Return a key as the kernel's are."""
        secret = self.kept.get(description)
        return None if secret is None else type("Key", (), {"secret": secret, "serial": 7})()

    def find_or_make(self, description: str) -> object:  # type: ignore[override]
        """Return a key, new when there was none."""
        self.kept.setdefault(description, os.urandom(32))
        return self.find(description)


class Node:
    """One of the machines that share a home."""

    def __init__(self, base: Path, host: Host, booted: float = BOOTED) -> None:
        self.keys = Keys()
        self.files = NodeFiles(
            str(base), base.name, self.keys, host=lambda: host, now=lambda: NOW, booted=lambda: booted
        )
        self.store = FileStore(str(base), where=self.files.place, now=lambda: int(NOW * 1e9))

    def write(self, data: bytes) -> None:
        """Replace what is stored, and check that it is had again."""
        self.store.update(lambda _: data)
        assert self.store.load().data == data

    @property
    def file(self) -> Path:
        """Where it keeps its own."""
        return Path(self.files.place().path)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Give the path of a plain cache that is not there."""
    return tmp_path / "dir" / "c.nocae"


def written(path: Path, seconds_ago: float) -> None:
    """Let a file be written at a time."""
    os.utime(path, (NOW - seconds_ago, NOW - seconds_ago))


def test_each_node_has_a_file_of_its_own(base: Path) -> None:
    """The first has the cache's own name; nobody reads, replaces or sets aside another's."""
    first, second, third = Node(base, HERE), Node(base, ELSEWHERE), Node(base, CONTAINER)
    for number, node in enumerate((first, second, third)):
        assert node.store.load() == Loaded(None, None)
        node.write(b'{"node": %d}' % number)
    for number, node in enumerate((first, second, third)):
        assert node.store.load().data == b'{"node": %d}' % number
    assert first.file == base.with_name("c.nocae.sealed")
    assert len({first.file, second.file, third.file}) == 3
    assert names(base.parent) == sorted(node.file.name for node in (first, second, third))


def test_a_node_that_is_late_finds_the_name_taken(base: Path) -> None:
    """Both looked before either wrote: the second learns under the lock that the name is the other's."""
    first, second = Node(base, HERE), Node(base, ELSEWHERE)
    assert first.files.place().path == second.files.place().path
    assert not isinstance(first.store.save(GOOD, None), Conflict)
    assert not isinstance(second.store.save(b'{"b": 2}', None), Conflict)
    assert (first.store.load().data, second.store.load().data) == (GOOD, b'{"b": 2}')


def test_machines_that_do_not_know_their_boot_are_told_apart(base: Path) -> None:
    """Without /proc the machine's own identity has to do."""
    first, second = (Node(base, Host(name, name, "", "", "")) for name in ("one", "two"))
    first.write(GOOD)
    second.write(b'{"b": 2}')
    assert (first.store.load().data, second.store.load().data) == (GOOD, b'{"b": 2}')


def test_a_file_that_goes_while_it_is_looked_at_is_nobodys_to_remove(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another node has just removed it."""
    node, other = Node(base, HERE), Node(base, ELSEWHERE)
    other.write(GOOD)
    header_of, path_of_other = nodes._header_of, other.file

    def look_and_lose(path: str) -> dict[str, object] | None:
        found = header_of(path)
        path_of_other.unlink(missing_ok=True)
        return found

    monkeypatch.setattr("doorcode.cache._stores.nodes._header_of", look_and_lose)
    assert node.store.load() == Loaded(None, None)


def test_damage_of_any_kind_has_no_header(base: Path) -> None:
    """What is not in base64, or not JSON, says nothing of its key."""
    assert [jwe.header(sealed) for sealed in (b"", b"!!", b"\xff.\xff", b"W10.a", b"eyI.a")] == [{}] * 5


def test_deleting_leaves_other_nodes_files(base: Path) -> None:
    """Each node clears its own."""
    first, second = Node(base, HERE), Node(base, ELSEWHERE)
    first.write(GOOD)
    second.write(GOOD)
    second.store.delete()
    assert names(base.parent) == ["c.nocae.sealed"]
    assert first.store.load().data == GOOD


def test_a_reboot_takes_the_file_over(base: Path) -> None:
    """The key is gone on the machine that had it: the file reads as empty, and the next one takes its place."""
    before = Node(base, HERE)
    before.write(GOOD)
    written(before.file, 7200)
    after = Node(base, REBOOTED)
    found = after.store.load()
    assert (found.data, found.stamp is None) == (None, False)
    after.write(b'{"b": 2}')
    assert names(base.parent) == ["c.nocae.sealed", "c.nocae.sealed.lost-key"]


def test_reboots_do_not_gather_files(base: Path) -> None:
    """On a node whose file has another name, the one of the boot before goes when a new one is made."""
    Node(base, HERE).write(GOOD)
    nodes = [Node(base, Host("node2", "machine2", f"another{boot}", "1", "1")) for boot in range(5)]
    for node in nodes:
        node.write(GOOD)
        written(node.file, 7200)
    assert names(base.parent) == sorted(["c.nocae.sealed", nodes[-1].file.name])


def test_a_machine_of_the_same_name_is_not_taken_for_a_reboot(base: Path) -> None:
    """Copies of one installation may share name and identity: a file younger than this boot is another's."""
    first, copy = Node(base, HERE), Node(base, REBOOTED)
    first.write(GOOD)
    written(first.file, 1800)
    copy.write(b'{"b": 2}')
    assert (first.store.load().data, copy.store.load().data) == (GOOD, b'{"b": 2}')


@pytest.mark.parametrize(
    ("host", "limit"), [(ELSEWHERE, LONGEST_UNUSED), (CONTAINER, LONGEST_UNUSED_HERE)], ids=["machine", "container"]
)
@pytest.mark.parametrize("late", [False, True])
def test_files_that_nobody_writes_any_more_go(base: Path, host: Host, limit: float, *, late: bool) -> None:
    """After so long no refresh token in it works, or its key has expired; not a day earlier."""
    Node(base, Host("node9", "machine9", "boot9", "1", "1")).write(GOOD)
    other, here_too = Node(base, host), Node(base, HERE)
    other.write(GOOD)
    file = other.file
    written(file, limit + (1 if late else -1))
    here_too.write(GOOD)
    assert file.exists() is not late
    assert base.with_name("c.nocae.sealed").exists()


def test_the_first_name_is_free_again_when_its_file_has_ended(base: Path) -> None:
    """A node that is no more does not keep it for ever."""
    gone = Node(base, ELSEWHERE)
    gone.write(GOOD)
    written(gone.file, LONGEST_UNUSED + 1)
    node = Node(base, HERE)
    node.write(b'{"b": 2}')
    assert node.file == base.with_name("c.nocae.sealed")


def encrypted_as_0_1_0(path: Path, key: bytes) -> None:
    """Write a sealed file that does not say whose key it is under."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(jwe.encrypt(GOOD, key, 7))
    written(path, 60)


def test_the_file_of_0_1_0_is_adopted_by_whoever_has_its_key(base: Path) -> None:
    """It is read, and written anew at once, so that other nodes know whose it is."""
    node, other = Node(base, HERE), Node(base, ELSEWHERE)
    key = os.urandom(32)
    node.keys.kept["c.nocae.sealed"] = key
    encrypted_as_0_1_0(base.with_name("c.nocae.sealed"), key)
    assert node.store.load().data == GOOD
    assert jwe.header(node.file.read_bytes())["boot"] == "boot1"
    assert node.file == base.with_name("c.nocae.sealed")
    assert other.store.load().data is None
    other.write(b'{"b": 2}')
    assert node.store.load().data == GOOD


@pytest.mark.parametrize("has_another", [False, True], ids=["no key", "another key"])
def test_the_file_of_0_1_0_is_left_alone_by_everybody_else(base: Path, *, has_another: bool) -> None:
    """It may be another node's."""
    node, path = Node(base, HERE), base.with_name("c.nocae.sealed")
    if has_another:
        node.keys.find_or_make("c.nocae.sealed")
    encrypted_as_0_1_0(path, os.urandom(32))
    before = path.read_bytes()
    assert node.store.load() == Loaded(None, None)
    node.write(b'{"b": 2}')
    assert path.read_bytes() == before
    assert names(base.parent) == sorted([path.name, node.file.name])


@pytest.mark.parametrize("has_another", [False, True], ids=["no key", "another key"])
def test_gos_file_is_left_alone_where_this_kernel_lacks_its_key(base: Path, *, has_another: bool) -> None:
    """It may be another node's; where the key is here, it is shared."""
    node, other = Node(base, HERE), Node(base, ELSEWHERE)
    key = node.keys.kept["c.nocae"] = os.urandom(32)
    encrypted_as_0_1_0(base, key)
    if has_another:
        other.keys.find_or_make("c.nocae")
    other.write(b'{"b": 2}')
    assert jwe.decrypt(base.read_bytes(), key) == GOOD
    base.with_name("c.nocae.sealed").unlink()
    assert node.store.load().data == GOOD
    assert node.file == base


def test_damage_is_set_aside_and_no_reason_for_another_file(base: Path) -> None:
    """What no kernel can open is nobody's."""
    node, path = Node(base, HERE), base.with_name("c.nocae.sealed")
    path.parent.mkdir()
    path.write_bytes(b"eyJhbGciOiJkaXIifQ..aa.bb.cc")
    with pytest.raises(StoreError, match="set aside"):
        node.store.load()
    node.write(GOOD)
    assert node.file == path


def test_what_cannot_be_looked_at_is_reported_where_it_is(base: Path) -> None:
    """A link in the first name's place is an error, and not taken for another node's."""
    base.parent.mkdir()
    base.with_name("c.nocae.sealed").symlink_to("elsewhere")
    with pytest.raises(StoreError, match="symbolic link"):
        Node(base, HERE).store.load()
    base.symlink_to("elsewhere")
    assert Node(base, HERE).files.has_one()


def test_lists_every_file_that_may_hold_the_cache(base: Path) -> None:
    """Those of every node, of either key, set aside or left behind; no lock, and nothing of other caches."""
    assert files_of_cache(str(base)) == ()
    base.parent.mkdir()
    of_this = [
        "c.nocae", "c.nocae.keyed", "c.nocae.sealed", "c.nocae.0123456789ab.sealed", "c.nocae.0123456789ab.sealed.tmp",
        "c.nocae.damaged-20260101T000000Z", "c.nocae.sealed.damaged-20260101T000000Z-2", "c.nocae.sealed.lost-key",
        "c.nocae.tmp",
    ]  # fmt: skip
    others = ["c.cae", "c.nocae.lockfile", "c.nocae.write.lock", "c.nocae.refresh.lock", "c.nocae.x.sealed", "xc.nocae"]
    for name in (*of_this, *others):
        (base.parent / name).touch()
    assert files_of_cache(str(base)) == tuple(str(base.parent / name) for name in sorted(of_this))


def test_knows_when_the_kernel_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before now, and after 2010; where that is not known, no file is older."""
    assert 1_260_000_000 < booted_at() < here_and_now()
    monkeypatch.delattr("time.CLOCK_BOOTTIME")
    assert booted_at() == 0


def here_and_now() -> float:
    """Return the time of a file that is written now."""
    return Path("/proc/self").stat().st_mtime


class TestTwoKernelKeyrings:
    """Two namespaces of users, each with keyrings of its own, in one home."""

    @pytest.fixture(autouse=True)
    def _keyrings(self) -> None:
        tried = subprocess.run([*OTHER_KERNEL, "true"], capture_output=True, check=False)
        require(tried.returncode == 0, f"no namespace of users can be made here: {tried.stderr!r}")
        try:
            KernelKeys(key_calls()).probe()
        except StoreUnavailable as reason:
            require(condition=False, reason=f"the kernel's keyring cannot be used: {reason}")

    @pytest.fixture
    def name(self) -> Iterator[str]:
        unique = f"doorcode.test.{os.urandom(6).hex()}"
        yield unique
        calls = key_calls()
        ring = KernelKeys(calls)._ring()
        try:
            calls.unlink(calls.search(ring, f"{unique}.nocae.sealed"), ring)
        except OSError:
            return

    @pytest.fixture(params=[False, True], ids=["sealed", "plain allowed"])
    def job(self, request: pytest.FixtureRequest, name: str, start: Start) -> Callable[..., Program]:
        """Return what starts a job on a node."""
        allowed = ("plain",) if request.param else ()

        def started(*under: str) -> Program:
            program = start("node", name, *allowed, under=under)
            assert program.hear() == "ready"
            return program

        return started

    def test_a_job_on_each_node_in_turn_asks_once_a_node(
        self, home: Path, name: str, job: Callable[..., Program]
    ) -> None:
        """On node 1, on node 2, on node 1 again, on node 2 again: the third and fourth find their own."""
        node1, node2 = job(), job(*OTHER_KERNEL)
        answers = []
        for turn, node in enumerate((node1, node2, node1, node2)):
            node.say(f"turn {turn}")
            answers.append(node.hear())
        assert answers == ["None", "None", '{"by": "turn 0"}', '{"by": "turn 1"}']
        assert not [file for file in names(home / ".IdentityService") if "damaged" in file or "lost" in file]
        assert here().users not in {"", None}

    def test_a_plain_file_is_shared_where_it_is_allowed(self, home: Path, name: str, start: Start) -> None:
        """Programs that allow it, and find one, need no key."""
        plain = home / ".IdentityService" / f"{name}.nocae"
        plain.parent.mkdir(mode=0o700)
        plain.write_bytes(GOOD)
        for under in ((), OTHER_KERNEL):
            node = start("node", name, "plain", under=under)
            assert node.hear() == "ready"
            node.say()
            assert node.hear() == GOOD.decode()
