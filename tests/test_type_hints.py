"""Type hints of the public API, as tools evaluate them (pydantic, FastAPI, typer, Sphinx)."""

from __future__ import annotations

import copy
import importlib
import inspect
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.credentials import AccessToken

import doorcode
import doorcode.aio
from doorcode._lazy import LazyModule

PUBLIC = (
    "doorcode",
    "doorcode.aio",
    "doorcode.cache",
    "doorcode.errors",
    "doorcode.prompts",
    "doorcode.testing",
    "doorcode.emulator",
)


def annotated(module: str) -> Iterator[tuple[str, Any]]:
    """Yield the public classes, functions and methods of a module, by name."""
    public: Any = importlib.import_module(module)
    for name in public.__all__:
        value = getattr(public, name)
        if inspect.isclass(value):
            yield name, value
            for member in dir(value):
                found: Any = inspect.getattr_static(value, member)
                function = getattr(found, "fget", None) or getattr(found, "__func__", found)
                if inspect.isfunction(function) and (member == "__init__" or not member.startswith("_")):
                    yield f"{name}.{member}", function
        elif inspect.isfunction(value):
            yield name, value


@pytest.mark.parametrize("module", PUBLIC)
def test_the_hints_of_everything_public_can_be_evaluated(module: str) -> None:
    """No name in an annotation is known to type checkers only."""
    failed = {}
    found = dict(annotated(module))
    for name, value in found.items():
        try:
            typing.get_type_hints(value)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
            failed[name] = repr(error)
    assert failed == {}
    assert found


@pytest.mark.parametrize(
    "credential", [doorcode.DeviceCodeCredential, doorcode.aio.DeviceCodeCredential], ids=["threads", "asyncio"]
)
def test_a_token_is_azure_cores(credential: Any) -> None:
    """As with azure-identity, though importing the credential does not import azure-core."""
    assert typing.get_type_hints(credential.get_token)["return"] is AccessToken


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy], ids=["copy", "deep copy"])
def test_a_module_for_annotations_can_be_copied(again: Any) -> None:
    """Tools copy the globals of a module, and look for special methods in each; none of that imports the module."""
    module = LazyModule("no.such.module")
    assert not hasattr(module, "__wrapped__")
    with pytest.raises(ModuleNotFoundError):
        again(module).Any  # noqa: B018 - it is the access that imports
    assert again(LazyModule("typing")).Any is Any
