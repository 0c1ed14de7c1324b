"""A store of the program's own: the documentation's example, which passes the contract and keeps sign-ins."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import doorcode
import doorcode.aio
from doorcode import TokenCachePersistenceOptions, cache
from doorcode.cache import Conflict, Loaded, StoreError, StoreKeyError, StoreUnreadable, TokenStore
from doorcode.cache._cae_section import CaeSection
from doorcode.emulator import Emulator
from doorcode.testing import StoreContract
from support.examples import ROOT, examples
from support.on_a_loop import LoopThread, OnALoop
from support.signing import OTHER, SCOPE

OpenStore = Callable[[], TokenStore]


@pytest.fixture(scope="module")
def store_class() -> Any:
    """Return the class that docs/cache.md shows."""
    (text,) = [
        example.parsed for example in examples(ROOT / "docs" / "cache.md") if "class SqliteStore" in str(example.parsed)
    ]
    namespace: dict[str, Any] = {}
    exec(str(text).partition("\nstore = ")[0], namespace)  # noqa: S102 - our own page
    return namespace["SqliteStore"]


class TestDocumentedStore(StoreContract):
    @pytest.fixture
    def open_store(self, store_class: Any, tmp_path: Path) -> OpenStore:
        return lambda: store_class(tmp_path / "cache.db", "ada@contoso.com")

    @pytest.fixture
    def stored_bytes(self, tmp_path: Path) -> Callable[[], bytes]:
        return (tmp_path / "cache.db").read_bytes


class TestCaeSection(StoreContract):
    @pytest.fixture
    def open_store(self, store_class: Any, tmp_path: Path) -> OpenStore:
        return lambda: CaeSection(store_class(tmp_path / "cache.db", "ada@contoso.com"))

    def test_leaves_the_rest_alone(self, store_class: Any, tmp_path: Path) -> None:
        """What stands beside the section stays, whatever becomes of the section, and the other way round."""
        whole = store_class(tmp_path / "cache.db", "a")
        section = CaeSection(whole)
        whole.save(b'{"Account": {"a": {}}}', None)
        assert section.load() == Loaded(None, "1")
        assert section.save(b'{"Account": {"b": {}}}', "0") == Conflict(None, "1")
        section.save(b'{"Account": {"b": {}}}', "1")
        assert section.load().data == b'{"Account": {"b": {}}}'
        section.delete()
        assert whole.load().data == b'{"Account": {"a": {}}}'

    def test_a_store_that_never_settles(
        self, store_class: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A delete that always conflicts ends with an error."""
        whole = store_class(tmp_path / "cache.db", "a")
        section = CaeSection(whole)
        section.save(b"{}", None)
        monkeypatch.setattr(whole, "save", lambda *_: Conflict(None, None))
        with pytest.raises(StoreError, match="changes faster"):
            section.delete()


@pytest.fixture(params=["sync", "aio"])
def make(request: pytest.FixtureRequest, doorcode_emulator: Emulator) -> Iterator[Callable[..., Any]]:
    """Return what makes credentials of either kind, with the methods of the sync one."""
    thread = LoopThread()

    def made(**options: Any) -> Any:
        given: Any = {**doorcode_emulator.credential_options, "prompt_callback": lambda *_: None, **options}
        if request.param == "sync":
            return doorcode.DeviceCodeCredential(**given)
        return OnALoop(doorcode.aio.DeviceCodeCredential(**given), thread.loop)

    doorcode_emulator.approve_all()
    yield made
    thread.close()


def silent(options: TokenCachePersistenceOptions) -> dict[str, Any]:
    """Return the options of a later process: it may not ask."""
    return {
        "cache_persistence_options": options,
        "disable_automatic_authentication": True,
        "use_cached_account": True,
    }


@pytest.mark.parametrize("cae", [False, True])
def test_a_sign_in_is_kept(
    make: Any, store_class: Any, tmp_path: Path, doorcode_emulator: Emulator, *, cae: bool
) -> None:
    """What one credential stored serves the next: tokens for either kind of client, each from its own cache."""
    path = tmp_path / "cache.db"
    options = TokenCachePersistenceOptions(store=store_class(path, "ada"), allow_unencrypted_storage=True)
    token = make(cache_persistence_options=options, use_cached_account=True).get_token(SCOPE, enable_cae=cae).token
    requests = doorcode_emulator.count()
    later = TokenCachePersistenceOptions(store=store_class(path, "ada"), allow_unencrypted_storage=True)
    credential = make(**silent(later))
    assert credential.get_token(SCOPE, enable_cae=cae).token == token
    assert doorcode_emulator.count() == requests
    other = credential.get_token(SCOPE, enable_cae=not cae).token
    assert other != token
    assert make(**silent(later)).get_token(SCOPE, enable_cae=not cae).token == other
    assert make(**silent(later)).get_token(OTHER, enable_cae=cae).token
    assert doorcode_emulator.count("devicecode") == 1


