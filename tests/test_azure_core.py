"""azure-core is loaded by Python's own import system, by the first call that needs it, and no program can tell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from doorcode import AuthenticationRecord, DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode.emulator import Emulator

SCOPE = "https://vault.azure.net/.default"


def run(program: str, before: str = "") -> str:
    """Run a program in a new process; return what it prints.

    Args:
        program: its text.
        before: what runs first.
    """
    code = dedent(before) + dedent(program)
    command = [sys.executable, "-I", "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(name="silent")
def _silent(doorcode_emulator: Emulator, tmp_path: Path) -> str:
    """Store a token; return a program that makes a credential which finds it."""
    path = tmp_path / "tokens"
    (tmp_path / "tokens.nocae").write_text("{}")  # a plain file that is there is used
    options = TokenCachePersistenceOptions(path=path, allow_unencrypted_storage=True)
    with DeviceCodeCredential(
        prompt_callback=doorcode_emulator.prompt_approver(),
        cache_persistence_options=options,
        **doorcode_emulator.credential_options,
    ) as credential:
        record: AuthenticationRecord = credential.authenticate(scopes=[SCOPE])
    return f"""
import sys
finders = list(sys.meta_path)
from doorcode import AuthenticationRecord, DeviceCodeCredential, TokenCachePersistenceOptions
credential = DeviceCodeCredential(
    authentication_record=AuthenticationRecord.deserialize({record.serialize()!r}),
    disable_automatic_authentication=True,
    cache_persistence_options=TokenCachePersistenceOptions(path={str(path)!r}, allow_unencrypted_storage=True),
)
SCOPE = {SCOPE!r}
assert "azure" not in sys.modules
"""


def test_importing_and_using_doorcode_changes_nothing_in_the_import_system(silent: str) -> None:
    """Neither an import, nor a token that is handed out, nor an error adds a finder."""
    program = """
        assert sys.meta_path == finders
        credential.get_token(SCOPE)
        credential.get_token_info(SCOPE)
        try:
            credential.get_token("https://r.example/.default", tenant_id="somewhere.example")
        except Exception as error:
            assert type(error).__name__ == "AuthenticationFailedError"
        else:
            raise AssertionError
        assert sys.meta_path == finders
    """
    assert run(program, silent) == ""


@pytest.mark.parametrize(
    "statement",
    ["import doorcode", "from doorcode import DeviceCodeCredential", "import doorcode.errors", "import doorcode.aio"],
)
def test_the_source_of_azure_cores_classes_can_be_shown(statement: str) -> None:
    """Debuggers and documentation tools find it, whatever of doorcode was imported before."""
    program = f"""
        {statement}
        import importlib, inspect
        import azure.core.credentials as credentials
        assert "class AccessToken" in inspect.getsource(credentials.AccessToken)
        assert credentials.__spec__.origin == credentials.__file__
        assert importlib.reload(credentials) is credentials
    """
    assert run(program) == ""


def test_a_post_import_hook_on_azure_core_fires(silent: str) -> None:
    """A tracing agent that wraps modules as they are imported sees azure-core's, the first token included."""
    hook = """
        import importlib.abc, importlib.util, sys
        seen = []

        class Watching(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path=None, target=None):
                if name in {"azure.core", "azure.core.credentials", "azure.core.exceptions"}:
                    seen.append(name)
                return None

        sys.meta_path.insert(0, Watching())
    """
    program = """
        assert seen == []
        credential.get_token(SCOPE)
        assert {"azure.core", "azure.core.credentials", "azure.core.exceptions"} <= set(seen)
    """
    assert run(program, dedent(hook) + silent) == ""


def test_results_and_errors_are_of_azure_cores_classes(silent: str) -> None:
    """What was handed out before the program imported azure-core passes its isinstance checks."""
    program = """
        token, info = credential.get_token(SCOPE), credential.get_token_info(SCOPE)
        try:
            credential.get_token("https://r.example/.default", tenant_id="somewhere.example")
        except Exception as exception:
            error = exception
        from azure.core.credentials import AccessToken, AccessTokenInfo, SupportsTokenInfo, TokenCredential
        from azure.core.exceptions import ClientAuthenticationError
        assert isinstance(token, AccessToken) and isinstance(info, AccessTokenInfo)
        assert isinstance(error, ClientAuthenticationError)
        assert isinstance(credential, TokenCredential) and isinstance(credential, SupportsTokenInfo)
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy
        BearerTokenCredentialPolicy(credential, SCOPE)
    """
    assert run(program, silent) == ""


def test_a_wrong_argument_does_not_load_azure_core(silent: str) -> None:
    """A ValueError is Python's own, and so is a KeyboardInterrupt: neither has to wait for an import."""
    program = """
        for wrong in ([], [""], [1]):
            try:
                credential.get_token(*wrong)
            except (TypeError, ValueError):
                continue
            raise AssertionError(wrong)
        assert "azure.core" not in sys.modules
    """
    assert run(program, silent) == ""


SLOTS = """
    import azure.core.credentials as credentials

    class AccessTokenInfo:
        __slots__ = ("token", "expires_on", "token_type", "refresh_on")

        def __init__(self, token, expires_on, *, token_type="Bearer", refresh_on=None):
            self.token, self.expires_on, self.token_type, self.refresh_on = token, expires_on, token_type, refresh_on

    AccessTokenInfo.__module__ = credentials.__name__
    credentials.AccessTokenInfo = AccessTokenInfo
"""
"""An azure-core whose class has slots."""


@pytest.mark.parametrize("before", ["from azure.core.credentials import AccessTokenInfo", SLOTS], ids=["dict", "slots"])
def test_a_token_info_survives_whether_azure_cores_class_has_slots(before: str) -> None:
    """It is made, cannot be set, and is pickled and copied as azure-core's own."""
    program = """
        import copy, pickle
        from doorcode._core.msal_cache.rows import StoredToken
        from doorcode._core.secret import Secret
        from doorcode._session.access_tokens import SafeAccessTokenInfo
        fields = {name: 1 for name in StoredToken.__match_args__}
        fields.update(secret=Secret("a token"), expires_on=7, token_type="pop", refresh_on=5)
        info = SafeAccessTokenInfo(StoredToken(**fields))
        for change, arguments in ((setattr, ("token", "b")), (setattr, ("x", 1)), (delattr, ("token",))):
            try:
                change(info, *arguments)
            except AttributeError as error:
                assert "copy.copy" in str(error)
            else:
                raise AssertionError
        assert "a token" not in repr(info)
        for other in (info, copy.copy(info), copy.deepcopy(info), pickle.loads(pickle.dumps(info))):
            assert isinstance(other, AccessTokenInfo)
            assert (other.token, other.expires_on, other.token_type, other.refresh_on) == ("a token", 7, "pop", 5)
        again = copy.copy(info)
        again.token = "b"
        assert type(again) is AccessTokenInfo and (again.token, info.token) == ("b", "a token")
    """
    assert run(program, before) == ""
