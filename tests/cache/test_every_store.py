"""What accounts(), sign_out() and clear() reach: every store that may hold the cache, or an error that names it."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cache.harness import names
from doorcode import cache
from doorcode.cache import StoreError, StoreKeyError, StoreUnavailable
from doorcode.cache import TokenCachePersistenceOptions as Options
from doorcode.cache._every_store import EveryStore, Troubles
from doorcode.cache._files.host import Host
from doorcode.cache._select import choose
from doorcode.cache._stores.kernel_keyring import KernelKeys
from doorcode.cache._stores.nodes import NodeFiles
from doorcode.cache._stores.signalled import SignalledStore
from support import rows

KEY = bytes(range(32))
ENVIRONMENT_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NAME = "msal.cache.nocae"


class Keys(KernelKeys):
    """The keys of one kernel, without the kernel."""

    kept: dict[str, bytes] = {}  # noqa: RUF012 - of the kernel, whoever asks
    refusal: StoreError | None = None

    def __init__(self, _: object = None) -> None:
        pass

    def probe(self, *_: str) -> None:
        if self.refusal is not None:
            raise self.refusal

    def find(self, description: str) -> Any:
        if self.refusal is not None:
            raise self.refusal
        secret = self.kept.get(description)
        return None if secret is None else type("Key", (), {"secret": secret, "serial": 7})()

    def find_or_make(self, description: str) -> Any:
        self.kept.setdefault(description, os.urandom(32))
        return self.find(description)


class Keyring:
    """A desktop's keyring."""

    def __init__(self) -> None:
        self.items: dict[str, bytes] = {}
        self.locked = False
        self.finds_locked = True
        self.refusal: StoreError | None = None

    def vault(self, address: str, name: str) -> Vault:
        return Vault(self, name)


class Vault:
    """One item of the keyring, as `SecretServiceBackend` is."""

    def __init__(self, keyring: Keyring, name: str) -> None:
        self.keyring = keyring
        self.name = name

    def describe(self) -> str:
        return f"the Secret Service, item {self.name}"

    def probe(self) -> None:
        self.opened()

    def holds_anything(self) -> bool:
        if self.keyring.refusal is not None:
            raise self.keyring.refusal
        found = {self.name, f"{self.name}.damaged"} & self.keyring.items.keys()
        return bool(found) and (self.keyring.finds_locked or not self.keyring.locked)

    def is_locked(self) -> bool:
        return self.keyring.locked

    def read(self) -> bytes | None:
        return self.opened().get(self.name)

    def write(self, data: bytes) -> None:
        self.opened()[self.name] = data

    def remove(self) -> None:
        self.opened().pop(self.name, None)

    def keep(self, data: bytes) -> str:
        self.opened()[f"{self.name}.damaged"] = data
        return "another item"

    def discard(self) -> None:
        self.opened().pop(f"{self.name}.damaged", None)

    def opened(self) -> dict[str, bytes]:
        if self.keyring.refusal is not None:
            raise self.keyring.refusal
        if self.keyring.locked:
            raise StoreUnavailable("the keyring that has the token cache is locked")
        return self.keyring.items


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    """Give the keyring of a desktop session, which is there when the bus's address is set."""
    made = Keyring()
    monkeypatch.setattr("doorcode.cache._stores.secret_service.SecretServiceBackend", made.vault)
    return made


@pytest.fixture
def directory(home: Path, keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the caches' directory, on Linux with a kernel keyring."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("doorcode.cache._ciphers.keyctl.key_calls", lambda: None)
    monkeypatch.setattr("doorcode.cache._stores.kernel_keyring.KernelKeys", Keys)
    monkeypatch.setattr(Keys, "kept", {})
    monkeypatch.setattr(Keys, "refusal", None)
    return home / ".IdentityService"


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run on the desktop."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/bus")


def content(*people: str) -> bytes:
    """Return a cache in which these are signed in."""
    state: dict[str, dict[str, Any]] = {}
    for person in people:
        for section, added in rows.rows(time.time(), account=person).items():
            state.setdefault(section, {}).update(added)
    return json.dumps(state).encode()


def people(options: Options | None = None) -> set[str]:
    """Return who is signed in."""
    return {account.home_account_id for account in cache.accounts(options)}


