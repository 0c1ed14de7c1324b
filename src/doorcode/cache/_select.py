"""Choose the store of a cache: the first that works here, with the reasons against those before it."""

# Paths are text here, as the system calls of the stores take them.
# ruff: noqa: PTH100, PTH111, PTH117, PTH118, PTH119, PTH208

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import TYPE_CHECKING, Final

from doorcode._core.values import value_class
from doorcode.cache._ciphers.cipher import START_LENGTH, may_be_encrypted
from doorcode.cache._errors import StoreError, StoreUnavailable
from doorcode.cache._files import disk
from doorcode.cache._files.ownership import user_id
from doorcode.cache._stores.file import CacheFile, FileStore, is_json_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from doorcode.cache._ciphers.cipher import Cipher
    from doorcode.cache._options import TokenCachePersistenceOptions
    from doorcode.cache._protocol import ReadOnlyStore, TokenStore

__all__ = ["Choice", "Location", "NoDirectoryError", "Rejected", "choose", "locate"]


class NoDirectoryError(ValueError):
    """The environment does not name the user's home directory."""


WRITER_TIMEOUT: Final = 1.0
"""Seconds to wait for a program that is writing the plain file."""


@value_class(frozen=True, slots=True)
class Rejected:
    """A kind of store that was not chosen.

    Attributes:
        store: its name, as text for the user.
        reason: one line.
    """

    store: str
    reason: str

    def __str__(self) -> str:
        return f"{self.store}: {self.reason}"


@value_class(frozen=True, slots=True)
class Choice:
    """The store of a cache.

    Attributes:
        store: the store to read and write.
        also: other programs' caches to read, in this order, for accounts that the store lacks.
        rejected: the kinds of store that were tried before, with the reasons against them.
        caution: a warning for the user, to be shown once; None when there is none.
    """

    store: TokenStore
    also: tuple[ReadOnlyStore, ...]
    rejected: tuple[Rejected, ...]
    caution: str | None = None


def choose(
    options: TokenCachePersistenceOptions,
    *,
    cae: bool = False,
    is_whole: Callable[[bytes], bool] = is_json_object,
    environ: Mapping[str, str] | None = None,
    platform: str | None = None,
) -> Choice:
    """Choose the store of a cache; never prompts, and waits at most two seconds for a keyring that does not answer.

    Args:
        options: the program's options.
        cae: whether to choose for the CAE cache: the tokens of clients that handle claims challenges.
        is_whole: tells whether bytes are a complete cache.
        environ: the environment; by default this process's.
        platform: as ``sys.platform``, which is the default.

    Raises:
        ValueError: no store here encrypts and plain storage is not allowed, or no directory is known.
    """
    if options.store is not None:
        return _of_program(options.store, cae=cae, allowed=options.allow_unencrypted_storage)
    place = locate(options, cae=cae, environ=environ, platform=platform)
    system, chooser = place.platform, _Chooser(options, place, is_whole)
    if options.has_key:
        return chooser.keyed()
    if system == "win32":
        return chooser.first((("Windows data protection", chooser.dpapi),))
    if system == "darwin":
        return chooser.first((("Keychain", chooser.keychain),))
    if system.startswith("linux"):
        return chooser.first((("Secret Service", chooser.secret_service), ("kernel keyring", chooser.kernel)))
    return chooser.first(())


@value_class(frozen=True, slots=True)
class Location:
    """The location of one cache's stores on this system.

    Attributes:
        base: path of the plain file; the other files stand beside it.
        keyed: path of the file that is encrypted with the program's own key.
        name: the cache's name in a keyring.
        platform: as ``sys.platform``.
        environ: the environment.
    """

    base: str
    keyed: str
    name: str
    platform: str
    environ: Mapping[str, str]


def locate(
    options: TokenCachePersistenceOptions,
    *,
    cae: bool,
    environ: Mapping[str, str] | None = None,
    platform: str | None = None,
) -> Location:
    """Return the location of a cache's stores; the arguments are those of :func:`choose`.

    Raises:
        NoDirectoryError: no directory is known.
    """
    system = sys.platform if platform is None else platform
    surroundings = os.environ if environ is None else environ
    base = _base_of(options, ".cae" if cae else ".nocae", surroundings, system)
    # The lock stands beside the file. So with path=, caches in two directories need two names: one key, one lock.
    name = os.path.basename(base) if options.path is None else base
    keyed = f"{base}.keyed" if options.path is None else base
    return Location(base, keyed, name, system, surroundings)


