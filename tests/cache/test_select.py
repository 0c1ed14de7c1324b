"""Which store is chosen where, and what people are told."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import doorcode.cache
from cache.harness import names
from doorcode.cache import StoreError, StoreUnavailable, StoreUnreadable, _select, status
from doorcode.cache import TokenCachePersistenceOptions as Options
from doorcode.cache._ciphers import keyctl
from doorcode.cache._locks.lock import CacheLock
from doorcode.cache._select import Choice, choose
from doorcode.cache._stores.kernel_keyring import KernelCipher
from doorcode.cache._stores.keychain import KeychainBackend
from doorcode.cache._stores.read_only_file import ReadOnlyFile

KEY = bytes(range(32))
GOOD = b'{"a": 1}'


@pytest.fixture
def directory(home: Path) -> Path:
    """Give the cache's directory, which is not there yet."""
    return home / ".IdentityService"


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the kernel's keyring away, as Docker does."""

    def refuse() -> None:
        raise StoreUnavailable("the kernel's keyring is blocked here")

    monkeypatch.setattr(keyctl, "key_calls", refuse)


class Keys:
    """Kernel keys that are always there."""

    def __init__(self, _: object = None) -> None:
        pass

    def probe(self, *_: str) -> None:
        pass


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a kernel keyring on whatever machine this is."""
    monkeypatch.setattr(keyctl, "key_calls", lambda: None)
    monkeypatch.setattr("doorcode.cache._stores.kernel_keyring.KernelKeys", Keys)


def linux(**options: Any) -> Choice:
    """Choose as on Linux."""
    return choose(Options(**options), platform="linux")


@pytest.mark.usefixtures("home", "no_kernel")
def test_nothing_to_encrypt_with_is_an_error_that_names_everything_tried() -> None:
    """The error is azure-identity's type, lists each kind with its reason, and says what to do."""
    with pytest.raises(ValueError, match="cannot be encrypted here") as caught:
        linux()
    lines = str(caught.value).splitlines()
    assert lines[1:4] == [
        "  - Secret Service: there is no D-Bus session (DBUS_SESSION_BUS_ADDRESS is not set)",
        "  - kernel keyring: the kernel's keyring is blocked here",
        "  - plain file: allow_unencrypted_storage is not set",
    ]
    assert "encryption_key" in lines[4]
    assert "allow_unencrypted_storage=True" in lines[4]


@pytest.mark.usefixtures("home")
def test_a_python_without_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that was built without libffi has no kernel keyring: a reason, and a plain file where it is allowed."""
    monkeypatch.setitem(sys.modules, "ctypes", None)
    monkeypatch.setattr(keyctl, "key_calls", lambda: keyctl.KeyCalls(248, 250))
    with pytest.raises(ValueError, match="kernel keyring: .* this Python has no module ctypes"):
        linux()
    assert linux(allow_unencrypted_storage=True).store.encrypted is False


@pytest.mark.usefixtures("no_kernel")
def test_a_plain_file_only_where_it_is_allowed_and_with_a_caution(directory: Path) -> None:
    """It is azure-identity's file, private, and the caution says why nothing else was possible."""
    choice = linux(allow_unencrypted_storage=True)
    choice.store.save(GOOD, None)
    assert (directory / "msal.cache.nocae").read_bytes() == GOOD
    assert directory.stat().st_mode & 0o777 == 0o700
    assert choice.store.encrypted is False
    assert choice.caution is not None
    assert str(directory / "msal.cache.nocae") in choice.caution
    assert "blocked here" in choice.caution
    assert [rejected.store for rejected in choice.rejected] == ["Secret Service", "kernel keyring"]


@pytest.mark.usefixtures("kernel")
def test_the_kernel_keyring_comes_before_the_plain_file(directory: Path) -> None:
    """Allowing plain storage does not ask for it."""
    choice = linux(allow_unencrypted_storage=True)
    assert str(directory / "msal.cache.nocae.sealed") in choice.store.describe()
    assert (choice.store.encrypted, choice.caution) == (True, None)


