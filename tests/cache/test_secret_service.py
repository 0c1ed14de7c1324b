"""A real gnome-keyring on a D-Bus of its own, and buses that are no good."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cache.harness import PROGRAMS, require
from doorcode import cache
from doorcode.cache import Conflict, StoreError, StoreUnavailable, StoreUnreadable, TokenStore
from doorcode.cache import TokenCachePersistenceOptions as Options
from doorcode.cache._select import choose
from doorcode.cache._stores.secret_service import SecretServiceBackend
from doorcode.cache._stores.session_bus import bus_address, connect
from doorcode.cache._stores.signalled import SignalledStore
from doorcode.testing._store_contract import OpenStore, StoreContract
from support import session_bus
from support.signing import AGES, PATIENCE, start

pytestmark = pytest.mark.keyring

GOOD = b'{"a": 1}'
ATTRIBUTES = "MsalClientID", "Microsoft.Developer.IdentityService"


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a session's bus and an unlocked keyring, in a home of their own; give the bus's address."""
    missing = session_bus.missing("secret-tool")
    require(not missing, f"not here: {missing}; apt-get install gnome-keyring dbus libsecret-tools")
    with session_bus.running(tmp_path_factory.mktemp("session")) as running:
        yield running.address


@pytest.fixture
def name() -> str:
    """Give a name that no other test's cache has."""
    return f"test.{os.urandom(6).hex()}"


@pytest.fixture
def signal(home: Path, name: str) -> Path:
    """Give the path of the signal file."""
    return home / ".IdentityService" / f"{name}.nocae"


@pytest.fixture
def opener(home: Path, bus: str, name: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], TokenStore]:
    """Return what chooses the store as a program on a desktop does."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus)
    # How soon a busy machine's keyring answers is not what these tests are about.
    monkeypatch.setattr(SecretServiceBackend.__init__, "__kwdefaults__", {"limit": PATIENCE})
    return lambda: choose(Options(name=name)).store


class TestSecretService(StoreContract):
    @pytest.fixture
    def open_store(self, opener: Callable[[], TokenStore]) -> OpenStore:
        assert isinstance(opener(), SignalledStore)
        return opener


def secret_tool(*arguments: str, text: str | None = None) -> str:
    """Run libsecret's own tool and return what it prints."""
    done = subprocess.run(["secret-tool", *arguments], input=text, capture_output=True, text=True, check=False)
    return done.stdout


def test_is_the_item_that_secret_tool_finds(opener: Callable[[], TokenStore], signal: Path) -> None:
    """Libsecret's own tool reads our item by azure-identity's attributes, and it has its label."""
    opener().save(GOOD, None)
    assert secret_tool("lookup", "xdg:schema", signal.name, *ATTRIBUTES).encode() == GOOD
    assert "label = MSALCache" in secret_tool("search", "xdg:schema", signal.name, *ATTRIBUTES)


def test_reads_the_item_that_secret_tool_stored(opener: Callable[[], TokenStore], signal: Path) -> None:
    """An item that lacks its signal file is found, and gets one."""
    secret_tool("store", "--label=MSALCache", "xdg:schema", signal.name, *ATTRIBUTES, text=GOOD.decode())
    store = opener()
    assert store.stamp() is None
    loaded = store.load()
    assert (loaded.data, loaded.stamp) == (GOOD, store.stamp())
    assert signal.stat().st_mode & 0o777 == 0o600


