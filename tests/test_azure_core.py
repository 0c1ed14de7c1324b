"""azure-core's classes are loaded without its package, and nobody who imports azure-core can tell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import pytest

from doorcode._azure_core import LoadedModules, load_alone

PACKAGE = "doorcode_outside.inside"
NAMES = (f"{PACKAGE}.first", f"{PACKAGE}.second")


def run(program: str) -> str:
    """Run a program in a new process; return what it prints."""
    command = [sys.executable, "-I", "-W", "error", "-c", dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


class TestAzureCore:
    """In a new process each, since this one has loaded azure-core long ago."""

    def test_the_classes_are_azure_cores_own(self) -> None:
        """Whoever imports azure-core after the credential, in whatever form, finds the classes of our results."""
        program = """
            import sys
            from doorcode import AuthenticationRequiredError, DeviceCodeCredential
            from doorcode._session.memory import SafeAccessToken, SafeAccessTokenInfo
            assert "azure.core" not in sys.modules

            import azure.core.credentials
            assert issubclass(SafeAccessToken, azure.core.credentials.AccessToken)
            from azure.core.credentials import AccessTokenInfo
            assert issubclass(SafeAccessTokenInfo, AccessTokenInfo)
            from azure.core import exceptions
            assert issubclass(AuthenticationRequiredError, exceptions.ClientAuthenticationError)
            from azure.core import PipelineClient
            from azure.core.pipeline.policies import BearerTokenCredentialPolicy
            BearerTokenCredentialPolicy(DeviceCodeCredential(), "https://r/.default")
        """
        assert run(program) == ""

    def test_the_order_does_not_matter(self) -> None:
        """Where azure-core is there before, the credential takes the classes from it."""
        program = """
            import azure.core.credentials, azure.core.exceptions
            from doorcode import AuthenticationRequiredError, DeviceCodeCredential
            from doorcode._session.memory import SafeAccessToken
            assert SafeAccessToken.__base__ is azure.core.credentials.AccessToken
            assert issubclass(AuthenticationRequiredError, azure.core.exceptions.ClientAuthenticationError)
        """
        assert run(program) == ""

    def test_a_result_can_be_pickled_before_anybody_imports_azure_core(self) -> None:
        """Pickle looks the class up by its name."""
        program = """
            import pickle, sys
            from doorcode._session.memory import SafeAccessToken
            data = pickle.dumps(SafeAccessToken("token", 1))
            from azure.core.credentials import AccessToken
            again = pickle.loads(data)
            assert type(again) is AccessToken and again == ("token", 1)
        """
        assert run(program) == ""

    def test_the_module_says_where_it_comes_from(self) -> None:
        """Its source can be shown and it can be loaded again, as any module's."""
        program = """
            import doorcode.errors, importlib, inspect
            import azure.core.credentials as credentials
            assert "class AccessToken" in inspect.getsource(credentials)
            assert credentials.__spec__.origin == credentials.__file__
            assert importlib.reload(credentials) is credentials
        """
        assert run(program) == ""


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """Return the folder of a package with two modules, which it imports itself."""
    folder = tmp_path / "doorcode_outside" / "inside"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("from . import first, second\nloaded = True\n")
    (folder / "first.py").write_text("class First: pass\n")
    (folder / "second.py").write_text("class Second: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "doorcode_outside"]:
        del sys.modules[name]


def is_what_imports_give(modules: list[object]) -> bool:
    """Return whether import statements give these modules, here and as attributes of their package."""
    package = import_module(PACKAGE)
    return modules == [import_module(name) for name in NAMES] == [package.first, package.second]


@pytest.mark.usefixtures("place")
class TestLoadAlone:
    """Any package with any two modules, and what could come between."""

    def test_the_package_is_loaded_by_whoever_needs_it(self) -> None:
        """Not before; and its modules are those that were loaded alone."""
        modules = load_alone(PACKAGE, NAMES)
        assert PACKAGE not in sys.modules
        assert is_what_imports_give([*modules])

    def test_a_package_that_is_there_is_used(self) -> None:
        """Its modules are taken as they are, and nothing is put in the way of later imports."""
        package, before = import_module(PACKAGE), list(sys.meta_path)
        assert load_alone(PACKAGE, NAMES) == [package.first, package.second]
        assert sys.meta_path == before

    def test_a_module_that_needs_its_package_has_it(self, place: Path) -> None:
        """What one of them imports may load the package, which loads that module once more: the last word is its."""
        (place / "third.py").write_text("number = 3\n")
        (place / "first.py").write_text("from .third import number\nclass First: pass\n")
        assert is_what_imports_give([*load_alone(PACKAGE, NAMES)])

    def test_another_thread_may_import_the_package_meanwhile(self, place: Path) -> None:
        """Both get the same modules."""
        (place / "second.py").write_text(
            dedent("""
                import sys, threading
                if "doorcode_outside.inside" not in sys.modules:
                    thread = threading.Thread(target=__import__, args=("doorcode_outside.inside",))
                    thread.start()
                    thread.join()
                class Second: pass
            """)
        )
        assert is_what_imports_give([*load_alone(PACKAGE, NAMES)])

    def test_a_module_that_is_not_there_is_missed_as_usual(self, place: Path) -> None:
        """The error is the import system's."""
        (place / "second.py").unlink()
        (place / "__init__.py").write_text("")
        with pytest.raises(ModuleNotFoundError, match="second"):
            load_alone(PACKAGE, NAMES)

    def test_a_package_that_is_not_there_is_missed_as_usual(self) -> None:
        """The error is the import system's."""
        with pytest.raises(ModuleNotFoundError, match="elsewhere"):
            load_alone("doorcode_outside.elsewhere", ("doorcode_outside.elsewhere.first",))

    def test_others_are_left_to_others(self) -> None:
        """The finder knows these modules only, each until somebody has imported it."""
        first, _ = load_alone(PACKAGE, NAMES)
        finder = next(finder for finder in sys.meta_path if isinstance(finder, LoadedModules))
        assert finder.find_spec(PACKAGE) is None
        assert finder.find_spec(NAMES[0]) is not None
        assert import_module(NAMES[0]) is first
        assert finder.find_spec(NAMES[0]) is None
