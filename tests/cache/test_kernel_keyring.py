"""The real kernel's keyring, and one that refuses."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cache.harness import names, require
from doorcode.cache import Conflict, Loaded, StoreKeyError, StoreUnavailable, StoreUnreadable
from doorcode.cache import TokenCachePersistenceOptions as Options
from doorcode.cache._ciphers import jwe
from doorcode.cache._ciphers.keyctl import PROCESS_KEYRING, SESSION_KEYRING, USER_KEYRING, KeyCalls, key_calls
from doorcode.cache._select import choose
from doorcode.cache._stores.file import FileStore
from doorcode.cache._stores.kernel_keyring import KernelCipher, KernelKeys, is_jwe_file
from doorcode.testing._store_contract import OpenStore, StoreContract

pytestmark = pytest.mark.keyring

GOOD = b'{"a": 1}'
KEY_BYTES = 32


@pytest.fixture(scope="module")
def calls() -> KeyCalls:
    """Give the kernel's calls, where there are any."""
    try:
        made = key_calls()
        KernelKeys(made).probe()
    except StoreUnavailable as reason:
        require(condition=False, reason=f"the kernel's keyring cannot be used: {reason}")
        raise
    return made


@pytest.fixture
def name(calls: KeyCalls) -> Iterator[str]:
    """Give a name that no other cache has, and remove its keys at the end."""
    unique = f"doorcode.test.{os.urandom(6).hex()}"
    yield unique
    ring = KernelKeys(calls)._ring()
    for description in (f"{unique}.nocae", f"{unique}.nocae.sealed", f"{unique}.cae.sealed", unique):
        try:
            calls.unlink(calls.search(ring, description), ring)
        except OSError:
            continue


@pytest.fixture
def opener(home: Path, name: str) -> Callable[[], FileStore]:
    """Return what chooses the store as a program does."""

    def opened() -> FileStore:
        store = choose(Options(name=name)).store
        assert isinstance(store, FileStore)
        return store

    return opened


@pytest.fixture
def sealed(home: Path, name: str) -> Path:
    """Give the path of our sealed file."""
    return home / ".IdentityService" / f"{name}.nocae.sealed"


class TestEncryptedByKernel(StoreContract):
    @pytest.fixture
    def open_store(self, opener: Callable[[], FileStore]) -> OpenStore:
        return opener

    @pytest.fixture
    def stored_bytes(self, sealed: Path) -> Callable[[], bytes]:
        return sealed.read_bytes


def key_of(calls: KeyCalls, name: str) -> int:
    """Return the number of our key."""
    return calls.search(KernelKeys(calls)._ring(), f"{name}.nocae.sealed")


def test_keeps_the_key_where_go_keeps_it(
    opener: Callable[[], FileStore], calls: KeyCalls, name: str, sealed: Path
) -> None:
    """The key is 32 bytes and a NUL, named after the file, in the persistent keyring; the file names its number."""
    opener().save(GOOD, None)
    ring = calls.persistent(calls.ring(USER_KEYRING))
    serial = calls.search(ring, sealed.name)
    payload = calls.read(serial, 100)
    assert (len(payload), payload[-1]) == (KEY_BYTES + 1, 0)
    assert jwe.decrypt(sealed.read_bytes(), payload[:KEY_BYTES]) == GOOD
    header = sealed.read_bytes().split(b".")[0]
    assert f'"kid":"{serial}"'.encode() in __import__("base64").b64decode(header + b"==")
    assert key_of(calls, name) == serial


def test_uses_a_key_without_a_file(opener: Callable[[], FileStore], calls: KeyCalls, sealed: Path) -> None:
    """A key that somebody made already is used, with the NUL of Go's or without, and not replaced."""
    ring = KernelKeys(calls)._ring()
    calls.add(ring, sealed.name, bytes(range(KEY_BYTES)))
    opener().save(GOOD, None)
    assert jwe.decrypt(sealed.read_bytes(), bytes(range(KEY_BYTES))) == GOOD


