"""Test programs that sign users in, without the cloud.

In a ``conftest.py``::

    pytest_plugins = ["doorcode.testing"]

gives every test the fixture ``doorcode_emulator``, a local authority (extra ``emulator``). Each name is imported on
first use, so that only the names that need pytest or the extra import them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from doorcode.emulator import Emulator as Emulator
    from doorcode.testing._clock import FakeClock as FakeClock
    from doorcode.testing._emulator_fixture import doorcode_emulator as doorcode_emulator
    from doorcode.testing._store_contract import OpenStore as OpenStore
    from doorcode.testing._store_contract import StoreContract as StoreContract

_HOMES: Final = {
    "Emulator": "doorcode.emulator",
    "FakeClock": "doorcode.testing._clock",
    "OpenStore": "doorcode.testing._store_contract",
    "StoreContract": "doorcode.testing._store_contract",
    "doorcode_emulator": "doorcode.testing._emulator_fixture",
}
"""The module of each public name (PEP 562)."""

__all__ = ["Emulator", "FakeClock", "OpenStore", "StoreContract", "doorcode_emulator"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as missing:
        if missing.name != "pytest":
            raise
        message = f"doorcode.testing.{name} needs pytest: pip install pytest"
        raise ModuleNotFoundError(message, name=missing.name, path=missing.path) from missing


def __dir__() -> list[str]:
    # pytest finds the fixtures of a plugin through dir().
    return sorted({*globals(), *_HOMES})
