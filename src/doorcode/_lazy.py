"""Names that a package offers and loads on first use (PEP 562), so that importing it costs nothing."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # typing itself is left to those who need it
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def on_first_use(
    namespace: dict[str, Any], homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package.

    Args:
        namespace: the package's ``globals()``; a name is put there when it has been loaded.
        homes: the public names, each with the module that it comes from.
    """

    def load(name: str) -> Any:
        if name not in homes:
            message = f"module {namespace['__name__']!r} has no attribute {name!r}"
            raise AttributeError(message)
        namespace[name] = getattr(import_module(homes[name]), name)
        return namespace[name]

    def names() -> list[str]:
        return sorted({*namespace, *homes})

    return load, names
