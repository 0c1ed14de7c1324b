from __future__ import annotations

import copy
import functools
import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.identity
import pytest

from doorcode.cache import RedisStore, TokenCachePersistenceOptions
from doorcode.cache._options import resolve_options

KEY = bytes(range(32))


def read_key() -> bytes:
    """Return the key, as a program's function does."""
    return KEY


def test_has_azure_identitys_defaults() -> None:
    """Without arguments both libraries mean the same cache."""
    ours, theirs = TokenCachePersistenceOptions(), azure.identity.TokenCachePersistenceOptions()
    assert (ours.name, ours.allow_unencrypted_storage) == (theirs.name, theirs.allow_unencrypted_storage)
    assert (ours.path, ours.has_key) == (None, False)


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("allow_unencrypted_cache", "allow_unencrypted_storage"),
        ("allow_unencrypted", "allow_unencrypted_storage"),
        ("encryption_keys", "encryption_key"),
        ("names", "name"),
        ("paths", "path"),
    ],
)
def test_names_the_option_that_a_misspelt_one_meant(given: str, right: str) -> None:
    """A near miss of an option is an error, not a cache that is silently another."""
    with pytest.raises(TypeError, match=f"'{given}'; did you mean '{right}'"):
        TokenCachePersistenceOptions(**{given: "x"})  # type: ignore[arg-type]


def test_warns_of_options_that_nobody_knows() -> None:
    """Others are accepted, as azure-identity accepts them, with a warning that shows where."""
    with pytest.warns(UserWarning, match="unknown option 'colour'") as caught:
        TokenCachePersistenceOptions(colour="blue")
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["/tmp/x", "../x", "a/b", "a\\b", "..", "a\0b", "", None, 3, b"x"])  # noqa: S108
def test_refuses_a_name_that_leads_elsewhere(name: object) -> None:
    """A name that could leave the cache's directory is an error that says what a name is."""
    with pytest.raises(ValueError, match="the cache's name must be"):
        TokenCachePersistenceOptions(name=name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", ValueError),
        ("dir/", ValueError),
        ("..", ValueError),
        ("a\0", ValueError),
        (3, TypeError),
        (b"x", TypeError),
    ],
)
def test_refuses_a_path_that_is_none(path: object, error: type[Exception]) -> None:
    """A path must lead to a file."""
    with pytest.raises(error, match="path must"):
        TokenCachePersistenceOptions(path=path)  # type: ignore[arg-type]


def test_refuses_a_path_made_of_bytes() -> None:
    """Not every path object is text."""

    class BytesPath:
        def __fspath__(self) -> bytes:
            return b"x"

    with pytest.raises(TypeError, match="path must be text"):
        TokenCachePersistenceOptions(path=BytesPath())  # type: ignore[arg-type]


def test_takes_a_path_of_any_kind() -> None:
    """Text and pathlib's paths are the same to it."""
    assert TokenCachePersistenceOptions(path=Path("/x/y")).path == TokenCachePersistenceOptions(path="/x/y").path


@pytest.mark.parametrize("key", [b"", b"short", bytes(33)])
def test_refuses_a_key_of_another_length(key: bytes) -> None:
    """The error has the lengths and never the key."""
    with pytest.raises(ValueError, match=f"must be 32 bytes, not {len(key)}"):
        TokenCachePersistenceOptions(encryption_key=key)


def test_refuses_a_key_of_another_type() -> None:
    """Text is not bytes, however long; what a function returns is checked when it is called."""
    with pytest.raises(TypeError, match="not str"):
        TokenCachePersistenceOptions(encryption_key="k" * 32)  # type: ignore[arg-type]
    options = TokenCachePersistenceOptions(encryption_key=lambda: b"short")
    with pytest.raises(ValueError, match="32 bytes, not 5"):
        options.reveal_key()


def test_reveals_the_key_for_encryption() -> None:
    """Bytes and functions are the same to it; without a key there is an error."""
    assert TokenCachePersistenceOptions(encryption_key=KEY).reveal_key() == KEY
    assert TokenCachePersistenceOptions(encryption_key=read_key).reveal_key() == KEY
    assert TokenCachePersistenceOptions(encryption_key=bytearray(KEY)).reveal_key() == KEY
    with pytest.raises(ValueError, match="no encryption_key"):
        TokenCachePersistenceOptions().reveal_key()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_takes_any_kind_of_bytes(kind: Callable[[bytes], Any]) -> None:
    """A key may come in whatever a program has its bytes in, from a function too."""
    assert TokenCachePersistenceOptions(encryption_key=kind(KEY)).reveal_key() == KEY
    assert TokenCachePersistenceOptions(encryption_key=lambda: kind(KEY)).reveal_key() == KEY
    with pytest.raises(ValueError, match="not 5"):
        TokenCachePersistenceOptions(encryption_key=kind(b"short"))


async def key_later() -> bytes:
    """Return the key, in a coroutine."""
    return KEY


@pytest.mark.parametrize("source", [key_later, functools.partial(key_later)], ids=["function", "partial"])
def test_refuses_a_coroutine_function(source: Any) -> None:
    """The cache is read in threads, where nothing could be awaited."""
    with pytest.raises(TypeError, match="not a coroutine function"):
        TokenCachePersistenceOptions(encryption_key=source)


