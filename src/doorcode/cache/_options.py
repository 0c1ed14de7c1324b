"""The options of a persistent token cache: those of azure-identity, and four of doorcode's own."""

# Paths are text here, as the system calls of the stores take them.
# ruff: noqa: PTH111, PTH112, PTH119

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from doorcode._core.checks import check_flag
from doorcode._core.display import safe_repr
from doorcode._core.object_checks import refuse_class
from doorcode._frames import clears_frames
from doorcode._lazy import LazyModule
from doorcode.cache._environment_key import environment_has_key, key_of_environment
from doorcode.cache._key_source import checked_source, key_of

if TYPE_CHECKING:
    from doorcode.cache import _protocol
else:
    _protocol = LazyModule("doorcode.cache._protocol")

__all__ = ["DEFAULT_NAME", "TokenCachePersistenceOptions", "resolve_options"]

DEFAULT_NAME: Final = "msal.cache"
_STORE_HAS: Final = ("delete", "describe", "encrypted", "lease", "load", "save", "stamp")
_OPTIONS: Final = ("allow_unencrypted_storage", "name", "encryption_key", "path", "store")


class TokenCachePersistenceOptions:
    """Options of a persistent token cache; the constructor checks the values and opens nothing.

    Args:
        allow_unencrypted_storage: whether a plain file may hold the cache if no store here encrypts.
        name: first part of the cache's name; programs with the same name share sign-ins.
        encryption_key: a key of 32 bytes, or a function that returns the same 32 bytes at each call. It encrypts the
            cache in place of the system's own protection, for containers and for homes that several machines share.
            Losing the key loses the sign-ins. A function is called whenever the cache is opened, read or written; it
            can be pickled, and bytes cannot. Without this option, the environment may name a key:
            ``DOORCODE_CACHE_KEY`` is the base64 form of 32 bytes, ``DOORCODE_CACHE_KEY_FILE`` the path of a file with
            such text.
        path: the file to use instead of ``~/.IdentityService/<name>``; ``.nocae`` or ``.cae`` is added.
        store: the program's own ``doorcode.cache.TokenStore``, which then holds both caches. Options with a store
            can be pickled if the store can.
        **kwargs: unknown options, which are ignored with a warning, as azure-identity ignores them.

    Raises:
        TypeError: a value has the wrong type, or an unknown option is close to the name of an option.
        ValueError: the name could lead out of the cache's directory, the path is that of a directory, the key is not 32
            bytes, or ``store`` was given together with ``path`` or ``encryption_key``.
    """

    @clears_frames
    def __init__(
        self,
        *,
        allow_unencrypted_storage: bool = False,
        name: str = DEFAULT_NAME,
        encryption_key: bytes | bytearray | memoryview | Callable[[], bytes] | None = None,
        path: str | os.PathLike[str] | None = None,
        store: _protocol.TokenStore | None = None,
        **kwargs: Any,
    ) -> None:
        _refuse_misspelt(kwargs)
        self.allow_unencrypted_storage: bool = check_flag(
            "allow_unencrypted_storage", allow_unencrypted_storage or None
        )
        self.name: str = _checked_name(name)
        self.path: str | None = _checked_path(path)
        self._key = checked_source(encryption_key)
        self.store: _protocol.TokenStore | None = _checked_store(store)
        if store is not None and (self.path is not None or self._key is not None):
            raise ValueError("a store of your own knows its place and its key: leave out path and encryption_key")

    @property
    def has_key(self) -> bool:
        """Tell whether the program or, at present, the environment names a key."""
        return self.store is None and (self._key is not None or environment_has_key())

    @property
    def names_key(self) -> bool:
        """Tell whether the program itself names a key."""
        return self._key is not None

    @clears_frames
    def reveal_key(self) -> bytes:
        """Return the key of the program or of the environment; call it only to encrypt or decrypt content.

        Raises:
            TypeError: the program's function did not return bytes.
            ValueError: there is no key, the environment's key cannot be used, or the program's function raised or did
                not return 32 bytes.
        """
        if self._key is None and environment_has_key():
            return key_of_environment()
        if self._key is None:
            raise ValueError("no encryption_key was given")
        return key_of(self._key)

    @clears_frames
    def check_key(self) -> None:
        """Check that the key can be used, before the cache depends on it; calls a function twice.

        Raises:
            ValueError: the key cannot be used; the message says why.
        """
        try:
            steady = self.reveal_key() == self.reveal_key()
        except (TypeError, ValueError) as error:
            raise ValueError(f"cannot get the encryption_key: {error}") from error
        if not steady:
            raise ValueError(
                "cannot use the encryption_key: the function returned another key when it was called again, so what "
                "it encrypts could not be decrypted; return the same 32 bytes each time"
            )

    @safe_repr
    def __repr__(self) -> str:
        key = "'[secret]'" if self._key is not None else None
        store = "" if self.store is None else f", store=<{_kind(self.store)}>"
        return (
            f"TokenCachePersistenceOptions(allow_unencrypted_storage={self.allow_unencrypted_storage}, "
            f"name={self.name!r}, encryption_key={key}, path={self.path!r}{store})"
        )

    def __getstate__(self) -> dict[str, object]:
        if isinstance(self._key, bytes):
            raise TypeError(
                "options that hold an encryption_key as bytes cannot be pickled, because the key would be in the "
                "pickle; pass a module-level function that returns it"
            )
        return dict(self.__dict__)


