"""install_as_azure_identity: libraries that make azure-identity's credential themselves get doorcode's."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import doorcode
import doorcode.aio
from doorcode.emulator import Emulator

SCOPE = "https://storage.azure.com/.default"
AZURE_IDENTITY: Any = import_module("azure.identity")
AZURE_IDENTITY_AIO: Any = import_module("azure.identity.aio")
THEIRS = {name: getattr(AZURE_IDENTITY, name) for name in ("DeviceCodeCredential", "InteractiveBrowserCredential")}
Library = Callable[[str], Any]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    """Give what imports a library, named ``a_library``, from its source."""

    def imported(source: str) -> ModuleType:
        module = ModuleType("a_library")
        monkeypatch.setitem(sys.modules, "a_library", module)
        exec(source, vars(module))  # noqa: S102 - it stands in for a file
        return module

    return imported


@pytest.fixture(autouse=True)
def _nothing_stays_replaced() -> Iterator[None]:
    """Leave azure-identity as it was for the tests that follow, and see that each test does."""
    yield
    assert {name: getattr(AZURE_IDENTITY, name) for name in THEIRS} == THEIRS


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_library_signs_in_with_doorcode(
    doorcode_emulator: Emulator, library: Library, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not matter whether the library has imported the class before it is replaced."""
    source = (
        "from azure.identity import DeviceCodeCredential as Login\n"
        "def token(scope, **options): return Login(**options).get_token(scope)\n"
    )
    person = doorcode_emulator.prompt_approver()
    options: dict[str, Any] = {**doorcode_emulator.credential_options, "prompt_callback": person}
    a_library = library(source) if order == "before" else None
    with doorcode.install_as_azure_identity():
        a_library = a_library or library(source)
        assert a_library.token(SCOPE, **options).token
    assert len(person.prompts) == 1
    (request,) = doorcode_emulator.requests_to("devicecode")
    assert request.headers["user-agent"].startswith("azsdk-python-doorcode/")


def test_the_interactive_names_are_replaced_and_nothing_else() -> None:
    """Every other public name of azure-identity is what it was, and so are its private ones."""
    private = AZURE_IDENTITY._credentials
    packages = [AZURE_IDENTITY, AZURE_IDENTITY_AIO, private, private.default]
    before = [dict(vars(each)) for each in packages]
    with doorcode.install_as_azure_identity():
        assert AZURE_IDENTITY.DeviceCodeCredential is doorcode.DeviceCodeCredential
        assert AZURE_IDENTITY.InteractiveBrowserCredential is doorcode.InteractiveBrowserCredential
        changed = [
            {name for name in old if vars(each)[name] is not old[name]}
            for each, old in zip(packages, before, strict=True)
        ]
    assert changed == [set(THEIRS), set(), set(), set()]
    assert [dict(vars(each)) for each in packages] == before


def test_a_version_with_interactive_names_for_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are replaced by those of doorcode.aio."""
    theirs = type("DeviceCodeCredential", (), {})
    monkeypatch.setattr(AZURE_IDENTITY_AIO, "DeviceCodeCredential", theirs, raising=False)
    with doorcode.install_as_azure_identity():
        assert AZURE_IDENTITY_AIO.DeviceCodeCredential is doorcode.aio.DeviceCodeCredential
    assert AZURE_IDENTITY_AIO.DeviceCodeCredential is theirs


def test_undo_puts_back_what_was_replaced_and_no_more(library: Library) -> None:
    """A name that has another value since keeps it; a second undo changes nothing."""
    a_library = library("from azure.identity import DeviceCodeCredential, InteractiveBrowserCredential")
    replacement = doorcode.install_as_azure_identity()
    a_library.DeviceCodeCredential = other = object()
    replacement.undo()
    assert a_library.DeviceCodeCredential is other
    assert a_library.InteractiveBrowserCredential is THEIRS["InteractiveBrowserCredential"]
    a_library.InteractiveBrowserCredential = doorcode.InteractiveBrowserCredential
    replacement.undo()
    assert a_library.InteractiveBrowserCredential is doorcode.InteractiveBrowserCredential


def test_a_second_call_takes_what_has_come_since(library: Library) -> None:
    """A module that got azure-identity's class from elsewhere is reached by a later call, whose undo is its own."""
    with doorcode.install_as_azure_identity():
        a_library = library("")
        a_library.Login = THEIRS["DeviceCodeCredential"]
        with doorcode.install_as_azure_identity():
            assert a_library.Login is doorcode.DeviceCodeCredential
        assert a_library.Login is THEIRS["DeviceCodeCredential"]
        assert AZURE_IDENTITY.DeviceCodeCredential is doorcode.DeviceCodeCredential


def test_a_module_that_derives_from_a_class_keeps_its_name(library: Library) -> None:
    """Its methods call those of their base by that name; other names in it are replaced."""
    a_library = library(
        "from azure.identity import DeviceCodeCredential, InteractiveBrowserCredential\n"
        "class Mine(DeviceCodeCredential):\n"
        "    def __init__(self): DeviceCodeCredential.__init__(self, client_id='mine')\n"
    )
    with doorcode.install_as_azure_identity():
        assert a_library.Mine()._client_id == "mine"
        assert a_library.DeviceCodeCredential is THEIRS["DeviceCodeCredential"]
        assert a_library.InteractiveBrowserCredential is doorcode.InteractiveBrowserCredential


def test_what_others_have_in_sys_modules_is_left_alone(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No lazy module is loaded, no proxy is asked for its object, and nothing that is no module is in the way."""

    class Proxy:
        @property  # type: ignore[misc]
        def __class__(self) -> type:
            raise RuntimeError("working outside of a request")

    class Slots:
        __slots__ = ()

    class Odd(type):
        __hash__ = None  # type: ignore[assignment]

    a_library = library("")
    a_library.proxy, a_library.odd = Proxy(), Odd("odd", (), {})
    a_library.Login = THEIRS["DeviceCodeCredential"]
    (tmp_path / "lazy.py").write_text("raise AssertionError('it was loaded')")
    spec = importlib.util.spec_from_file_location("lazy", tmp_path / "lazy.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    lazy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lazy)
    for name, module in {"lazy": lazy, "slots": Slots(), "none": None, "a_class": SimpleNamespace}.items():
        monkeypatch.setitem(sys.modules, name, module)
    with doorcode.install_as_azure_identity():
        assert a_library.Login is doorcode.DeviceCodeCredential


@pytest.mark.parametrize("missing", ["azure.identity", "azure"])
def test_without_azure_identity(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    _hide(missing, monkeypatch)
    with pytest.raises(ModuleNotFoundError, match="azure-identity, which is not installed: pip install azure-identity"):
        doorcode.install_as_azure_identity()


def test_without_something_that_azure_identity_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names what is missing."""
    _hide("a_dependency", monkeypatch)
    with pytest.raises(ModuleNotFoundError, match="^no a_dependency$"):
        doorcode.install_as_azure_identity()


def _hide(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the import of azure-identity fail for want of a module."""

    def fail(name: str) -> Any:
        if name.startswith("azure.identity"):
            raise ModuleNotFoundError(f"no {missing}", name=missing)
        return import_module(name)

    doorcode.install_as_azure_identity  # noqa: B018 - loads its module
    monkeypatch.setattr("doorcode._azure_identity.import_module", fail)