@pytest.mark.parametrize("end", ["unlink", "revoke", "invalidate", "expire"])
def test_starts_afresh_when_the_key_is_gone(
    opener: Callable[[], FileStore], calls: KeyCalls, name: str, sealed: Path, end: str
) -> None:
    """A file whose key is gone reads as empty, silently; the next write keeps it aside and makes a new key."""
    require(end == "unlink" or shutil.which("keyctl"), "keyctl is not here: apt-get install keyutils")
    opener().save(GOOD, None)
    serial = key_of(calls, name)
    old = sealed.read_bytes()
    if end == "unlink":
        calls.unlink(serial, KernelKeys(calls)._ring())
    elif end == "expire":
        subprocess.run(["keyctl", "timeout", str(serial), "1"], check=True)
        _wait_until_expired(calls, name)
    else:
        subprocess.run(["keyctl", end, str(serial)], check=True)
    loaded = opener().load()
    assert loaded.data is None
    assert loaded.stamp is not None
    assert not isinstance(opener().save(b'{"b": 2}', loaded.stamp), Conflict)
    assert opener().load().data == b'{"b": 2}'
    assert sealed.with_name(f"{sealed.name}.lost-key").read_bytes() == old


def _wait_until_expired(calls: KeyCalls, name: str) -> None:
    """Ask the kernel until its own clock has ended the key; nothing tells when."""
    while True:
        try:
            key_of(calls, name)
        except OSError:
            return


def test_keeps_one_file_of_lost_keys(opener: Callable[[], FileStore], calls: KeyCalls, name: str, sealed: Path) -> None:
    """Every reboot loses a key: what is kept aside does not gather."""
    for number in range(3):
        opener().update(lambda _, number=number: b'{"n": %d}' % number)  # type: ignore[misc]
        calls.unlink(key_of(calls, name), KernelKeys(calls)._ring())
    opener().update(lambda _: GOOD)
    assert names(sealed.parent) == [sealed.name, f"{sealed.name}.lost-key"]


def test_sets_aside_what_another_process_encrypted_anew(
    opener: Callable[[], FileStore], calls: KeyCalls, name: str, sealed: Path
) -> None:
    """When the key was replaced, as Go replaces one it cannot read, the file counts as damaged and is kept."""
    stamp = opener().save(GOOD, None)
    calls.add(KernelKeys(calls)._ring(), sealed.name, os.urandom(KEY_BYTES) + b"\0")
    with pytest.raises(StoreUnreadable, match="key that has been replaced"):
        opener().load()
    assert opener().load() == Loaded(None, None)
    stamp = opener().save(GOOD, None)
    assert not isinstance(stamp, Conflict)
    calls.add(KernelKeys(calls)._ring(), sealed.name, os.urandom(KEY_BYTES) + b"\0")
    opener().save(b'{"b": 2}', stamp)
    assert opener().load().data == b'{"b": 2}'
    assert key_of(calls, name)


@pytest.mark.parametrize("length", [1, 31, 34, 100])
def test_never_overwrites_a_key_of_another_length(
    opener: Callable[[], FileStore], calls: KeyCalls, sealed: Path, length: int
) -> None:
    """A key of that name that is not a cache's is an error, for reading and for writing, and stays as it is."""
    ring = KernelKeys(calls)._ring()
    payload = b"x" * length
    serial = calls.add(ring, sealed.name, payload)
    for attempt in (lambda: opener().save(GOOD, None), lambda: opener().update(lambda _: GOOD)):
        with pytest.raises(StoreKeyError, match="not 32 bytes long"):
            attempt()
    assert calls.read(serial, 200) == payload
    assert not sealed.exists()


