"""The library's failures in the words of the command line: options, commands and variables, no Python."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import uuid
from base64 import b64encode
from functools import cache
from pathlib import Path

import pytest

import doorcode
from cli.conftest import Command, Done
from doorcode._cli.failures import IN_OPTIONS, for_users
from doorcode._core.messages import advice, failures
from doorcode.emulator import Emulator, Policy

PYTHON = re.compile(r"\w=|\w\(|Credential|Options|_id\b|get_token|authenticate|\bpath=")
VAULT = "https://vault.azure.net"
STEPS = {
    *(each.step for table in (advice.BY_CODE, advice.BY_CODE_ELSEWHERE, advice.BY_ERROR) for each in table.values()),
    *advice.BY_KIND.values(),
    advice.OWN_AUTHORITY,
    advice.MORE_TIME,
    advice.new_code(),
    failures.other_account("ada@contoso.example", "grace@contoso.example").message,
    failures.several_accounts(()),
}


def own_words(done: Done) -> str:
    """Return what a command said, without what the emulator says to the authors of tests."""
    return re.sub(r"Emulator\.add_tenant\(.*?\)", "", done.err)


@pytest.mark.parametrize("step", sorted(STEPS))
def test_no_advice_is_for_programs(step: str) -> None:
    """Each row of the table of errors, with an option, a command or a variable in place of a parameter."""
    assert not PYTHON.search(for_users(step)), for_users(step)


@cache
def library_texts() -> tuple[str, ...]:
    """Return the texts in the library's source, those of the command line left out."""
    root = Path(doorcode.__file__).parent
    return tuple(
        node.value
        for path in root.rglob("*.py")
        if "_cli" not in path.relative_to(root).parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@pytest.mark.parametrize("library", [row[0] for row in IN_OPTIONS])
def test_each_row_is_what_the_library_says(library: str) -> None:
    """A row whose words the library no longer uses would leave the new ones as they are."""
    assert any(library in text for text in library_texts())


def test_another_user_is_told_the_command_that_changes_the_account() -> None:
    """Its words stand in the middle of a sentence."""
    words = for_users(failures.other_account("ada@contoso.example", "grace@contoso.example").message)
    assert "Sign in with that account, or run `doorcode login --force` to change the account." in words
    assert "but the command is for ada@contoso.example" in words


def test_the_authoritys_own_words_stay() -> None:
    """It may name a parameter of its protocol, which is no option."""
    said = "AADSTS900144: The request must contain 'client_id'. Call authenticate()"
    assert for_users(f"Failed: {said}\nCheck client_id.", said) == f"Failed: {said}\nCheck --client-id."
    assert for_users("The authority, after a timeout, said no") == "The authority, after a timeout, said no"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("login", "--cache", "../x"), "the cache's name must be a name and not a path"),
        (("login", "--client-id", "a b"), "--client-id 'a b' is not an application ID"),
        (("login", "--tenant", "a b"), "--tenant 'a b' is not a tenant"),
        (("login", "--tenant", "nosuch.example"), "Check --tenant, and --authority"),
        (("token", "--scope", f"{VAULT}/.default", "--resource", "https://storage.azure.com"), "two resources"),
        (("token", "--tenant", "a b"), "--tenant 'a b' is not a tenant"),
        (("status", "--cache", "../x"), "the cache's name must be a name and not a path"),
        (("exec", "--tenant", "nosuch.example", "--", "true"), "Check --tenant, and --authority"),
    ],
)
def test_wrong_arguments_are_called_as_the_command_line_calls_them(
    signed_in: Command, arguments: tuple[str, ...], words: str
) -> None:
    """No option is named after a parameter of the library."""
    options = ["--no-instance-discovery", "--device-code"] if arguments[0] == "login" else []
    done = signed_in(*arguments, *options)
    assert done.code in {1, 2}
    assert words in done.err
    assert not PYTHON.search(own_words(done)), done.err