def resolve_options(options: object) -> TokenCachePersistenceOptions:
    """Return doorcode's options for options of doorcode or of azure-identity.

    Raises:
        TypeError: ``options`` is neither.
        ValueError: the name could lead out of the cache's directory.
    """
    if isinstance(options, TokenCachePersistenceOptions):
        return options
    refuse_class("cache_persistence_options", options)
    try:
        allowed = getattr(options, "allow_unencrypted_storage")  # noqa: B009 - the object has no type
        name = getattr(options, "name")  # noqa: B009 - likewise
    except AttributeError:
        raise TypeError(
            "cache_persistence_options must be a TokenCachePersistenceOptions, of doorcode or of azure.identity, "
            f"not {type(options).__name__}: pass TokenCachePersistenceOptions({_meant(options)})"
        ) from None
    return TokenCachePersistenceOptions(allow_unencrypted_storage=allowed, name=name)


def _meant(options: object) -> str:
    """Return the argument in which the program's value may belong; empty for any other value."""
    if isinstance(options, str):
        return "name=..."
    return "store=..." if all(hasattr(options, name) for name in _STORE_HAS) else ""


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise _bad_name(name, "a text that is not empty")
    if any(part in name for part in ("/", "\\", "\0", "..")):
        raise _bad_name(name, "a name and not a path: it has no '/', '\\', '..' or NUL; use path= to choose the file")
    return name


def _bad_name(name: object, rule: str) -> ValueError:
    return ValueError(f"the cache's name must be {rule} (it is {name!r})")


def _checked_path(path: object) -> str | None:
    if path is None:
        return None
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a path, not {_kind(path)}")
    text = os.fspath(path)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if not isinstance(text, str):
        raise TypeError("path must be text, not bytes")
    if not os.path.basename(text) or "\0" in text or os.path.basename(text) in {".", ".."}:
        raise ValueError(f"path must lead to a file (it is {text!r})")
    place = os.path.expanduser(text)
    if os.path.isdir(place) and not any(os.path.lexists(f"{place}{suffix}") for suffix in (".nocae", ".cae")):
        raise ValueError(f"path must lead to a file, and {text!r} is a directory: add a file's name")
    return text


def _checked_store(store: _protocol.TokenStore | None) -> _protocol.TokenStore | None:
    refuse_class("store", store, "call the class to make one")
    missing = [name for name in _STORE_HAS if store is not None and not hasattr(store, name)]
    if missing:
        raise TypeError(f"store must be a doorcode.cache.TokenStore; {_kind(store)} has no {', '.join(missing)}")
    return store


def _refuse_misspelt(unknown: dict[str, Any]) -> None:
    for name in unknown:
        from difflib import get_close_matches

        near = get_close_matches(name, _OPTIONS, n=1, cutoff=0.7)
        if near:
            raise TypeError(f"TokenCachePersistenceOptions has no option {name!r}; did you mean {near[0]!r}?")
        warnings.warn(f"TokenCachePersistenceOptions ignores the unknown option {name!r}", UserWarning, stacklevel=4)


def _kind(value: object) -> str:
    return type(value).__name__