def test_keeps_two_caches_apart(home: Path, name: str) -> None:
    """Each cache has a key of its own; one's loss is not the other's."""
    plain, cae = choose(Options(name=name)).store, choose(Options(name=name), cae=True).store
    plain.save(GOOD, None)
    cae.save(b'{"cae": 1}', None)
    assert (plain.load().data, cae.load().data) == (GOOD, b'{"cae": 1}')


def test_one_caches_file_in_place_of_the_others_is_refused(
    opener: Callable[[], FileStore], home: Path, name: str, sealed: Path
) -> None:
    """The file of CAE tokens is encrypted with another key: it is set aside, and not read as this cache's."""
    opener().save(GOOD, None)
    choose(Options(name=name), cae=True).store.save(b'{"cae": 1}', None)
    sealed.with_name(f"{name}.cae.sealed").replace(sealed)
    with pytest.raises(StoreUnreadable):
        opener().load()
    assert opener().load() == Loaded(None, None)


def test_works_where_the_session_has_no_link_to_the_users_keyring(
    opener: Callable[[], FileStore], name: str, home: Path
) -> None:
    """A login session whose keyring is new and empty, as over SSH, reads what another session wrote."""
    require(shutil.which("keyctl"), "keyctl is not here: apt-get install keyutils")
    opener().save(GOOD, None)
    program = (
        "from doorcode.cache import TokenCachePersistenceOptions as O\n"
        "from doorcode.cache._select import choose\n"
        f"print(choose(O(name={name!r})).store.load().data)"
    )
    command = ["keyctl", "session", "-", sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == repr(GOOD)


LOAD = (
    "from doorcode.cache import TokenCachePersistenceOptions as O\n"
    "from doorcode.cache._select import choose\n"
    "print(choose(O(name={name!r})).store.load().data)"
)
ENDED = 'keyctl revoke @s; exec "$0" -c "$1"'
"""A shell command after which the session keyring is what a shell in tmux has once its login session has ended."""


def test_works_where_the_login_session_has_ended(opener: Callable[[], FileStore], name: str, home: Path) -> None:
    """A shell in tmux outlives its login session, whose keyring is revoked: the user's own keyring has the key."""
    require(shutil.which("keyctl"), "keyctl is not here: apt-get install keyutils")
    opener().save(GOOD, None)
    command = ["keyctl", "session", "-", "sh", "-c", ENDED, sys.executable, LOAD.format(name=name)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == repr(GOOD)


def test_makes_a_key_where_the_login_session_has_ended(home: Path, name: str, calls: KeyCalls) -> None:
    """What is stored there is found by a process of a session that is alive."""
    require(shutil.which("keyctl"), "keyctl is not here: apt-get install keyutils")
    program = LOAD.format(name=name).replace("load().data", f"save({GOOD!r}, None)")
    command = ["keyctl", "session", "-", "sh", "-c", ENDED, sys.executable, program]
    subprocess.run(command, check=True, capture_output=True)
    assert choose(Options(name=name)).store.load().data == GOOD


class TestGosFile:
    """A sealed file of Go's at the cache's own name."""

    @pytest.fixture
    def gos(self, home: Path, name: str, calls: KeyCalls) -> Path:
        path = home / ".IdentityService" / f"{name}.nocae"
        path.parent.mkdir(mode=0o700)
        key = os.urandom(KEY_BYTES)
        serial = calls.add(KernelKeys(calls)._ring(), path.name, key + b"\0")
        path.write_bytes(jwe.encrypt(GOOD, key, serial))
        return path

    def test_is_shared_under_gos_key(
        self, gos: Path, opener: Callable[[], FileStore], calls: KeyCalls, sealed: Path
    ) -> None:
        """Where no sealed file of ours exists, Go's is read and written, and stays readable for Go."""
        store = opener()
        assert store.load().data == GOOD
        store.update(lambda _: b'{"b": 2}')
        key = calls.read(calls.search(KernelKeys(calls)._ring(), gos.name), 33)[:KEY_BYTES]
        assert jwe.decrypt(gos.read_bytes(), key) == b'{"b": 2}'
        assert not sealed.exists()

    def test_is_left_alone_once_ours_exists(
        self, gos: Path, opener: Callable[[], FileStore], sealed: Path, calls: KeyCalls, name: str
    ) -> None:
        """When a sealed file of ours appears, even a store that is open already goes over to it."""
        store = opener()
        late = store.load()
        before = gos.read_bytes()
        key = KernelKeys(calls).find_or_make(sealed.name)
        sealed.write_bytes(jwe.encrypt(b'{"ours": 1}', key.secret, key.serial))
        assert isinstance(store.save(GOOD, late.stamp), Conflict)
        assert store.load().data == b'{"ours": 1}'
        store.update(lambda _: b'{"ours": 2}')
        assert gos.read_bytes() == before


class Refusing(KeyCalls):
    """A kernel that refuses some calls."""

    def __init__(self, **refused: int) -> None:
        real = key_calls()
        super().__init__(real._add_key, real._keyctl)
        for call, number in refused.items():
            setattr(self, call, self.refusal(number))

    @staticmethod
    def refusal(number: int) -> Callable[..., int]:
        def refuse(*_: object) -> int:
            raise OSError(number, os.strerror(number))

        return refuse


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOSYS])
@pytest.mark.parametrize("call", ["link", "ring", "add", "search", "read"])
def test_says_that_a_container_blocks_it(calls: KeyCalls, call: str, number: int) -> None:
    """Docker's seccomp filter, or a kernel without keys, is a reason in one line."""
    with pytest.raises(StoreUnavailable, match=f"blocked here.*{os.strerror(number)}.*containers"):
        KernelKeys(Refusing(**{call: number})).probe()