@pytest.mark.usefixtures("kernel")
def test_an_existing_plain_file_is_shared_where_it_is_allowed(directory: Path) -> None:
    """azure-identity's programs in this home keep theirs there already."""
    directory.mkdir()
    (directory / "msal.cache.nocae").write_bytes(GOOD)
    shared = linux(allow_unencrypted_storage=True)
    assert (shared.store.load().data, shared.store.encrypted, shared.also) == (GOOD, False, ())
    assert "exists and may be used" in str(shared.rejected[1])
    alone = linux()
    assert str(directory / "msal.cache.nocae.sealed") in alone.store.describe()
    assert alone.also == ()


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("content", [b"", b"eyJhbGciOiJkaXIifQ..aa.bb.cc"], ids=["signal", "Go's"])
def test_other_content_at_that_place_is_no_plain_cache(directory: Path, content: bytes) -> None:
    """A keyring's empty signal file or Go's sealed file make no plain cache."""
    directory.mkdir()
    (directory / "msal.cache.nocae").write_bytes(content)
    assert linux(allow_unencrypted_storage=True).store.encrypted


@pytest.mark.usefixtures("kernel")
def test_a_plain_file_that_is_damaged_stays_the_place(directory: Path) -> None:
    """It is set aside by whoever uses it: what azure-identity reads must not come to stand elsewhere for good."""
    directory.mkdir()
    (directory / "msal.cache.nocae").write_bytes(b"{")
    store = linux(allow_unencrypted_storage=True).store
    assert not store.encrypted
    with pytest.raises(StoreUnreadable, match="it was set aside"):
        store.load()
    assert not linux(allow_unencrypted_storage=True).store.encrypted


