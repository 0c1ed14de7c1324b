"""Keychain and DPAPI, with msal-extensions' classes faked: there is no macOS and no Windows here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from doorcode.cache import Conflict, StoreError, StoreKeyError, StoreUnavailable, StoreUnreadable
from doorcode.cache._stores.dpapi import DpapiCipher, open_agent
from doorcode.cache._stores.file import FileStore
from doorcode.cache._stores.keychain import KeychainBackend, account_of, open_keychain
from doorcode.cache._stores.signalled import SignalledStore
from doorcode.testing._store_contract import OpenStore, StoreContract

GOOD = b'{"a": 1}'


class PersistenceNotFound(Exception):  # noqa: N818 - msal-extensions' name
    """As msal-extensions raises where an item does not exist."""


class KeychainError(OSError):
    """As msal-extensions raises whatever the Keychain says."""

    def __init__(self, exit_status: int) -> None:
        super().__init__()
        self.exit_status = exit_status


class Keychain:
    """All the items of a user's Keychain."""

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self.refusal: int | None = None

    def open(self, signal: str, account: str) -> Item:
        return Item(self, account)


class Item:
    def __init__(self, keychain: Keychain, account: str) -> None:
        self.keychain = keychain
        self.account = account

    def load(self) -> str:
        self.refuse()
        if self.account not in self.keychain.items:
            raise PersistenceNotFound
        return self.keychain.items[self.account]

    def save(self, content: str) -> None:
        self.refuse()
        self.keychain.items[self.account] = content

    def refuse(self) -> None:
        if self.keychain.refusal is not None:
            raise KeychainError(self.keychain.refusal)


@pytest.fixture
def keychain() -> Keychain:
    """Give an empty Keychain."""
    return Keychain()


@pytest.fixture
def signal(tmp_path: Path) -> Path:
    """Give the path of the signal file."""
    return tmp_path / ".IdentityService" / "msal.cache.nocae"


class TestKeychain(StoreContract):
    @pytest.fixture
    def open_store(self, keychain: Keychain, signal: Path) -> OpenStore:
        return lambda: SignalledStore(str(signal), KeychainBackend(str(signal), "MSALCache", opener=keychain.open))

    def test_is_the_item_of_azure_identity(self, open_store: OpenStore, keychain: Keychain, signal: Path) -> None:
        """The text stands under its account, and its signal file is touched, privately."""
        open_store().save(GOOD, None)
        assert keychain.items == {"MSALCache": GOOD.decode()}
        assert signal.stat().st_mode & 0o777 == 0o600

    def test_a_locked_keychain_is_an_error_that_says_what_to_do(
        self, open_store: OpenStore, keychain: Keychain
    ) -> None:
        """The number that people search for, over SSH: -25293."""
        store = open_store()
        store.save(GOOD, None)
        keychain.refusal = -25293
        for attempt in (store.load, lambda: store.save(GOOD, store.stamp()), store.delete):
            with pytest.raises(StoreError, match=r"error -25293; if it is locked.*unlock-keychain"):
                attempt()

    def test_keeps_damaged_content_under_another_account(self, open_store: OpenStore, keychain: Keychain) -> None:
        """Damage stays in the Keychain, for people, out of the way."""
        keychain.items["MSALCache"] = "{"
        with pytest.raises(StoreUnreadable, match=r"MSALCache\.damaged"):
            open_store().load()
        assert keychain.items == {"MSALCache": "{}", "MSALCache.damaged": "{"}
        for _ in range(2):
            KeychainBackend("", "MSALCache", opener=keychain.open).discard()
            assert keychain.items == {"MSALCache": "{}", "MSALCache.damaged": "{}"}
        loaded = open_store().load()
        assert loaded.data is None
        assert not isinstance(open_store().save(GOOD, loaded.stamp), Conflict)

    def test_an_item_without_its_signal_gets_one(self, open_store: OpenStore, keychain: Keychain) -> None:
        """Somebody deleted the file: the item still counts."""
        keychain.items["MSALCache"] = GOOD.decode()
        loaded = open_store().load()
        assert (loaded.data, loaded.stamp) == (GOOD, open_store().stamp())
        assert loaded.stamp is not None


