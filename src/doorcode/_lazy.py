"""Look up late what would make the import slow or fail: public names (PEP 562), annotations, extras, the version."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # importing typing here would slow every program down
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def needs_extra(feature: str, extra: str, missing: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return the error for a feature whose extra is not installed.

    Args:
        feature: the feature's public name.
        extra: the name of the extra.
        missing: the error of the import.
    """
    message = f"{feature} needs {missing.name}: pip install 'doorcode[{extra}]'"
    return ModuleNotFoundError(message, name=missing.name, path=missing.path)


class LazyModule:
    """A module for annotations: it is imported when a tool evaluates them (``typing.get_type_hints``).

    Args:
        name: its dotted name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # such as the methods that `copy` and `pickle` look for before `_name` is there
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=self)
        return getattr(import_module(self._name), name)


def version_of(package: str) -> str:
    """Return a package's version; ``0+unknown`` in a copy without metadata, such as a bundle or a source tree."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "0+unknown"


def on_first_use(
    namespace: dict[str, Any],
    homes: Mapping[str, str],
    *,
    submodules: tuple[str, ...] = (),
    unlisted: tuple[str, ...] = (),
    version: bool = False,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package.

    Args:
        namespace: the package's ``globals()``, to which a loaded name is added.
        homes: the public names, each with its module.
        submodules: the public submodules.
        unlisted: public submodules that need an extra; ``dir`` leaves them out, because tools load what it lists.
        version: whether the package has a ``__version__``, which is slow to find.
    """
    package = namespace["__name__"]

    def load(name: str) -> Any:
        if name in homes:
            namespace[name] = getattr(import_module(homes[name]), name)
        elif name in submodules or name in unlisted:
            namespace[name] = import_module(f"{package}.{name}")
        elif name == "__version__" and version:
            namespace[name] = version_of(package)
        else:
            message = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=import_module(package))
        return namespace[name]

    def names() -> list[str]:
        return sorted({*namespace, *homes, *submodules, *(["__version__"] if version else [])})

    return load, names