@pytest.mark.usefixtures("kernel")
def test_a_plain_file_that_is_being_written_counts(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """msal-extensions empties the file first, and holds its lock until it is written."""
    directory.mkdir()
    plain = directory / "msal.cache.nocae"
    plain.write_bytes(b"")

    @contextlib.contextmanager
    def hold(lock: CacheLock) -> Iterator[None]:
        assert lock.path == f"{plain}.lockfile"
        plain.write_bytes(GOOD)
        yield

    monkeypatch.setattr(CacheLock, "hold", hold)
    assert not linux(allow_unencrypted_storage=True).store.encrypted


@pytest.mark.usefixtures("kernel")
def test_an_empty_file_that_cannot_be_locked_is_a_signal(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a home that cannot be written."""

    def hold(_: CacheLock) -> Any:
        raise StoreError("read-only")

    directory.mkdir()
    (directory / "msal.cache.nocae").write_bytes(b"")
    monkeypatch.setattr(CacheLock, "hold", hold)
    assert linux(allow_unencrypted_storage=True).store.encrypted


@pytest.mark.usefixtures("kernel")
def test_a_plain_file_that_cannot_be_read_counts(directory: Path) -> None:
    """A link in its place is somebody's cache; using it says what is wrong."""
    directory.mkdir()
    (directory / "msal.cache.nocae").symlink_to("elsewhere")
    assert not linux(allow_unencrypted_storage=True).store.encrypted


@pytest.mark.usefixtures("kernel")
def test_a_sealed_cache_of_ours_stays_the_one(directory: Path) -> None:
    """A plain file that appears later is only read, where allowed."""
    directory.mkdir()
    (directory / "msal.cache.nocae.sealed").touch()
    (directory / "msal.cache.nocae").write_bytes(GOOD)
    choice = linux(allow_unencrypted_storage=True)
    assert "sealed" in choice.store.describe()
    (other,) = choice.also
    assert isinstance(other, ReadOnlyFile)
    assert other.load().data == GOOD


@pytest.mark.usefixtures("kernel")
def test_gos_sealed_file_is_shared_until_ours_exists(directory: Path) -> None:
    """Where only Go's exists it is used; ours takes over as soon as it is there."""
    directory.mkdir()
    (directory / "msal.cache.nocae").write_bytes(b"eyJhbGciOiJkaXIifQ..aa.bb.cc")
    store = linux().store
    assert store.describe().startswith(f"the file {directory / 'msal.cache.nocae'},")
    (directory / "msal.cache.nocae.sealed").touch()
    assert store.describe().startswith(f"the file {directory / 'msal.cache.nocae.sealed'},")


@pytest.mark.parametrize("cae", [False, True])
def test_the_programs_own_key_encrypts_a_file_of_its_own(directory: Path, *, cae: bool) -> None:
    """Nothing else is tried, and neither azure-identity's file nor the kernel's is touched."""
    store = choose(Options(encryption_key=KEY), cae=cae, platform="linux").store
    store.save(GOOD, None)
    assert names(directory) == [f"msal.cache.{'cae' if cae else 'nocae'}.keyed"]
    assert store.encrypted


@pytest.mark.usefixtures("no_kernel")
def test_a_path_chooses_the_file(home: Path) -> None:
    """`path=` replaces directory and name, for every kind of file; `~` is the home directory."""
    keyed = choose(Options(path="~/mine/cache", encryption_key=KEY), platform="linux").store
    keyed.save(GOOD, None)
    plain = choose(Options(path=home / "plain", allow_unencrypted_storage=True), cae=True, platform="linux")
    plain.store.save(GOOD, None)
    assert names(home) == ["mine", "plain.cae"]
    assert names(home / "mine") == ["cache.nocae"]
    assert "it has no path" in str(plain.rejected[0])


@pytest.mark.usefixtures("kernel", "home")
def test_a_path_is_the_name_of_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches of one name in two directories share no key: their locks could not keep them from replacing it."""
    names: list[str] = []
    made = KernelCipher.__init__
    monkeypatch.setattr(
        KernelCipher, "__init__", lambda cipher, name, keys: (names.append(name), made(cipher, name, keys))[1]
    )
    linux(path=tmp_path / "x")
    linux(name="x")
    assert set(names) == {f"{tmp_path}/x.nocae.sealed", f"{tmp_path}/x.nocae", "x.nocae.sealed", "x.nocae"}


def test_windows_file_is_azure_identitys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    r"""%LOCALAPPDATA%\\.IdentityService, protected by Windows."""
    monkeypatch.setattr("doorcode.cache._stores.dpapi.DpapiCipher.probe", lambda _: None)
    choice = choose(Options(), environ={"LOCALAPPDATA": str(tmp_path)}, platform="win32")
    expected = tmp_path / ".IdentityService" / "msal.cache.nocae"
    assert choice.store.describe() == f"the file {expected}, encrypted by Windows for this user"


def test_macos_item_is_azure_identitys(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Keychain's service and account."""
    monkeypatch.setattr(KeychainBackend, "probe", lambda _: None)
    assert "account 'MSALCache'" in choose(Options(), platform="darwin").store.describe()
    assert "account 'mine.cae'" in choose(Options(name="mine"), cae=True, platform="darwin").store.describe()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("platform", "kind"), [("win32", "Windows data protection"), ("darwin", "Keychain")])
def test_other_systems_fall_back_only_where_it_is_allowed(platform: str, kind: str, tmp_path: Path) -> None:
    """Where the system's protection does not work there is a reason, no traceback of ctypes, and the plain file."""
    environ = {"LOCALAPPDATA": str(tmp_path), "HOME": str(tmp_path)}
    with pytest.raises(ValueError, match=f"  - {kind}: "):
        choose(Options(), environ=environ, platform=platform)
    choice = choose(Options(allow_unencrypted_storage=True), environ=environ, platform=platform)
    assert choice.store.encrypted is False
    assert choice.rejected[0].store == kind


@pytest.mark.usefixtures("home")
def test_an_unknown_system_has_only_files() -> None:
    """There is nothing to encrypt with."""
    with pytest.raises(ValueError, match="plain file"):
        choose(Options(), platform="plan9")
    assert not choose(Options(allow_unencrypted_storage=True), platform="plan9").store.encrypted


@pytest.mark.parametrize(("platform", "variable"), [("win32", "LOCALAPPDATA"), ("linux", "HOME"), ("darwin", "HOME")])
@pytest.mark.parametrize("value", [None, "", "relative"])
def test_a_missing_directory_is_named(
    platform: str, variable: str, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a home the error names the variable and the option that does without it."""
    monkeypatch.setattr(_select, "home_of_user", lambda: None)
    environ = {} if value is None else {variable: value}
    with pytest.raises(ValueError, match=f"{variable} is not set.*path="):
        choose(Options(), environ=environ, platform=platform)


def test_the_users_own_home_stands_in_for_a_missing_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell's `~` does; a user that the system does not know has none, and neither has Windows."""
    assert Path(str(_select.home_of_user())).is_absolute()
    monkeypatch.setattr("os.geteuid", lambda: 2**31 - 7)
    assert _select.home_of_user() is None
    monkeypatch.setitem(sys.modules, "pwd", None)
    assert _select.home_of_user() is None


@pytest.mark.usefixtures("home", "no_kernel")
def test_the_choice_is_the_same_every_time() -> None:
    """Nothing that choosing does changes the next choice."""
    options = Options(allow_unencrypted_storage=True)
    descriptions = []
    for _ in range(3):
        choice = choose(options, platform="linux")
        choice.store.update(lambda _: GOOD)  # type: ignore[attr-defined]
        descriptions.append(choice.store.describe())
    assert len(set(descriptions)) == 1


class TestStatus:
    @pytest.mark.usefixtures("kernel")
    def test_tells_what_would_be_used_and_why_not_the_others(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """People read it as text, programs by its fields; nothing is written."""
        monkeypatch.setattr(sys, "platform", "linux")
        told = status()
        assert told.encrypted
        assert [rejected.store for rejected in told.rejected] == ["Secret Service"]
        assert str(told).splitlines() == [
            (
                f"Sign-ins are kept in the file {directory / 'msal.cache.nocae.sealed'}, encrypted with a key in the "
                "kernel's keyring, which a reboot ends."
            ),
            "Not used:",
            "  - Secret Service: there is no D-Bus session (DBUS_SESSION_BUS_ADDRESS is not set)",
        ]
        assert not directory.exists()

    @pytest.mark.usefixtures("home", "no_kernel")
    def test_tells_that_nothing_would_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An error of choosing is what it has to tell."""
        monkeypatch.setattr(sys, "platform", "linux")
        told = status()
        assert (told.store, told.encrypted) == (None, False)
        assert "cannot be encrypted here" in str(told)

    def test_takes_the_options_of_a_credential(self, home: Path) -> None:
        """With the program's key there is nothing to reject."""
        told = status(Options(encryption_key=KEY), cae=True)
        assert str(told) == (
            f"Sign-ins are kept in the file {home}/.IdentityService/msal.cache.cae.keyed, encrypted with the "
            "program's own key."
        )
        with pytest.raises(TypeError, match="must be a TokenCachePersistenceOptions"):
            status("msal.cache")

    @pytest.mark.parametrize(
        ("case", "reason"),
        [
            ("a directory that others may write", "others may write to the directory {path}"),
            ("a directory without write permission", "this process may not write to {path}"),
            ("a directory that cannot be made", "this process may not write to {path}"),
            ("below a file", "Not a directory"),
            ("another user's lock", "is a directory, and not a regular file"),
        ],
    )
    def test_tells_that_new_sign_ins_are_kept_in_memory_only(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, reason: str
    ) -> None:
        """The reason is that of the warning which a credential logs there, and nothing is changed."""
        path = tmp_path / "place"
        cache = path / "cache"
        if case == "below a file":
            path.write_text("")
        else:
            path.mkdir(mode=0o700)
        if case.startswith("a directory that others"):
            path.chmod(0o777)
        elif case == "another user's lock":
            (path / "cache.nocae.lockfile").mkdir()
        elif case != "below a file":  # root may write anywhere
            monkeypatch.setattr("os.access", lambda place, *_args, **_more: place != str(path))
            monkeypatch.setattr("os.supports_effective_ids", ())
        if case == "a directory that cannot be made":
            cache = path / "new" / "cache"
        before = sorted(tmp_path.rglob("*"))
        told = status(Options(encryption_key=KEY, path=cache))
        assert reason.format(path=path) in str(told.memory_only)
        assert str(told).startswith(f"New sign-ins are kept in memory only, for one process: {told.memory_only}.\n")
        assert "Sign-ins are kept in" not in str(told)
        assert sorted(tmp_path.rglob("*")) == before

    def test_tells_that_the_key_is_another_one(self, tmp_path: Path) -> None:
        """A credential raises the same words."""
        choose(Options(encryption_key=KEY, path=tmp_path / "cache")).store.save(GOOD, None)
        told = status(Options(encryption_key=bytes(32), path=tmp_path / "cache"))
        assert told.store is None
        assert "was encrypted with another encryption_key" in str(told)
        assert f"If that key is lost, remove the file (rm {tmp_path / 'cache.nocae'}), and the user signs in" in str(
            told
        )

    def test_tells_that_the_programs_key_cannot_be_had(self, home: Path) -> None:
        """A function that raises is an error before a cache is there to be opened."""

        def no_key() -> bytes:
            raise KeyError("SIGN_IN_KEY")

        told = status(Options(encryption_key=no_key))
        assert (told.store, told.error) == (
            None,
            "cannot get the encryption_key: the function raised KeyError: 'SIGN_IN_KEY'",
        )


class TestImports:
    HEAVY = "azure.core", "msal", "msal_extensions", "cryptography", "requests", "asyncio", "jeepney", "secretstorage"

    def loaded_after(self, program: str) -> set[str]:
        """Return which of the heavy modules a new process has loaded after some statements."""
        report = f"import json, sys\n{program}\nprint(json.dumps([m for m in {self.HEAVY!r} if m in sys.modules]))"
        done = subprocess.run([sys.executable, "-c", report], check=True, capture_output=True, text=True)
        return set(json.loads(done.stdout))

    def test_importing_the_package_loads_nothing(self) -> None:
        """Nor does looking at what it has."""
        assert self.loaded_after("import doorcode.cache; dir(doorcode.cache)") == set()

    def test_all_public_names_load_nothing_heavy(self) -> None:
        """Options, Protocol, errors and status are cheap."""
        assert self.loaded_after("from doorcode.cache import *") == set()

    def test_reading_a_plain_cache_loads_nothing_heavy(self, tmp_path: Path) -> None:
        """A silent read of a stored token needs no cryptography."""
        (tmp_path / "cache").write_bytes(GOOD)
        program = f"from doorcode.cache._stores.file import FileStore; FileStore({str(tmp_path / 'cache')!r}).load()"
        assert self.loaded_after(program) == set()

    def test_choosing_without_a_desktop_loads_nothing_heavy(self, home: Path) -> None:
        """Neither do the kernel's keys: cryptography is for sealing and opening."""
        program = (
            "from doorcode.cache import *; from doorcode.cache._select import choose\n"
            "choose(TokenCachePersistenceOptions(allow_unencrypted_storage=True)).store.load()"
        )
        assert self.loaded_after(program) == set()

    def test_has_the_names_it_says(self) -> None:
        """Every public name is there, and no other."""
        assert [name for name in dir(doorcode.cache) if not hasattr(doorcode.cache, name)] == []
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = doorcode.cache.nothing  # type: ignore[attr-defined]
