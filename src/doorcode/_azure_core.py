"""azure-core's credential classes and errors, without the HTTP pipeline that its package loads before them.

``import azure.core.credentials`` runs ``azure/core/__init__.py`` first, which loads the pipeline, its transports and
asyncio: most of what a process takes that only gets a stored token. The two modules need none of it, so they are
loaded by themselves, and whoever imports them by name, then or later, gets these very modules: there is one
``AccessToken`` in a process. Where azure-core is loaded already, or does not lie in files, it is imported as usual.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from azure.core.credentials import AccessToken, AccessTokenInfo, SupportsTokenInfo, TokenRequestOptions
    from azure.core.exceptions import ClientAuthenticationError

__all__ = ["AccessToken", "AccessTokenInfo", "ClientAuthenticationError", "SupportsTokenInfo", "TokenRequestOptions"]


class LoadedModules:
    """Give modules that have run already to whoever first imports them: a finder and loader (PEP 451).

    Args:
        modules: by name; emptied when nobody is to get them any more.
    """

    def __init__(self, modules: dict[str, ModuleType]) -> None:
        self._modules = modules

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Return how to load one of the modules; None for any other."""
        module = self._modules.get(name)
        if module is None:
            return None
        return ModuleSpec(name, self, loader_state=(module, module.__spec__))  # type: ignore[arg-type] # as PEP 451

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module."""
        module: ModuleType
        module, _ = spec.loader_state
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back, in whose place importing it has put this finder's."""
        assert module.__spec__ is not None, "importing has set it"
        _, module.__spec__ = module.__spec__.loader_state
        self._modules.pop(module.__name__, None)


def load_alone(package: str, names: Sequence[str]) -> list[ModuleType]:
    """Load modules without the package that they are in.

    Args:
        package: a package within another one.
        names: of modules in it, in full. Where one of them needs the package, all are imported as usual.

    Returns:
        the modules: the same that import statements give, now and later.
    """
    loaded = _loaded(package, names)
    if len(loaded) == len(names):
        # Never taken out again: an import in another thread might be going through that list.
        sys.meta_path.insert(0, LoadedModules(loaded))
        # A module is looked for when its package is there. While that is not so, whoever imports it from here on is
        # given what was loaded; where it is, somebody may have copies of these modules already.
        if package not in sys.modules:
            return [loaded[name] for name in names]
        loaded.clear()
    return [import_module(name) for name in names]


def _loaded(package: str, names: Sequence[str]) -> dict[str, ModuleType]:
    """Run modules without the package that they are in, and without ``sys.modules``; those that lie in files."""
    modules: dict[str, ModuleType] = {}
    outside, _, _ = package.rpartition(".")
    found = PathFinder.find_spec(package, import_module(outside).__path__)
    if package in sys.modules or found is None:
        return modules
    for name in names:
        spec = PathFinder.find_spec(name, found.submodule_search_locations)
        if spec is not None and spec.loader is not None:
            modules[name] = module_from_spec(spec)
            spec.loader.exec_module(modules[name])
    return modules


if not TYPE_CHECKING:
    credentials, exceptions = load_alone("azure.core", ("azure.core.credentials", "azure.core.exceptions"))
    AccessToken = credentials.AccessToken
    AccessTokenInfo = credentials.AccessTokenInfo
    SupportsTokenInfo = credentials.SupportsTokenInfo
    TokenRequestOptions = credentials.TokenRequestOptions
    ClientAuthenticationError = exceptions.ClientAuthenticationError