def _of_program(store: TokenStore, *, cae: bool, allowed: bool) -> Choice:
    """Return the program's own store; an unencrypted one is the program's decision, and only warned about."""
    from doorcode.cache._cae_section import CaeSection

    plain = not store.encrypted and not allowed
    caution = f"sign-ins are kept without encryption in {store.describe()}" if plain else None
    return Choice(CaeSection(store) if cae else store, (), (), caution)


@value_class(frozen=True, slots=True)
class _Chooser:
    """Build the kinds of store for one cache."""

    options: TokenCachePersistenceOptions
    place: Location
    is_whole: Callable[[bytes], bool]

    @property
    def base(self) -> str:
        """The path of the plain file."""
        return self.place.base

    @property
    def cache(self) -> str:
        """The cache's name in a keyring."""
        return self.place.name

    def first(self, candidates: tuple[tuple[str, Callable[[], TokenStore]], ...]) -> Choice:
        """Return the first candidate that works, else the plain file if the program allows it."""
        rejected: list[Rejected] = []
        for name, build in candidates:
            store = _built(build)
            if not isinstance(store, StoreUnavailable):
                return Choice(store, self._also(store), tuple(rejected))
            rejected.append(Rejected(name, str(store)))
        if not self.options.allow_unencrypted_storage:
            rejected.append(Rejected("plain file", "allow_unencrypted_storage is not set"))
            raise ValueError(_nothing_encrypts(rejected))
        store = self._file(self.base)
        caution = f"sign-ins are kept without encryption in {self.base}: " + "; ".join(map(str, rejected))
        return Choice(store, (), tuple(rejected), caution)

    def keyed(self) -> Choice:
        """Return the file that is encrypted with the program's own key."""
        from doorcode.cache._ciphers.keyed import KeyedCipher

        path = self.place.keyed
        return Choice(self._file(path, KeyedCipher(path, self.options.reveal_key)), (), ())

    def dpapi(self) -> TokenStore:
        """Return the file that Windows data protection encrypts."""
        from doorcode.cache._stores.dpapi import DpapiCipher

        cipher = DpapiCipher()
        cipher.probe()
        return self._file(self.base, cipher)

    def keychain(self) -> TokenStore:
        """Return the store in the Keychain of macOS."""
        self._refuse_path()
        from doorcode.cache._stores.keychain import KeychainBackend, account_of
        from doorcode.cache._stores.signalled import SignalledStore

        backend = KeychainBackend(self.base, account_of(self.cache))
        backend.probe()
        return SignalledStore(self.base, backend, is_whole=self.is_whole)

    def secret_service(self) -> TokenStore:
        """Return the store in the desktop's keyring."""
        self._refuse_path()
        from doorcode.cache._stores.session_bus import NO_SESSION, bus_address

        address = bus_address(self.place.environ)
        if address is None:
            raise StoreUnavailable(NO_SESSION)
        from doorcode.cache._stores.secret_service import SecretServiceBackend
        from doorcode.cache._stores.signalled import SignalledStore

        backend = SecretServiceBackend(address, self.cache)
        backend.probe()
        return SignalledStore(self.base, backend, is_whole=self.is_whole)

    def kernel(self) -> TokenStore:
        """Return the file that is encrypted with a kernel key: this node's, or Go's if only that one exists."""
        plain = self._plain() if self.options.allow_unencrypted_storage else None
        if plain and not self._beside(lambda name: name.endswith(".sealed")):
            raise StoreUnavailable(plain)
        from doorcode.cache._ciphers.keyctl import key_calls
        from doorcode.cache._stores.kernel_keyring import KernelKeys
        from doorcode.cache._stores.nodes import NodeFiles

        keys = KernelKeys(key_calls())
        files = NodeFiles(self.base, self.cache, keys)
        if plain and not files.has_one():
            raise StoreUnavailable(plain)
        keys.probe(*self._kernel_keys())
        return self._file(self.base, where=files.place)

    def _kernel_keys(self) -> tuple[str, ...]:
        """Return the names of the keys of this cache, with and without CAE, in doorcode's format and in Go's."""
        name = self.cache.rpartition(".")[0]
        return tuple(f"{name}{suffix}" for suffix in (".nocae.sealed", ".cae.sealed", ".nocae", ".cae"))

    def _file(self, path: str, cipher: Cipher | None = None, where: Callable[[], CacheFile] | None = None) -> FileStore:
        private = self.options.path is None
        return FileStore(path, cipher, where=where, private=private, is_whole=self.is_whole)

    def _also(self, store: TokenStore) -> tuple[ReadOnlyStore, ...]:
        allowed = self.options.allow_unencrypted_storage and store.encrypted
        if not allowed:
            return ()
        from doorcode.cache._stores.read_only_file import ReadOnlyFile

        return (ReadOnlyFile(self.base, is_whole=self.is_whole),)

    def _plain(self) -> str | None:
        """Return why to use the plain file: it exists, or a damaged one was set aside; None if neither is so.

        An empty file is no reason: it is the signal file of a keyring.
        """
        try:
            raw = disk.read(self.base, START_LENGTH)
        except StoreError as error:
            return f"there is something in the place of the plain file, which may be used: {error}"
        if raw is not None and raw.data == b"":
            from doorcode.cache._locks.lock import CacheLock

            # msal-extensions empties the file before it writes, and holds the lock until it has written.
            lock = CacheLock(f"{self.base}.lockfile", wait_timeout=WRITER_TIMEOUT)
            with contextlib.suppress(StoreError), lock.hold():
                raw = disk.read(self.base, START_LENGTH)
        if raw is None or not raw.data:
            aside = next(filter(self._is_plain, self._beside(lambda name: name.startswith(".damaged-"))), None)
            return aside and f"the plain file {self.base} was damaged and set aside as {aside}; a new one may be made"
        return None if may_be_encrypted(raw.data) else f"the plain file {self.base} exists and may be used"

    @staticmethod
    def _is_plain(path: str) -> bool:
        """Tell whether a file that was set aside is plain; Go's encrypted file has the same name."""
        with contextlib.suppress(StoreError):
            raw = disk.read(path, START_LENGTH)
            return raw is not None and not may_be_encrypted(raw.data or b"")
        return False

    def _beside(self, matches: Callable[[str], bool]) -> list[str]:
        """Return the files whose names are the plain file's plus a suffix that ``matches`` accepts."""
        directory, name = os.path.split(self.base)
        with contextlib.suppress(OSError):
            found = (other for other in sorted(os.listdir(directory)) if other.startswith(name))
            return [os.path.join(directory, other) for other in found if matches(other[len(name) :])]
        return []

    def _refuse_path(self) -> None:
        if self.options.path is not None:
            raise StoreUnavailable("it has no path, and path= was given")