@pytest.mark.parametrize(
    ("cache", "account"),
    [("msal.cache.nocae", "MSALCache"), ("msal.cache.cae", "msal.cache.cae"), ("mine.nocae", "mine.nocae")],
)
def test_account_is_azure_identitys(cache: str, account: str) -> None:
    """Only the default cache has the old account."""
    assert account_of(cache) == account


def test_probes_the_keychain(keychain: Keychain) -> None:
    """An item that does not exist is an answer; a Keychain that refuses is a reason."""
    backend = KeychainBackend("/signal", "a", opener=keychain.open)
    backend.probe()
    keychain.refusal = -25308
    with pytest.raises(StoreUnavailable, match="error -25308"):
        backend.probe()


def test_says_that_there_is_no_keychain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere ctypes cannot load the framework: that is a reason, not a traceback."""
    with pytest.raises(StoreUnavailable, match="Keychain cannot be used: OSError"):
        open_keychain(str(tmp_path / "signal"), "a")
    with pytest.raises(StoreUnavailable):
        KeychainBackend(str(tmp_path / "signal"), "a").probe()


def test_opens_the_item_by_azure_identitys_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """msal-extensions is given the signal file, the service and the account."""
    module = ModuleType("msal_extensions")
    given: list[str] = []
    module.KeychainPersistence = lambda *arguments: given.extend(arguments)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "msal_extensions", module)
    open_keychain("/signal", "a")
    assert given == ["/signal", "Microsoft.Developer.IdentityService", "a"]


class Agent:
    """Windows' data protection, as a very bad cipher."""

    def __init__(self, user: int = 1) -> None:
        self.user = user

    def protect(self, message: str) -> bytes:
        if self.user == 0:
            raise OSError(5, "denied")
        return bytes([self.user]) + bytes(byte ^ 0x55 for byte in message.encode())

    def unprotect(self, cipher_text: bytes) -> str:
        if not cipher_text or cipher_text[0] != self.user:
            raise OSError(13, "the data is invalid")
        return bytes(byte ^ 0x55 for byte in cipher_text[1:]).decode()


class TestDpapi(StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        path = str(tmp_path / "cache")
        return lambda: FileStore(path, DpapiCipher(opener=Agent))

    @pytest.fixture
    def stored_bytes(self, tmp_path: Path) -> Callable[[], bytes]:
        return (tmp_path / "cache").read_bytes

    def test_another_users_content_is_set_aside(self, open_store: OpenStore, tmp_path: Path) -> None:
        """After a new profile or on another machine Windows cannot decrypt any more: it is kept aside."""
        FileStore(str(tmp_path / "cache"), DpapiCipher(opener=lambda: Agent(user=2))).save(GOOD, None)
        with pytest.raises(StoreUnreadable, match="Windows cannot decrypt it for this user"):
            open_store().load()
        assert open_store().load().data is None

    def test_says_how_it_protects(self, open_store: OpenStore, tmp_path: Path) -> None:
        """People are told that it is Windows, for this user."""
        assert open_store().describe() == f"the file {tmp_path / 'cache'}, encrypted by Windows for this user"


def test_a_failed_encryption_writes_nothing(tmp_path: Path) -> None:
    """Windows' refusal is an error of the store."""
    store = FileStore(str(tmp_path / "cache"), DpapiCipher(opener=lambda: Agent(user=0)))
    with pytest.raises(StoreKeyError, match="did not encrypt"):
        store.save(GOOD, None)
    assert store.load().data is None


def test_probes_windows() -> None:
    """A round trip decides."""
    DpapiCipher(opener=Agent).probe()
    with pytest.raises(StoreUnavailable, match="did not encrypt"):
        DpapiCipher(opener=lambda: Agent(user=0)).probe()

    class Forgetful(Agent):
        def unprotect(self, cipher_text: bytes) -> str:
            return ""

    with pytest.raises(StoreUnavailable, match="did not give back"):
        DpapiCipher(opener=Forgetful).probe()


def test_says_that_there_is_no_windows() -> None:
    """Elsewhere ctypes lacks what is needed: that is a reason, not a traceback."""
    with pytest.raises(StoreUnavailable, match="Windows data protection cannot be used"):
        open_agent()


def test_opens_msal_extensions_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its class, with its defaults."""
    module = ModuleType("msal_extensions.windows")
    module.WindowsDataProtectionAgent = Agent  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "msal_extensions.windows", module)
    assert isinstance(open_agent(), Agent)