@pytest.mark.parametrize("number", [errno.EACCES, 126, 127, 128])
def test_says_what_to_do_where_no_keyring_can_be_had(calls: KeyCalls, number: int) -> None:
    """Neither the session's keyring nor the process's leads to the user's."""
    with pytest.raises(StoreUnavailable, match=f"{os.strerror(number)}; .*login session.*`keyctl session - PROGRAM`"):
        KernelKeys(Refusing(link=number)).probe()


def test_says_why_else_it_cannot_be_used(calls: KeyCalls) -> None:
    """A full quota, for example."""
    with pytest.raises(StoreUnavailable, match=os.strerror(errno.EDQUOT)):
        KernelKeys(Refusing(add=errno.EDQUOT)).probe()
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        KernelKeys(Refusing(read=errno.EACCES)).probe()


@pytest.mark.parametrize("cae", [False, True])
@pytest.mark.parametrize("full", [("add",), ("add", "link")], ids=["no key", "no key and no link"])
def test_a_full_quota_stops_no_cache_whose_key_is_there(
    opener: Callable[[], FileStore], name: str, monkeypatch: pytest.MonkeyPatch, full: tuple[str, ...], *, cae: bool
) -> None:
    """What exists is read and written; the other cache of that name is no reason to use neither."""
    opener().save(GOOD, None)
    refusing = Refusing(**dict.fromkeys(full, errno.EDQUOT))
    monkeypatch.setattr("doorcode.cache._ciphers.keyctl.key_calls", lambda: refusing)
    store = choose(Options(name=name), cae=cae).store
    assert isinstance(store, FileStore)
    if not cae:
        store.update(lambda _: b'{"b": 2}')
        assert opener().load().data == b'{"b": 2}'
    assert store.encrypted


def test_a_full_quota_makes_no_key_seem_gone(calls: KeyCalls, name: str) -> None:
    """Where the persistent keyring cannot be linked, a key in it is neither looked for elsewhere nor replaced."""
    KernelKeys(calls).find_or_make(name)
    with pytest.raises(StoreUnavailable, match=os.strerror(errno.EDQUOT)):
        KernelKeys(Refusing(persistent=errno.EDQUOT)).find(name)