def _built(build: Callable[[], TokenStore]) -> TokenStore | StoreUnavailable:
    try:
        return build()
    except StoreUnavailable as reason:
        return reason


def _base_of(options: TokenCachePersistenceOptions, suffix: str, environ: Mapping[str, str], platform: str) -> str:
    if options.path is not None:
        return os.path.abspath(os.path.expanduser(options.path)) + suffix
    directory = environ.get("LOCALAPPDATA") if platform == "win32" else environ.get("HOME") or home_of_user()
    if not directory or not os.path.isabs(directory):
        variable = "LOCALAPPDATA" if platform == "win32" else "HOME"
        raise NoDirectoryError(
            f"no directory is known for the token cache, because {variable} is not set; set it, or give "
            "TokenCachePersistenceOptions(path=...)"
        )
    return os.path.join(directory, ".IdentityService", options.name + suffix)


def home_of_user() -> str | None:
    """Return the home of this process's user, as the system has it; None if it has none."""
    try:
        return str(importlib.import_module("pwd").getpwuid(user_id()).pw_dir)
    except (ImportError, KeyError):
        return None


def _nothing_encrypts(rejected: list[Rejected]) -> str:
    reasons = "\n".join(f"  - {reason}" for reason in rejected)
    return (
        f"the token cache cannot be encrypted here:\n{reasons}\n"
        "Set the environment variable DOORCODE_CACHE_KEY to a key of your own, made once with "
        "`openssl rand -base64 32`, or DOORCODE_CACHE_KEY_FILE to the path of a file that holds one. Or give "
        "TokenCachePersistenceOptions an encryption_key, or allow_unencrypted_storage=True to keep sign-ins in a plain "
        "file that only this user may read"
    )