def no_key() -> bytes:
    """Fail as an environment variable that is not set does."""
    raise KeyError("SIGN_IN_KEY")


SOURCES: dict[str, tuple[Callable[[], Any], str]] = {
    "raises": (no_key, "the function raised KeyError: 'SIGN_IN_KEY'"),
    "returns None": (lambda: None, "not NoneType"),
    "returns text": (lambda: "k" * 32, "not str"),
    "returns 5 bytes": (lambda: b"short", "32 bytes, not 5"),
    "returns a coroutine": (lambda: key_later(), "not a coroutine function"),  # noqa: PLW0108 - no coroutine function
    "returns another key each time": (lambda: os.urandom(32), "another key when it was called again"),
}


@pytest.mark.parametrize(("source", "reason"), SOURCES.values(), ids=SOURCES)
def test_checks_a_key_before_anything_depends_on_it(source: Callable[[], Any], reason: str) -> None:
    """What a function returns is only known when it is called; the error says what is wrong with it."""
    with pytest.raises(ValueError, match=f"the encryption_key: .*{reason}"):
        TokenCachePersistenceOptions(encryption_key=source).check_key()


def test_finds_nothing_wrong_with_a_key_that_can_be_had() -> None:
    """Bytes, and a function that returns the same ones."""
    TokenCachePersistenceOptions(encryption_key=KEY).check_key()
    TokenCachePersistenceOptions(encryption_key=read_key).check_key()


def test_shows_no_key() -> None:
    """The repr tells that there is a key and not which."""
    shown = repr(TokenCachePersistenceOptions(encryption_key=b"k" * 32, name="n"))
    assert "encryption_key='[secret]'" in shown
    assert "kkk" not in shown
    assert "encryption_key=None" in repr(TokenCachePersistenceOptions())


def test_travels_in_a_pickle_without_a_key() -> None:
    """A function travels by its name; bytes are refused with the way out."""
    options = TokenCachePersistenceOptions(encryption_key=read_key, name="n", path="/x", allow_unencrypted_storage=True)
    copied = pickle.loads(pickle.dumps(options))  # noqa: S301 - made here
    assert (copied.name, copied.path, copied.allow_unencrypted_storage) == ("n", "/x", True)
    assert copied.reveal_key() == KEY
    with pytest.raises(TypeError, match="module-level function"):
        pickle.dumps(TokenCachePersistenceOptions(encryption_key=KEY))
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.copy(TokenCachePersistenceOptions(encryption_key=KEY))


def test_accepts_azure_identitys_own() -> None:
    """Its object, and anything with its two attributes, is converted; ours is taken as it is."""
    theirs = azure.identity.TokenCachePersistenceOptions(name="n", allow_unencrypted_storage=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = resolve_options(theirs)
    assert (ours.name, ours.allow_unencrypted_storage) == ("n", True)
    assert resolve_options(ours) is ours
    with pytest.raises(ValueError, match="name"):
        resolve_options(SimpleNamespace(name="../x", allow_unencrypted_storage=False))


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        (True, ""),
        ("msal.cache", "name=..."),
        ({"name": "x"}, ""),
        (None, ""),
        (RedisStore("redis://127.0.0.1", encryption_key=KEY), "store=..."),
    ],
)
def test_refuses_anything_else(wrong: object, meant: str) -> None:
    """The error names both classes that are accepted, and says what to pass."""
    with pytest.raises(TypeError, match=r"of doorcode or of azure\.identity") as caught:
        resolve_options(wrong)
    assert str(caught.value).endswith(f": pass TokenCachePersistenceOptions({meant})")


def test_refuses_the_class_of_a_store() -> None:
    """It has every method, and no call of one would work."""
    with pytest.raises(TypeError, match="not the class RedisStore: call the class to make one"):
        TokenCachePersistenceOptions(store=RedisStore)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["false", "no", 1, [False]])
def test_only_true_allows_a_plain_file(value: Any) -> None:
    """The text "false" counts as true in Python, and must not leave tokens without encryption."""
    for make in (
        lambda: TokenCachePersistenceOptions(allow_unencrypted_storage=value),
        lambda: RedisStore("redis://127.0.0.1", allow_unencrypted_storage=value),
    ):
        with pytest.raises(TypeError, match="allow_unencrypted_storage must be True or False"):
            make()


@pytest.mark.parametrize("value", [None, "", 0])
def test_what_is_not_given_allows_no_plain_file(value: Any) -> None:
    """An unset variable of the environment is empty text."""
    assert TokenCachePersistenceOptions(allow_unencrypted_storage=value).allow_unencrypted_storage is False


@pytest.mark.parametrize("end", ["", "/."])
def test_refuses_the_path_of_a_directory(tmp_path: Path, end: str) -> None:
    """The cache would be beside it, under a name that nobody chose; where one is already, it is used."""
    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(ValueError, match=r"path must lead to a file"):
        TokenCachePersistenceOptions(path=f"{place}{end}")
    (tmp_path / "place.cae").write_text("{}")
    assert TokenCachePersistenceOptions(path=place).path == str(place)