def test_a_key_of_another_length_does_not_hide_the_kernels_refusal(calls: KeyCalls, name: str) -> None:
    """It says nothing of whether a cache could be encrypted."""
    calls.add(KernelKeys(calls)._ring(), name, b"short")
    KernelKeys(calls).probe(name)
    with pytest.raises(StoreUnavailable, match=os.strerror(errno.EDQUOT)):
        KernelKeys(Refusing(add=errno.EDQUOT)).probe(name)


def test_does_not_rely_on_a_kernel_that_forgets(calls: KeyCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round trip that does not return what was sent is a reason not to use it."""
    keys = KernelKeys(calls)
    monkeypatch.setattr(keys, "find", lambda _: None)
    with pytest.raises(StoreUnavailable, match="did not give back"):
        keys.probe()


def test_uses_the_user_keyring_where_there_is_no_persistent_one(calls: KeyCalls, name: str) -> None:
    """A kernel without persistent keyrings keeps the key in the user keyring."""
    keys = KernelKeys(Refusing(persistent=errno.EOPNOTSUPP))
    key = keys.find_or_make(name)
    assert keys.find(name) == key
    user = calls.ring(USER_KEYRING)
    calls.unlink(key.serial, user)
    assert keys.find(name) is None


def test_an_unreadable_key_is_an_error(calls: KeyCalls, name: str) -> None:
    """A key that is there and may not be read is not taken for none, or another would be put in its place."""
    KernelKeys(calls).find_or_make(name)
    with pytest.raises(StoreKeyError, match="there and cannot be read"):
        KernelKeys(Refusing(read=errno.EACCES)).find_or_make(name)


def test_a_key_that_cannot_be_made_is_an_error(calls: KeyCalls, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Encryption fails with the reason, and when the kernel drops the key at once."""
    with pytest.raises(StoreKeyError, match=os.strerror(errno.EDQUOT)):
        KernelCipher(name, KernelKeys(Refusing(add=errno.EDQUOT))).encrypt(GOOD)
    keys = KernelKeys(calls)
    monkeypatch.setattr(keys, "find", lambda _: None)
    with pytest.raises(StoreKeyError, match="lost the key"):
        keys.find_or_make(name)


def test_shows_no_key(calls: KeyCalls, name: str) -> None:
    """The repr of a key has its number only."""
    key = KernelKeys(calls).find_or_make(name)
    assert repr(key) == f"_Key(serial={key.serial})"


@pytest.mark.parametrize(("machine", "pointer"), [("riscv64", 8), ("x86_64", 4)])
def test_knows_where_it_does_not_know_the_numbers(machine: str, pointer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other machines, and 32-bit programs on these, are told that it is unavailable."""
    monkeypatch.setattr("os.uname", lambda: os.uname_result(("Linux", "x", "6", "#1", machine)))
    monkeypatch.setattr("struct.calcsize", lambda _: pointer)
    with pytest.raises(StoreUnavailable, match=f"not known for this machine \\({machine}\\)"):
        key_calls()


def test_knows_that_other_systems_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no uname."""
    monkeypatch.delattr("os.uname")
    with pytest.raises(StoreUnavailable, match="unknown"):
        key_calls()


def test_numbers_of_special_keyrings_are_the_kernels() -> None:
    """As linux/keyctl.h has them."""
    assert (PROCESS_KEYRING, SESSION_KEYRING, USER_KEYRING) == (-2, -3, -4)


def test_looks_for_gos_file_without_waiting(tmp_path: Path) -> None:
    """A FIFO or a directory in its place is not Go's file, and nobody waits for it."""
    os.mkfifo(tmp_path / "fifo")
    assert not is_jwe_file(str(tmp_path / "fifo"))
    assert not is_jwe_file(str(tmp_path))
    assert not is_jwe_file(str(tmp_path / "nothing"))