@pytest.mark.parametrize("name", ["status", "logout", "doctor", "token"])
def test_a_key_is_called_as_the_environment_calls_it(
    signed_in: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Another key than the one that encrypts the cache, one that cannot be used, and none; the advice is whole."""
    file = Path.home() / ".IdentityService" / "msal.cache.nocae.keyed"
    for key in (b64encode(bytes([1]) * 32).decode(), "short", ""):
        monkeypatch.setenv("DOORCODE_CACHE_KEY", key)
        done = signed_in(name)
        said = " ".join((done.out + done.err).split())
        assert "encryption_key" not in said
        assert "name or path" not in said
        if len(key) > len("short"):
            assert "DOORCODE_CACHE_KEY or DOORCODE_CACHE_KEY_FILE names" in said
            assert f"remove the file (rm {file}), and the user signs in again" in said


@pytest.mark.parametrize("name", ["status", "logout", "doctor", "token"])
def test_an_authority_of_the_environment_that_cannot_be_one_is_named(
    signed_in: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Also by the commands for an account that signed in elsewhere; a program's error names the variable, too."""
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "no host")
    done = signed_in(name)
    assert done.code == 2
    assert "'no host' holds a character that no URL may have (from the environment variable AZURE_" in done.err
    with pytest.raises(ValueError, match="environment variable AZURE_AUTHORITY_HOST"):
        doorcode.DeviceCodeCredential()


@pytest.mark.parametrize("format_", ["raw", "json"])
def test_a_tenant_that_does_not_exist_is_no_sign_in_that_is_needed(signed_in: Command, format_: str) -> None:
    """A sign-in would end with the same error: exit code 1, and what to check."""
    done = signed_in("token", "--tenant", "nosuch.example", "--resource", VAULT, "-f", format_)
    assert (done.code, done.out) == (1, "")
    assert "AADSTS90002" in done.err
    assert "Check --tenant" in done.err
    assert "doorcode login" not in done.err


def test_a_machine_without_a_browser_has_other_options(
    command: Command, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--browser` without a display names the two that work."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME", "WSL_INTEROP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    done = command("login", "--no-instance-discovery", "--browser")
    assert done.code == 1
    assert "Use --device-code, or --paste to open the page on another machine." in done.err
    assert not PYTHON.search(own_words(done)), done.err


def test_pasting_needs_a_terminal(command: Command) -> None:
    """With standard input from nowhere, `--device-code` is the way."""
    line = [sys.executable, "-m", "doorcode", "login", "--no-instance-discovery", "--paste"]
    done = subprocess.run(
        line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, start_new_session=True
    )
    assert done.returncode == 1
    assert "--paste needs a terminal, and there is none.\nUse --device-code." in done.stderr


def blocked(command: Command, authority: Emulator, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Done:
    """Sign in over SSH where the organization accepts no code."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME", "WSL_INTEROP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
    monkeypatch.setenv("PATH", "/nowhere")
    authority.require(Policy(number=53003, error="access_denied", suberror=None))
    return command("login", "--no-instance-discovery", *arguments)


@pytest.mark.parametrize("arguments", [(), ("--device-code",)])
def test_an_organization_that_accepts_no_code_leaves_pasting(
    command: Command, authority: Emulator, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Over SSH no browser opens, and none is announced: `--paste` uses another machine's."""
    done = blocked(command, authority, monkeypatch, *arguments)
    assert done.code == 1
    assert "AADSTS53003" in done.err
    assert "`doorcode login --paste`" in done.err
    assert "so a browser is used" not in done.err
    assert not PYTHON.search(own_words(done)), done.err


def test_no_network_names_the_variable_of_the_proxy(command: Command, authority: Emulator) -> None:
    """The command line has no option for one."""
    with authority.offline():
        done = command("login", "--no-instance-discovery", "--device-code", "--client-id", str(uuid.uuid4()))
    assert done.code == 4
    assert "HTTPS_PROXY" in done.err
    assert not PYTHON.search(own_words(done)), done.err