def put(store: Any, *people: str) -> None:
    """Sign people in, in a store."""
    store.update(lambda _: content(*people))


def on_desktop(monkeypatch: pytest.MonkeyPatch, *people: str) -> None:
    """Sign people in on the desktop."""
    with monkeypatch.context() as patched:
        patched.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/bus")
        store = choose(Options()).store
        assert isinstance(store, SignalledStore)
        put(store, *people)


def over_ssh(*people: str) -> None:
    """Sign people in where only the kernel's keyring is to be had."""
    store = choose(Options()).store
    assert "sealed" in store.describe()
    put(store, *people)


def with_key(monkeypatch: pytest.MonkeyPatch, *people: str) -> None:
    """Sign people in where the environment has a key."""
    with monkeypatch.context() as patched:
        patched.setenv("DOORCODE_CACHE_KEY", ENVIRONMENT_KEY)
        put(choose(Options()).store, *people)


def plain(directory: Path, *people: str) -> None:
    """Sign people in in the plain file, as another program does."""
    directory.mkdir(mode=0o700, exist_ok=True)
    (directory / NAME).write_bytes(content(*people))


def everywhere(monkeypatch: pytest.MonkeyPatch, directory: Path, *people: str) -> None:
    """Sign people in in every kind of store."""
    over_ssh(*people)
    on_desktop(monkeypatch, *people)
    with_key(monkeypatch, *people)
    plain(directory, *people)


def caches(directory: Path) -> list[str]:
    """Return the files that are there, but for locks."""
    return [name for name in names(directory) if not name.endswith((".lock", ".lockfile"))]


