"""Names that a package offers and loads on first use (PEP 562), so that importing it costs nothing."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # typing itself is left to those who need it
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def needs_extra(feature: str, extra: str, missing: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return the error for a feature whose extra is not installed.

    Args:
        feature: its public name.
        extra: the name of the extra.
        missing: what the import raised.
    """
    message = f"{feature} needs {missing.name}: pip install 'doorcode[{extra}]'"
    return ModuleNotFoundError(message, name=missing.name, path=missing.path)


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
        namespace: the package's ``globals()``; a name is put there when it has been loaded.
        homes: the public names, each with the module that it comes from.
        submodules: the public modules and packages in this one.
        unlisted: likewise, left out of ``dir``: they need an extra, and tools load what ``dir`` names.
        version: whether the package has a ``__version__``, which takes a moment to find.
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
            raise AttributeError(message)
        return namespace[name]

    def names() -> list[str]:
        return sorted({*namespace, *homes, *submodules, *(["__version__"] if version else [])})

    return load, names
