"""Replace the interactive credentials of ``azure.identity`` by doorcode's in this process, and undo it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_NAMES: Final = ("DeviceCodeCredential", "InteractiveBrowserCredential")
_PACKAGE: Final = "azure.identity"
_ASYNC_PACKAGE: Final = "azure.identity.aio"
_LOCK: Final = threading.Lock()
_KNOWN: Final[dict[type, type]] = {}
"""Classes of azure-identity, each with the class of doorcode's that has replaced it before."""


class AzureIdentityReplacement:
    """What `install_as_azure_identity` has replaced; its end as a context manager undoes it."""

    def __init__(self, replaced: list[tuple[dict[str, Any], str, type, type]]) -> None:
        self._replaced = replaced

    def undo(self) -> None:
        """Put azure-identity's classes back where this call replaced them; a second call does nothing.

        A name that has been given another value since keeps that one. A module that was imported meanwhile, with
        ``from azure.identity import``, keeps doorcode's classes, and so does a credential that was made.
        """
        with _LOCK:
            while self._replaced:
                namespace, name, theirs, ours = self._replaced.pop()
                if namespace.get(name) is ours:
                    namespace[name] = theirs

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.undo()


def install_as_azure_identity() -> AzureIdentityReplacement:
    """Replace azure-identity's interactive credentials by doorcode's, for all code in this process.

    This changes (monkey-patches) modules of others, for libraries that make the credential themselves and take none.
    Where a program makes the credential, it needs only another import.

    ``DeviceCodeCredential`` and ``InteractiveBrowserCredential`` are replaced in ``azure.identity`` and in every module
    that has imported them by name. They are replaced in ``azure.identity.aio`` too, in versions that have them there.
    All other names of azure-identity stay, and ``DefaultAzureCredential`` does what it did.

    Three things are not replaced: a credential that exists already; a class that derives from azure-identity's, and the
    name of its base in the module that defines it; a reference outside of a module's names, such as an entry of a
    dictionary or the default of an argument.

    Returns:
        An object whose ``undo()`` puts azure-identity's classes back; it is a context manager as well.

    Raises:
        ModuleNotFoundError: azure-identity is not installed.
    """
    pairs = dict(_pairs())
    with _LOCK:
        _KNOWN.update(pairs)
        return AzureIdentityReplacement(list(_replace(dict(_KNOWN))))


def _pairs() -> Iterator[tuple[type, type]]:
    """Yield each class to replace, with its replacement; none where doorcode stands under azure-identity's name."""
    from doorcode import _sync, aio

    for package, ours in ((_PACKAGE, _sync), (_ASYNC_PACKAGE, aio)):
        theirs = _imported(package)
        for name, home in zip(_NAMES, ("device_code", "browser"), strict=True):
            found = getattr(theirs, name, None)
            replacement = getattr(import_module(f"{ours.__name__}.{home}"), name)
            if isinstance(found, type) and found is not replacement and found not in _KNOWN.values():
                yield found, replacement


def _imported(package: str) -> object:
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if not f"{_ASYNC_PACKAGE}.".startswith(f"{error.name}."):
            raise  # something that azure-identity needs is missing, and the error names it
        needed = "azure-identity, which is not installed: pip install azure-identity"
        message = f"install_as_azure_identity() replaces names of {needed}"
        raise ModuleNotFoundError(message, name=error.name, path=error.path) from error


def _replace(pairs: dict[type, type]) -> Iterator[tuple[dict[str, Any], str, type, type]]:
    """Replace the classes wherever a module has them by name; yield each place, what was there and what is now."""
    wanted = {id(theirs): (theirs, ours) for theirs, ours in pairs.items()}  # comparing could run code of others
    for module_name, namespace in list(_namespaces()):
        for name in [name for name, value in list(namespace.items()) if id(value) in wanted]:
            theirs, ours = wanted[id(namespace[name])]
            if not _defines_subclass_of(theirs, module_name, namespace):
                namespace[name] = ours
                yield namespace, name, theirs, ours


def _namespaces() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names of each module, but for azure-identity's private ones: those of others derive from them."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith(f"{_PACKAGE}.") and module_name != _ASYNC_PACKAGE:
            continue
        try:
            # This reads a module that loads itself on first use (importlib.util.LazyLoader) without loading it.
            namespace = object.__getattribute__(module, "__dict__")
        except AttributeError:  # anything may stand in sys.modules: None, or an object with slots
            continue
        if isinstance(namespace, dict):
            yield module_name, namespace


def _defines_subclass_of(base: type, module_name: str, namespace: dict[str, Any]) -> bool:
    """Return whether a module defines a class that derives from another one, whose methods it may call by name."""
    return any(
        value is not base and value.__module__ == module_name and base in value.__mro__
        for value in list(namespace.values())
        if issubclass(type(value), type)  # isinstance would ask a proxy for its object
    )