@pytest.mark.usefixtures("desktop")
class TestAllThatIsThere:
    @pytest.fixture(autouse=True)
    def _signed_in(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        everywhere(monkeypatch, directory, "ada.t", "grace.t")
        monkeypatch.setenv("DOORCODE_CACHE_KEY", ENVIRONMENT_KEY)

    def test_is_cleared(self, directory: Path, keyring: Keyring) -> None:
        """No store is left, nor a trace of one."""
        cache.clear()
        assert caches(directory) == []
        assert keyring.items == {}
        assert people() == set()
        cache.clear()

    def test_lets_go_of_one_account(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Everybody else stays signed in, in each store."""
        (ada,) = (account for account in cache.accounts() if account.home_account_id == "ada.t")
        cache.sign_out(ada)
        assert people() == {"grace.t"}
        for store in EveryStore(Options(), cae=False, warn=print).read(Troubles()):
            assert {row["home_account_id"] for row in store["RefreshToken"].values()} == {"grace.t"}
        assert len(EveryStore(Options(), cae=False, warn=print).read(Troubles())) == 4

    def test_is_listed(self, directory: Path) -> None:
        """Whichever store has the account."""
        plain(directory, "linus.t")
        assert people() == {"ada.t", "grace.t", "linus.t"}

    def test_is_not_what_a_key_in_the_program_encrypts(self, directory: Path) -> None:
        """A program that names its key is only ever signed in from the file under that key."""
        before = caches(directory)
        cache.clear(Options(encryption_key=KEY))
        assert sorted({*before} - {*caches(directory)}) == [f"{NAME}.keyed"]


class TestKeyringThatIsNotReached:
    """Signed in on the desktop, and out somewhere else."""

    REASONS: ClassVar[dict[str, Callable[[Keyring, pytest.MonkeyPatch], object]]] = {
        "no session": lambda _, patch: patch.delenv("DBUS_SESSION_BUS_ADDRESS"),
        "locked": lambda keyring, _: setattr(keyring, "locked", True),
        "locked, and finds nothing": lambda keyring, _: (
            setattr(keyring, "locked", True),
            setattr(keyring, "finds_locked", False),
        ),
        "away": lambda keyring, _: setattr(keyring, "refusal", StoreUnavailable("no answer in time")),
    }

    @pytest.fixture(params=[*REASONS.values()], ids=[*REASONS])
    def away(
        self,
        request: pytest.FixtureRequest,
        keyring: Keyring,
        desktop: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Callable[[], object]:
        return lambda: request.param(keyring, monkeypatch)

    def test_is_an_error_that_names_it(
        self,
        directory: Path,
        keyring: Keyring,
        away: Callable[[], object],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """In all three alike; what can be reached is cleared all the same."""
        on_desktop(monkeypatch, "ada.t")
        (ada,) = cache.accounts()
        away()
        over_ssh("ada.t")
        for attempt in (cache.accounts, lambda: cache.sign_out(ada), cache.clear, cache.clear):
            with pytest.raises(StoreError, match="the Secret Service, item msal.cache.nocae"):
                attempt()
        assert f"{NAME}.sealed" not in caches(directory)
        assert keyring.items != {}

    def test_is_cleared_as_soon_as_it_is_reached(
        self, directory: Path, keyring: Keyring, away: Callable[[], object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What shows that the keyring has something stays until then, and goes with it."""
        on_desktop(monkeypatch, "ada.t")
        away()
        with pytest.raises(StoreError):
            cache.clear()
        keyring.locked, keyring.refusal = False, None
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/bus")
        cache.clear()
        monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
        cache.clear()
        assert people() == set()
        assert caches(directory) == []

    def test_is_no_error_where_it_was_never_used(
        self, directory: Path, away: Callable[[], object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A machine without a desktop, or one whose user has only ever come over SSH."""
        away()
        assert people() == set()
        cache.clear()
        over_ssh("ada.t")
        plain(directory, "ada.t")
        (ada,) = cache.accounts()
        cache.sign_out(ada)
        assert people() == set()
        cache.clear()
        assert caches(directory) == []

    @pytest.mark.parametrize("mark", ["ours", "another library's"])
    def test_is_known_by_what_its_user_left(
        self, directory: Path, keyring: Keyring, away: Callable[[], object], monkeypatch: pytest.MonkeyPatch, mark: str
    ) -> None:
        """An empty signal file; a mark of ours where another program writes a plain cache into that file."""
        on_desktop(monkeypatch, "ada.t")
        if mark == "ours":
            plain(directory, "ada.t")
        else:
            (directory / f"{NAME}.keyring").unlink()
        away()
        with pytest.raises(StoreError, match="Secret Service"):
            cache.clear()
        assert caches(directory) == ([f"{NAME}.keyring"] if mark == "ours" else [NAME])


class TestFullDisk:
    @pytest.mark.parametrize("people_here", [["ada.t"], ["ada.t", "grace.t"]], ids=["alone", "two"])
    def test_an_account_is_signed_out_where_that_needs_no_room(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch, people_here: list[str]
    ) -> None:
        """The file of the only account is removed; one that must be written anew stays, with an error."""
        over_ssh(*people_here)
        (ada,) = (account for account in cache.accounts() if account.home_account_id == "ada.t")

        def refuse(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr("os.write", refuse)
            if people_here == ["ada.t"]:
                cache.sign_out(ada)
            else:
                with pytest.raises(StoreError, match=os.strerror(errno.ENOSPC)):
                    cache.sign_out(ada)
        assert people() == ({*people_here} if len(people_here) > 1 else set())
        assert bool(caches(directory)) == (len(people_here) > 1)


class TestFilesThatCannotBeOpened:
    def test_a_kernel_that_refuses_is_an_error_that_names_the_file(self, directory: Path) -> None:
        """As in a container that mounts the home; removing the whole file needs no key."""
        over_ssh("ada.t")
        (ada,) = cache.accounts()
        Keys.refusal = StoreUnavailable("the kernel's keyring is blocked here")
        for attempt in (cache.accounts, lambda: cache.sign_out(ada)):
            with pytest.raises(StoreError, match=rf"{NAME}\.sealed, .*blocked here"):
                attempt()
        cache.clear()
        assert caches(directory) == []

    def test_a_file_under_a_key_that_is_not_given_is_an_error_that_names_it(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The environment had a key when the user signed in; removing the whole file needs none."""
        with_key(monkeypatch, "ada.t")
        for attempt in (
            cache.accounts,
            lambda: cache.sign_out(cache.CachedAccount("ada.t", "", rows.HOST, (rows.CLIENT,))),
        ):
            with pytest.raises(StoreKeyError, match=rf"{NAME}\.keyed is encrypted with a key.*DOORCODE_CACHE_KEY"):
                attempt()
        cache.clear()
        assert caches(directory) == []

    def test_the_same_at_a_path_of_the_programs(self, directory: Path, tmp_path: Path) -> None:
        """There the file has the cache's own name."""
        put(choose(Options(path=tmp_path / "c", encryption_key=KEY)).store, "ada.t")
        with pytest.raises(StoreKeyError, match=r"c\.nocae is encrypted"):
            cache.accounts(Options(path=tmp_path / "c"))
        assert people(Options(path=tmp_path / "c", encryption_key=KEY)) == {"ada.t"}
        cache.clear(Options(path=tmp_path / "c"))
        assert people(Options(path=tmp_path / "c", encryption_key=KEY)) == set()

    def test_a_file_whose_key_is_gone_is_removed(self, directory: Path) -> None:
        """Nobody can tell whose tokens are in it, nor open it; a key that seemed to be gone may be found again."""
        over_ssh("ada.t")
        (ada,) = cache.accounts()
        Keys.kept.clear()
        cache.sign_out(ada)
        assert caches(directory) == []

    def test_a_place_that_cannot_be_read_is_an_error(self, directory: Path) -> None:
        """A link, for example, which is not followed; it is removed with the rest."""
        directory.mkdir(mode=0o700)
        (directory / NAME).symlink_to("elsewhere")
        with pytest.raises(StoreError, match=rf"cannot read {directory / NAME}"):
            cache.accounts()
        cache.clear()
        assert caches(directory) == []

    def test_every_trouble_is_told(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """One error names them all, each once."""
        on_desktop(monkeypatch, "ada.t")
        with_key(monkeypatch, "ada.t")
        with pytest.raises(StoreError) as caught:
            cache.accounts()
        first, second = str(caught.value).splitlines()
        assert "Secret Service" in first
        assert f"{NAME}.keyed" in second

    def test_a_directory_that_cannot_be_listed_is_an_error(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is known of what is in it."""

        def refuse(path: str) -> None:
            raise PermissionError(13, "Permission denied", path)

        monkeypatch.setattr("os.listdir", refuse)
        with pytest.raises(StoreError, match="cannot look into"):
            cache.clear()


LEFT = "damaged-20250101T000000Z", "damaged-20250101T000000Z-2", "lost-key", "tmp"


class TestWhatWasSetAside:
    @pytest.fixture
    def left(self, directory: Path) -> list[str]:
        """Leave files of every kind beside each store's, and give their names."""
        directory.mkdir(mode=0o700)
        made = [f"{store}.{end}" for store in (NAME, f"{NAME}.sealed", f"{NAME}.keyed") for end in LEFT]
        for name in made:
            (directory / name).write_bytes(content("ada.t"))
        return made

    @pytest.mark.parametrize("signed_in", [False, True])
    def test_is_gone_with_the_cache(self, directory: Path, left: list[str], *, signed_in: bool) -> None:
        """It holds refresh tokens as the cache did."""
        if signed_in:
            over_ssh("ada.t")
        cache.clear()
        assert caches(directory) == []

    def test_is_gone_with_one_account(self, directory: Path, left: list[str]) -> None:
        """It may hold that account, and nobody can edit it; the others' sign-ins stay."""
        over_ssh("ada.t", "grace.t")
        ada = next(account for account in cache.accounts() if account.home_account_id == "ada.t")
        cache.sign_out(ada)
        assert caches(directory) == [f"{NAME}.sealed"]
        assert people() == {"grace.t"}

    def test_is_gone_from_the_keyring_too(
        self, directory: Path, keyring: Keyring, desktop: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The item of damaged content, whether the cache's own is there or not."""
        damaged = f"{NAME}.damaged"
        on_desktop(monkeypatch, "ada.t")
        (ada,) = cache.accounts()
        on_desktop(monkeypatch, "ada.t", "grace.t")
        keyring.items[damaged] = b"{"
        cache.sign_out(ada)
        assert keyring.items.keys() == {NAME}
        for left in ({damaged}, {NAME, damaged}):
            keyring.items.update(dict.fromkeys(left, b"{"))
            cache.clear()
            assert keyring.items == {}

    def test_is_known_though_no_account_is(
        self, directory: Path, keyring: Keyring, desktop: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A keyring that holds nobody any more holds nothing, and is missed nowhere."""
        on_desktop(monkeypatch, "ada.t")
        (ada,) = cache.accounts()
        cache.sign_out(ada)
        assert keyring.items == {}
        monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
        assert people() == set()
        assert caches(directory) == []

    def test_of_other_caches_and_nodes_stays(self, directory: Path) -> None:
        """Another name, another path, and what another node encrypted."""
        directory.mkdir(mode=0o700)
        elsewhere = NodeFiles(str(directory / NAME), NAME, Keys(), host=lambda: Host("n", "another", "boot", "p", "u"))
        others = [f"{NAME}x.damaged-20250101T000000Z", "other.nocae.tmp", f"{NAME}.damaged-mine"]
        others += [f"{Path(elsewhere.of_this_node()[0]).name}{end}" for end in ("", ".lost-key")]
        for name in others:
            (directory / name).write_bytes(b"x")
        over_ssh("ada.t")
        cache.clear()
        assert caches(directory) == sorted(others)

    def test_is_removed_under_the_caches_lock(self, directory: Path, left: list[str]) -> None:
        """A temporary file may be the one that another process is writing just now."""
        held = directory / f"{NAME}.lockfile"
        seen: list[bool] = []
        unlink = os.unlink

        def watched(path: Any, **options: Any) -> None:
            if str(path).endswith(".tmp"):
                seen.append(held.exists() or (directory / f"{NAME}.keyed.lockfile").exists())
            unlink(path, **options)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("os.unlink", watched)
            cache.clear()
        assert seen == [True] * 3

    def test_is_the_reason_why_the_kernels_keyring_is_not_used(self, directory: Path) -> None:
        """The plain file was damaged, and a new one takes its place; once it is cleared, nothing stands in the way."""
        directory.mkdir(mode=0o700)
        aside = directory / f"{NAME}.{LEFT[0]}"
        aside.write_bytes(b"{")
        choice = choose(Options(allow_unencrypted_storage=True))
        assert f"was damaged and set aside as {aside}" in str(choice.rejected[1])
        assert "exists and may be used" not in str(choice.rejected[1])
        cache.clear()
        assert choose(Options(allow_unencrypted_storage=True)).store.encrypted

    @pytest.mark.parametrize("start", [b"eyJhbGciOiJkaXIifQ..aa.bb.cc", b"doorcode-sealed-1\n"])
    def test_is_no_plain_file_where_it_is_encrypted(self, directory: Path, start: bytes) -> None:
        """A sealed file of Go's at that place, set aside, is no reason for a plain one."""
        directory.mkdir(mode=0o700)
        (directory / f"{NAME}.{LEFT[0]}").write_bytes(start)
        assert choose(Options(allow_unencrypted_storage=True)).store.encrypted

    def test_is_no_plain_file_where_it_cannot_be_read(self, directory: Path) -> None:
        """A link, for example."""
        directory.mkdir(mode=0o700)
        (directory / f"{NAME}.{LEFT[0]}").symlink_to("elsewhere")
        assert choose(Options(allow_unencrypted_storage=True)).store.encrypted


class TestGosFile:
    @pytest.fixture(autouse=True)
    def gos(self, directory: Path) -> Path:
        """Sign Ada and Linus in in Go's file, at the cache's own name, and Grace in ours."""
        directory.mkdir(mode=0o700)
        base = directory / NAME
        (place,) = (NodeFiles(str(base), NAME, Keys()).place(),)
        Keys.kept[NAME] = os.urandom(32)
        from doorcode.cache._stores.kernel_keyring import KernelCipher

        base.write_bytes(KernelCipher(NAME, Keys()).encrypt(content("ada.t", "linus.t")))
        Path(place.path).write_bytes(place.cipher.encrypt(content("grace.t")))
        return base

    def test_is_looked_into_beside_ours(self, gos: Path) -> None:
        """Ours is the one that is used, and Go's programs use theirs."""
        accounts = {account.home_account_id: account for account in cache.accounts()}
        assert set(accounts) == {"ada.t", "grace.t", "linus.t"}
        cache.sign_out(accounts["ada.t"])
        assert people() == {"grace.t", "linus.t"}
        cache.sign_out(accounts["linus.t"])
        assert not gos.exists()

    def test_is_cleared(self, directory: Path) -> None:
        """With ours."""
        cache.clear()
        assert caches(directory) == []

    def test_stays_where_its_key_is_not_here(self, gos: Path, directory: Path) -> None:
        """It may be another node's, which can still use it."""
        del Keys.kept[NAME]
        assert people() == {"grace.t"}
        cache.clear()
        assert caches(directory) == [NAME]


class TestOtherSystems:
    @pytest.fixture
    def options(self) -> Options:
        return Options(allow_unencrypted_storage=True)

    @pytest.mark.parametrize("platform", ["darwin", "win32", "plan9"])
    def test_what_the_system_lacks_is_no_error(self, home: Path, options: Options, platform: str) -> None:
        """Where nothing shows that its keychain was used; the plain file is found and cleared."""
        environ = {"HOME": str(home), "LOCALAPPDATA": str(home)}
        put(choose(options, environ=environ, platform=platform).store, "ada.t")
        every = EveryStore(options, cae=False, warn=print, environ=environ, platform=platform)
        troubles = Troubles()
        (state,) = every.read(troubles)
        assert state["RefreshToken"]
        every.clear(troubles)
        assert every.read(troubles) == ()
        troubles.throw()

    def test_a_keychain_that_was_used_and_is_not_reached_is_an_error(self, home: Path, options: Options) -> None:
        """As over SSH."""
        environ = {"HOME": str(home)}
        signal = home / ".IdentityService" / NAME
        signal.parent.mkdir(mode=0o700)
        signal.touch(0o600)
        troubles = Troubles()
        EveryStore(options, cae=False, warn=print, environ=environ, platform="darwin").clear(troubles)
        with pytest.raises(StoreError, match="the Keychain, service"):
            troubles.throw()
        assert signal.exists()

    def test_the_keychain_is_cleared(self, home: Path, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its item, that of damaged content, and a plain file beside it."""
        keyring = Keyring()
        monkeypatch.setattr(
            "doorcode.cache._stores.keychain.KeychainBackend", lambda _, account: keyring.vault("", account)
        )
        environ = {"HOME": str(home)}
        put(choose(options, environ=environ, platform="darwin").store, "ada.t")
        keyring.items["MSALCache.damaged"] = b"{"
        plain(home / ".IdentityService", "grace.t")
        every = EveryStore(options, cae=False, warn=print, environ=environ, platform="darwin")
        troubles = Troubles()
        assert len(every.read(troubles)) == 2
        every.clear(troubles)
        troubles.throw()
        assert keyring.items == {}
        assert caches(home / ".IdentityService") == []

    def test_the_file_that_windows_protects_is_looked_into(
        self, home: Path, options: Options, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its content is no text; a plain file in its place is."""

        class Agent:
            def protect(self, message: str) -> bytes:
                return b"\x01" + message.encode()[::-1]

            def unprotect(self, cipher_text: bytes) -> str:
                return cipher_text[:0:-1].decode()

        monkeypatch.setattr("doorcode.cache._stores.dpapi.open_agent", Agent)
        monkeypatch.setattr("doorcode.cache._stores.dpapi.DpapiCipher.__init__.__kwdefaults__", {"opener": Agent})
        environ = {"LOCALAPPDATA": str(home)}
        put(choose(options, environ=environ, platform="win32").store, "ada.t")
        every = EveryStore(options, cae=False, warn=print, environ=environ, platform="win32")
        troubles = Troubles()
        assert len(every.read(troubles)[0]["RefreshToken"]) == 1
        every.remove(lambda _: {}, troubles)
        assert every.read(troubles) == ()
        troubles.throw()


def test_a_machine_whose_key_calls_are_not_known_has_no_sealed_file(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is named so was encrypted elsewhere, and stays."""

    def unknown() -> None:
        raise StoreUnavailable("the kernel's key calls are not known for this machine")

    over_ssh("ada.t")
    monkeypatch.setattr("doorcode.cache._ciphers.keyctl.key_calls", unknown)
    assert people() == set()
    cache.clear()
    assert caches(directory) == [f"{NAME}.sealed"]


def test_without_a_directory_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the variable and the option, as when a cache is opened."""
    monkeypatch.setattr("doorcode.cache._select.home_of_user", lambda: None)
    monkeypatch.setenv("HOME", "")
    for attempt in (cache.accounts, cache.clear):
        with pytest.raises(ValueError, match="HOME is not set"):
            attempt()