def test_a_load_that_returns_no_content(
    make: Any, store_class: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A store whose ``load`` returns None where nothing is stored costs a warning that says so, not the token."""
    monkeypatch.setattr(store_class, "load", lambda _: None)
    options = TokenCachePersistenceOptions(store=store_class(tmp_path / "x", "ada"), allow_unencrypted_storage=True)
    credential = make(cache_persistence_options=options, use_cached_account=True)
    assert credential.get_token(SCOPE).token == credential.get_token(SCOPE).token
    with pytest.raises(StoreError, match="load returned NoneType, and must return a Loaded"):
        cache.accounts(options)
    assert "in memory only" in caplog.text


def test_partitions_are_apart(make: Any, store_class: Any, tmp_path: Path) -> None:
    """Another partition holds nothing of it."""
    options = TokenCachePersistenceOptions(store=store_class(tmp_path / "x", "ada"), allow_unencrypted_storage=True)
    make(cache_persistence_options=options, use_cached_account=True).get_token(SCOPE)
    other = TokenCachePersistenceOptions(store=store_class(tmp_path / "x", "bob"), allow_unencrypted_storage=True)
    with pytest.raises(doorcode.AuthenticationRequiredError):
        make(**silent(other)).get_token(SCOPE)


def test_it_is_looked_at_and_cleared(make: Any, store_class: Any, tmp_path: Path) -> None:
    """The functions for whole caches take it as well: sign_out takes both caches' tokens, clear everything."""
    options = TokenCachePersistenceOptions(store=store_class(tmp_path / "x", "ada"), allow_unencrypted_storage=True)
    credential = make(cache_persistence_options=options, use_cached_account=True)
    credential.get_token(SCOPE)
    credential.get_token(SCOPE, enable_cae=True)
    assert "the database" in str(cache.status(options).store)
    (account,) = cache.accounts(options)
    cache.sign_out(account, options)
    assert cache.accounts(options) == ()
    credential.authenticate(scopes=[SCOPE], force_prompt=True)
    assert len(cache.accounts(options)) == 1
    cache.clear(options)
    assert cache.accounts(options) == ()
    with pytest.raises(doorcode.AuthenticationRequiredError):
        make(**silent(options)).get_token(SCOPE)


@pytest.mark.parametrize("allowed", [False, True])
def test_a_store_that_does_not_encrypt(
    make: Any, store_class: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, *, allowed: bool
) -> None:
    """It is the program's decision: one warning, unless the program says that it knows."""
    options = TokenCachePersistenceOptions(store=store_class(tmp_path / "x", "ada"), allow_unencrypted_storage=allowed)
    make(cache_persistence_options=options).get_token(SCOPE)
    warned = [record.getMessage() for record in caplog.records if "without encryption" in record.getMessage()]
    assert len(warned) == (0 if allowed else 1)


def test_a_store_that_fails(
    make: Any, store_class: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that cannot be used costs one warning, and the token is kept in memory."""
    store = store_class(tmp_path / "x", "ada")
    options = TokenCachePersistenceOptions(store=store, allow_unencrypted_storage=True)
    credential = make(cache_persistence_options=options)
    store.path = str(tmp_path)
    assert credential.get_token(SCOPE).token == credential.get_token(SCOPE).token
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


@pytest.mark.parametrize("cae", [False, True])
@pytest.mark.parametrize("method", ["load", "save", "stamp", "lease"])
def test_a_store_with_an_error_of_another_kind(
    make: Any,
    store_class: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    *,
    cae: bool,
) -> None:
    """The user gets a token and signs in once, whatever a method of the store raises."""
    store = store_class(tmp_path / "x", "ada")

    def fail(*_: object) -> None:
        message = "the table is locked"
        raise RuntimeError(message)

    monkeypatch.setattr(store, method, fail)
    options = TokenCachePersistenceOptions(store=store, allow_unencrypted_storage=True)
    credential = make(cache_persistence_options=options)
    token = credential.get_token(SCOPE, enable_cae=cae).token
    assert credential.get_token(SCOPE, enable_cae=cae).token == token
    assert credential.get_token(OTHER, enable_cae=cae).token
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.endswith(": RuntimeError: the table is locked")


@pytest.mark.parametrize("cae", [False, True])
@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (
            OSError("the table is locked"),
            "New sign-ins are kept in memory only, for one process: OSError: the table is locked.\n",
        ),
        (StoreKeyError("the key is another one"), "the key is another one"),
        (StoreUnreadable("the row is damaged and was removed"), "Sign-ins are kept in the database "),
    ],
    ids=["unusable", "another key", "damaged"],
)
def test_status_reads_the_store(
    store_class: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception, told: str, *, cae: bool
) -> None:
    """A store that cannot be read is not said to keep sign-ins; damaged content is replaced by the next one."""
    store = store_class(tmp_path / "x", "ada")

    def fail() -> None:
        raise raised

    options = TokenCachePersistenceOptions(store=store, allow_unencrypted_storage=True)
    assert str(cache.status(options, cae=cae)).startswith("Sign-ins are kept in the database ")
    monkeypatch.setattr(store, "load", fail)
    assert str(cache.status(options, cae=cae)).startswith(told)


@pytest.mark.parametrize("method", ["load", "save", "delete"])
def test_the_functions_for_whole_caches_raise_a_store_error(
    make: Any, store_class: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Whatever a method of the store raises: a program catches one exception."""
    store = store_class(tmp_path / "x", "ada")
    options = TokenCachePersistenceOptions(store=store, allow_unencrypted_storage=True)
    make(cache_persistence_options=options, use_cached_account=True).get_token(SCOPE)
    (account,) = cache.accounts(options)

    def fail(*_: object) -> None:
        message = "the table is locked"
        raise OSError(message)

    monkeypatch.setattr(store, method, fail)
    remove = cache.clear if method == "delete" else partial(cache.sign_out, account)
    with pytest.raises(StoreError, match="the table is locked"):
        remove(options)


def test_a_store_that_cannot_be_written_for_long(
    make: Any, store_class: Any, tmp_path: Path, doorcode_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user signs in once, however many tokens are refreshed meanwhile; later everything is stored."""
    monkeypatch.setattr("doorcode.cache._token_cache.MOST_UNSAVED", 3)
    store = store_class(tmp_path / "x", "ada")
    options = TokenCachePersistenceOptions(store=store, allow_unencrypted_storage=True)
    credential = make(cache_persistence_options=options, use_cached_account=True)
    with monkeypatch.context() as full:
        full.setattr(store, "save", refuse_to_save)
        for number in range(12):
            assert credential.get_token(f"https://r{number}.example/.default").token
        assert store.load().data is None
    assert credential.get_token(SCOPE).token
    requests = doorcode_emulator.count("token")
    later = make(**silent(options))
    for number in range(12):
        assert later.get_token(f"https://r{number}.example/.default").token
    assert doorcode_emulator.count("token") == requests
    assert doorcode_emulator.count("devicecode") == 1


def refuse_to_save(*_: object) -> None:
    """Fail as a store whose disk is full."""
    raise StoreError("no space left on device")


def test_options_with_a_store_travel(store_class: Any, tmp_path: Path) -> None:
    """They travel in a pickle where their store does, and a copy has the same one."""
    store: Any = Remembered()
    options = TokenCachePersistenceOptions(store=store)
    assert isinstance(pickle.loads(pickle.dumps(options)).store, Remembered)  # noqa: S301 - our own
    assert id(copy.copy(options).store) == id(store)
    assert repr(options).endswith(", store=<Remembered>)")
    store.lock = open(__file__)  # noqa: SIM115, PTH123 - something that pickle refuses
    with store.lock, pytest.raises(TypeError, match="TextIOWrapper"):
        pickle.dumps(options)


class Remembered:
    """A store as far as the options look at it."""

    encrypted = True
    delete = describe = lease = load = save = stamp = None
    lock: Any = None


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no store": ({"store": {}}, TypeError, "dict has no delete, describe, encrypted, lease, load, save, stamp"),
    "a class with half of it": ({"store": Loaded(None, None)}, TypeError, "Loaded has no delete"),
    "beside a path": ({"store": Remembered(), "path": "x"}, ValueError, "leave out path"),
    "beside a key": ({"store": Remembered(), "encryption_key": bytes(32)}, ValueError, "and encryption_key"),
    "misspelt": ({"stores": Remembered()}, TypeError, "did you mean 'store'"),
}


@pytest.mark.parametrize(("options", "kind", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_store(options: dict[str, Any], kind: type[Exception], words: str) -> None:
    """What is no store, or would be passed over, is refused in the constructor."""
    with pytest.raises(kind, match=words):
        TokenCachePersistenceOptions(**options)