def test_shares_the_item_with_msal_extensions_own_store(opener: Callable[[], TokenStore], signal: Path) -> None:
    """What either wrote the other reads, and each sees by the signal file that the other wrote."""
    python = "/usr/bin/python3"
    has_gi = subprocess.run(
        [python, "-c", "import gi; gi.require_version('Secret', '1')"], capture_output=True, check=False
    )
    require(has_gi.returncode == 0, "no PyGObject: apt-get install python3-gi gir1.2-secret-1")
    version = subprocess.run(
        [python, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True, check=True
    )
    require(version.stdout.strip() == str(sys.version_info[:2]), "the system's Python cannot load these packages")
    spec = find_spec("msal_extensions")
    assert spec is not None
    assert spec.origin is not None
    packages = Path(spec.origin).parent.parent
    command = [python, *map(str, (PROGRAMS / "libsecret.py", packages, signal, signal.name))]
    stamp = opener().save(GOOD, None)
    read = subprocess.run(command, capture_output=True, text=True, check=True)
    assert read.stdout.strip().encode() == GOOD
    subprocess.run([*command, '{"theirs": 1}'], check=True)
    assert opener().stamp() != stamp
    assert opener().load().data == b'{"theirs": 1}'


def test_keeps_damaged_content_in_the_keyring(opener: Callable[[], TokenStore], signal: Path) -> None:
    """Content that is no cache is kept encrypted, in another item, and the store is empty."""
    secret_tool("store", "--label=MSALCache", "xdg:schema", signal.name, *ATTRIBUTES, text="{")
    with pytest.raises(StoreUnreadable, match=f"{signal.name}.damaged"):
        opener().load()
    assert secret_tool("lookup", "xdg:schema", f"{signal.name}.damaged", *ATTRIBUTES) == "{"
    loaded = opener().load()
    assert loaded.data is None
    assert not isinstance(opener().save(GOOD, loaded.stamp), Conflict)
    assert opener().load().data == GOOD


def test_leaves_no_probe_behind(opener: Callable[[], TokenStore], bus: str) -> None:
    """The round trip's item is removed; where the cache exists already, it is read instead."""
    opener().save(GOOD, None)
    opener()
    assert secret_tool("search", "--all", "xdg:schema", "doorcode.probe") == ""


def test_a_plain_file_at_the_signals_place_keeps_its_content(
    opener: Callable[[], TokenStore], signal: Path, name: str
) -> None:
    """Another program's plain cache is left as it is, and read where that is allowed."""
    signal.parent.mkdir(mode=0o700)
    signal.write_bytes(b'{"plain": 1}')
    store = opener()
    store.save(GOOD, store.load().stamp)
    assert signal.read_bytes() == b'{"plain": 1}'
    choice = choose(Options(name=name, allow_unencrypted_storage=True))
    assert [other.load().data for other in choice.also] == [b'{"plain": 1}']
    assert choice.store.load().data == GOOD


class TestLockedKeyring:
    """A keyring that only a user at the screen could unlock."""

    @pytest.fixture
    def locked(self, opener: Callable[[], TokenStore], bus: str) -> Iterator[SecretServiceBackend]:
        secretstorage, blocking = import_module("secretstorage"), import_module("jeepney.io.blocking")
        backend = SecretServiceBackend(bus, "locked", limit=AGES)
        backend.write(GOOD)
        with blocking.open_dbus_connection(bus) as connection:
            collection = secretstorage.Collection(connection)
            collection.lock()
            yield backend
            _unlock(connection)

    def test_is_unavailable_with_that_reason(
        self, locked: SecretServiceBackend, opener: Callable[[], TokenStore]
    ) -> None:
        """No window, no wait: the next kind of store is chosen."""
        with pytest.raises(StoreUnavailable, match="locked, and unlocking it needs a desktop"):
            start(locked.probe).result(PATIENCE)
        with pytest.raises(StoreUnavailable, match="locked"):
            start(lambda: locked.write(GOOD)).result(PATIENCE)
        with pytest.raises(StoreUnavailable, match="locked"):
            start(locked.read).result(PATIENCE)


class TestSignedInOnTheDesktop:
    """What a sign-out over SSH, or on a desktop that is locked, says of the keyring."""

    @pytest.fixture
    def options(self, opener: Callable[[], TokenStore], name: str) -> Options:
        opener().save(GOOD, None)
        return Options(name=name)

    def test_is_cleared_with_what_was_set_aside(self, options: Options, signal: Path) -> None:
        """No item is left, nor what shows that there was one."""
        secret_tool("store", "--label=x", "xdg:schema", f"{signal.name}.damaged", *ATTRIBUTES, text="{")
        cache.clear(options)
        for schema in (signal.name, f"{signal.name}.damaged"):
            assert secret_tool("lookup", "xdg:schema", schema, *ATTRIBUTES) == ""
        assert not signal.exists()
        cache.clear(options)

    def test_is_an_error_without_the_session(
        self, options: Options, signal: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The keyring is named; a cache of another name is no concern of it."""
        monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
        for attempt in (cache.accounts, cache.clear):
            with pytest.raises(StoreError, match=rf"Secret Service.*{signal.name}.*no D-Bus session"):
                attempt(options)
        cache.clear(Options(name=f"{options.name}.other"))

    def test_is_an_error_while_the_keyring_is_locked(
        self, options: Options, bus: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before it is unlocked and signed in from again."""
        secretstorage, blocking = import_module("secretstorage"), import_module("jeepney.io.blocking")
        with blocking.open_dbus_connection(bus) as connection:
            secretstorage.Collection(connection).lock()
            try:
                assert SecretServiceBackend(bus, "x").is_locked()
                for attempt in (cache.accounts, cache.clear):
                    with pytest.raises(StoreError, match="Secret Service.*locked"):
                        attempt(options)
            finally:
                _unlock(connection)
        assert not SecretServiceBackend(bus, "x").is_locked()
        assert secret_tool("lookup", "xdg:schema", f"{options.name}.nocae", *ATTRIBUTES).encode() == GOOD
        cache.clear(options)

    def test_is_an_error_without_the_service(
        self, options: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The bus is away, as after a logout."""
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'none'}")
        with pytest.raises(StoreError, match="Secret Service.*cannot be looked into.*D-Bus cannot be used"):
            cache.clear(options)


def test_a_service_without_a_default_keyring_has_none_that_is_locked(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So nothing can be hidden in it."""
    import secretstorage

    def none(_: object) -> None:
        raise secretstorage.ItemNotFoundException

    monkeypatch.setattr(secretstorage, "Collection", none)
    assert not SecretServiceBackend(bus, "x").is_locked()


def _unlock(connection: Any) -> None:
    """Unlock the default keyring with its password, as a login does."""
    jeepney, util = import_module("jeepney"), import_module("secretstorage.util")
    session = util.open_session(connection)
    address = jeepney.DBusAddress(
        "/org/freedesktop/secrets",
        "org.freedesktop.secrets",
        "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface",
    )
    secret = util.format_secret(session, b"password", "text/plain")
    message = jeepney.new_method_call(
        address, "UnlockWithMasterPassword", "o(oayays)", ("/org/freedesktop/secrets/aliases/default", secret)
    )
    connection.send_and_get_reply(message)


def test_never_asks_a_user(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the service wants a prompt, the call that would show it is not made."""
    backend = SecretServiceBackend(bus, "prompt")
    with pytest.raises(StoreUnavailable, match="ask the user"), backend._connected("try") as connection:
        import_module("secretstorage.util").exec_prompt(connection, "/org/freedesktop/secrets/prompt/p1")


def test_is_unavailable_without_a_default_keyring(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that has no default keyring would have to ask the user for one."""
    import secretstorage

    def none(_: object) -> None:
        raise secretstorage.ItemNotFoundException

    monkeypatch.setattr(secretstorage, "Collection", none)
    with pytest.raises(StoreUnavailable, match="no default keyring"):
        SecretServiceBackend(bus, "x").write(GOOD)


def test_does_not_rely_on_a_service_that_forgets(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round trip that does not return what was sent is a reason not to use it."""
    monkeypatch.setattr(SecretServiceBackend, "_put", staticmethod(lambda *_: None))
    with pytest.raises(StoreUnavailable, match="did not give back"):
        SecretServiceBackend(bus, f"forgets.{os.urandom(4).hex()}").probe()


@pytest.mark.parametrize("does", ["read", "remove", "probe"])
def test_an_item_that_another_process_removes_is_looked_for_again(
    bus: str, name: str, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    """It was found, and is gone when it is asked for: then there is none, which is no error."""
    backend = SecretServiceBackend(bus, name)
    backend.write(GOOD)
    search = SecretServiceBackend._search
    removals = iter([True])

    def found(connection: Any, attributes: dict[str, str]) -> list[Any]:
        items = search(connection, attributes)
        if next(removals, False):
            for item in search(connection, attributes):
                item.delete()
        return items

    monkeypatch.setattr(SecretServiceBackend, "_search", staticmethod(found))
    assert getattr(backend, does)() is None
    assert backend.read() is None


def test_removing_what_is_not_there_is_no_error(bus: str) -> None:
    """A backend without an item has nothing to remove."""
    SecretServiceBackend(bus, f"none.{os.urandom(4).hex()}").remove()


# Buses that are no good


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    """Give a path that is short enough for a socket."""
    return Path(os.path.relpath(tmp_path / "bus"))


def serve(path: Path, answers: list[bytes]) -> socket.socket:
    """Listen and give one line after another to whoever connects, then say nothing more."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def answer() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            for line in answers:
                connection.recv(4096)
                connection.sendall(line)
            while connection.recv(4096):
                pass

    threading.Thread(target=answer, daemon=True).start()
    return listener


@pytest.mark.parametrize(
    "answers", [[], [b"OK 1234deadbeef\r\n"]], ids=["never answers", "lets in and never answers Hello"]
)
def test_gives_up_on_a_bus_that_never_answers(socket_path: Path, answers: list[bytes]) -> None:
    """An address that accepts and is silent is given up, with that reason."""
    pytest.importorskip("secretstorage")
    with serve(socket_path, answers):
        silent = SecretServiceBackend(f"unix:path={socket_path}", "x", limit=0.5)
        with pytest.raises(StoreUnavailable, match="no answer in time"):
            start(silent.probe).result(PATIENCE)


@pytest.mark.parametrize(
    "address",
    ["unix:path=/nonexistent/bus", "tcp:host=x,port=1", "nonsense", ""],
    ids=["nobody", "tcp", "garbage", "empty"],
)
def test_says_what_is_wrong_with_an_address(address: str) -> None:
    """Whatever stands in the environment is a reason in one line."""
    pytest.importorskip("secretstorage")
    with pytest.raises(StoreUnavailable, match="session's D-Bus cannot be used") as caught:
        SecretServiceBackend(address, "x").probe()
    assert "\n" not in str(caught.value)


def test_a_bus_without_the_service_is_a_reason(tmp_path: Path) -> None:
    """A bus on which nobody keeps secrets, as in a container with systemd."""
    require(shutil.which("dbus-daemon"), "not here: apt-get install dbus")
    config = tmp_path / "bus.conf"
    config.write_text(
        f"<busconfig><type>session</type><listen>unix:dir={tmp_path}</listen><policy context='default'>"
        "<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/></policy></busconfig>"
    )
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        address = daemon.stdout.readline().strip()
        try:
            with pytest.raises(StoreUnavailable, match=r"org\.freedesktop\.secrets"):
                SecretServiceBackend(address, "x").probe()
        finally:
            daemon.terminate()


def test_a_service_that_goes_away_is_an_error_of_the_store(home: Path) -> None:
    """D-Bus gone in between is a StoreError, for reading and writing."""
    pytest.importorskip("secretstorage")
    store = SignalledStore(str(home / "signal"), SecretServiceBackend("unix:path=/nonexistent/bus", "x"))
    for attempt in (store.load, lambda: store.save(GOOD, None), store.delete):
        with pytest.raises(StoreError, match="D-Bus"):
            attempt()
    assert store.stamp() is None


def test_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the libraries the reason says what to install."""
    monkeypatch.setitem(sys.modules, "secretstorage", None)
    with pytest.raises(StoreUnavailable, match=r"pip install doorcode\[secret-service\]"):
        SecretServiceBackend("unix:path=/x", "x").probe()


def test_an_operation_that_takes_too_long_ends(bus: str) -> None:
    """All calls of one operation share five limits: none starts after them."""
    moments = iter([0.0, 0.1, 5 * PATIENCE + 0.1])
    connection = connect(bus, PATIENCE, clock=lambda: next(moments))  # says Hello at 0.1
    with contextlib.closing(connection), pytest.raises(TimeoutError):
        SecretServiceBackend(bus, "slow")._find(connection, {"xdg:schema": "none"})


def test_finds_the_bus_where_systemd_has_it(tmp_path: Path) -> None:
    """Without the variable the socket in the runtime directory counts, if it is there."""
    assert bus_address({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/x"}) == "unix:path=/x"
    assert bus_address({}) is None
    assert bus_address({"XDG_RUNTIME_DIR": str(tmp_path)}) is None
    (tmp_path / "bus").touch()
    assert bus_address({"XDG_RUNTIME_DIR": str(tmp_path)}) == f"unix:path={tmp_path}/bus"


def test_describes_itself() -> None:
    """People are told the item."""
    backend = SecretServiceBackend("unix:path=/x", "msal.cache.nocae")
    assert backend.describe() == "the Secret Service (desktop keyring), item 'MSALCache' of schema 'msal.cache.nocae'"
