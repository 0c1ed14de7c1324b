"""How a program asks for a persistent token cache: the options of azure-identity and four of ours."""

# Descriptors, flags, links not followed, and text for paths, as in the system calls below it all.
# ruff: noqa: PTH119

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DEFAULT_NAME", "TokenCachePersistenceOptions", "resolve_options"]

DEFAULT_NAME: Final = "msal.cache"
KEY_BYTES: Final = 32
_OPTIONS: Final = ("allow_unencrypted_storage", "name", "encryption_key", "path")


class TokenCachePersistenceOptions:
    """Options of a persistent token cache; the values are checked and nothing is opened.

    Args:
        allow_unencrypted_storage: whether a plain file may be used where nothing can be encrypted.
        name: first part of the cache's name; programs that give the same one share sign-ins.
        encryption_key: 32 bytes, or what returns them, which seal the cache instead of the system's own protection; for
            containers and homes that several machines share. Losing the key loses the sign-ins. A callable is called
            whenever the cache is opened, and travels in a pickle where bytes do not.
        path: the file to use instead of ``~/.IdentityService/<name>``; ``.nocae`` or ``.cae`` is added.
        **kwargs: accepted as azure-identity accepts them, with a warning.

    Raises:
        TypeError: a value has the wrong type, or an unknown option looks like a misspelt one.
        ValueError: the name could lead out of the cache's directory, or the key is not 32 bytes.
    """

    def __init__(
        self,
        *,
        allow_unencrypted_storage: bool = False,
        name: str = DEFAULT_NAME,
        encryption_key: bytes | Callable[[], bytes] | None = None,
        path: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        _refuse_misspelt(kwargs)
        self.allow_unencrypted_storage: bool = bool(allow_unencrypted_storage)
        self.name: str = _checked_name(name)
        self.path: str | None = _checked_path(path)
        self._key = (
            encryption_key if encryption_key is None or callable(encryption_key) else checked_key(encryption_key)
        )

    @property
    def has_key(self) -> bool:
        """Tell whether the program brings its own key."""
        return self._key is not None

    def reveal_key(self) -> bytes:
        """Return the program's key; call it only to seal or open content.

        Raises:
            ValueError: there is none, or what the callable returned is not 32 bytes.
        """
        if self._key is None:
            raise ValueError("no encryption_key was given")
        return checked_key(self._key()) if callable(self._key) else self._key

    def __repr__(self) -> str:
        key = "'[secret]'" if self.has_key else None
        return (
            f"TokenCachePersistenceOptions(allow_unencrypted_storage={self.allow_unencrypted_storage}, "
            f"name={self.name!r}, encryption_key={key}, path={self.path!r})"
        )

    def __getstate__(self) -> dict[str, object]:
        if isinstance(self._key, bytes):
            raise TypeError(
                "options that hold an encryption_key as bytes cannot be pickled, because the key would be in the "
                "pickle; pass a module-level function that returns it"
            )
        return dict(self.__dict__)


def resolve_options(options: object) -> TokenCachePersistenceOptions:
    """Return options of ours for options of ours or of azure-identity.

    Raises:
        TypeError: it is something else.
        ValueError: its name could lead out of the cache's directory.
    """
    if isinstance(options, TokenCachePersistenceOptions):
        return options
    try:
        allowed = getattr(options, "allow_unencrypted_storage")  # noqa: B009 - of an object without a type
        name = getattr(options, "name")  # noqa: B009 - likewise
    except AttributeError:
        raise TypeError(
            "cache_persistence_options must be a TokenCachePersistenceOptions, of doorcode or of azure.identity, "
            f"not {type(options).__name__}"
        ) from None
    return TokenCachePersistenceOptions(allow_unencrypted_storage=allowed, name=name)


def checked_key(key: object) -> bytes:
    """Return a key that is 32 bytes.

    Raises:
        TypeError: it is not bytes.
        ValueError: it has another length.
    """
    if not isinstance(key, (bytes, bytearray)):
        raise TypeError(f"encryption_key must be {KEY_BYTES} bytes or a function that returns them, not {_kind(key)}")
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"encryption_key must be {KEY_BYTES} bytes, not {len(key)}; make one with os.urandom({KEY_BYTES})"
        )
    return bytes(key)


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
    return text


def _refuse_misspelt(unknown: dict[str, Any]) -> None:
    for name in unknown:
        from difflib import get_close_matches

        near = get_close_matches(name, _OPTIONS, n=1, cutoff=0.7)
        if near:
            raise TypeError(f"TokenCachePersistenceOptions has no option {name!r}; did you mean {near[0]!r}?")
        warnings.warn(f"TokenCachePersistenceOptions ignores the unknown option {name!r}", UserWarning, stacklevel=3)


def _kind(value: object) -> str:
    return type(value).__name__
