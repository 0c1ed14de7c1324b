from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Command
from doorcode import (
    DeviceCodeCredential,
    InteractiveBrowserCredential,
    TokenCachePersistenceOptions,
    UserCredential,
)
from doorcode._cli import account_file
from doorcode._cli.sign_in import interactive, sign_in_prompt
from doorcode.cache import clear
from doorcode.emulator import Emulator
from support.started import started

ADA = "ada@contoso.example"
GRACE = "grace@contoso.example"


def test_a_sign_in_is_told_on_standard_error(command: Command) -> None:
    """The code stands alone on its line, with the address, what asks for what, and the warning of RFC 8628 5.4."""
    done = command("login", "--no-instance-discovery", "--device-code")
    assert (done.code, done.out) == (0, "")
    lines = done.err.splitlines()
    assert "/devicelogin and enter this code before" in lines[0]
    assert lines[2].isalnum()
    assert "Application: Microsoft Azure CLI" in lines
    assert "Access to: Azure Resource Manager" in lines
    assert "Enter the code only if you started this sign-in yourself" in done.err
    assert lines[-1].startswith(f"Signed in as {ADA} (tenant ")


def test_an_authority_of_the_environment_is_enough(command: Command) -> None:
    """The environment that the emulator prints serves the command line, too, without any option."""
    assert command("login").code == 0
    assert command("token", "--scope", "https://vault.azure.net/.default").code == 0


def test_the_account_file_is_the_users_alone(signed_in: Command) -> None:
    """It has mode 0600, and neither a token nor a code in it."""
    path = Path(account_file.path())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = json.loads(path.read_text())
    assert [entry["record"]["username"] for entry in content["accounts"]] == [ADA]
    assert "ey" + "J" not in path.read_text()


def test_programs_share_the_sign_in(signed_in: Command, authority: Emulator) -> None:
    """A program with the library's default options gets a token without asking."""
    options = TokenCachePersistenceOptions()
    with DeviceCodeCredential(
        disable_automatic_authentication=True, cache_persistence_options=options, disable_instance_discovery=True
    ) as credential:
        assert credential.get_token("https://vault.azure.net/.default").token


def test_an_account_that_is_signed_in_is_used_without_asking(signed_in: Command, authority: Emulator) -> None:
    """A second login sends nothing; --force, beside the options that the command has, asks."""
    before = authority.count()
    done = signed_in("login", "--no-instance-discovery")
    assert (done.code, authority.count()) == (0, before)
    assert f"Already signed in as {ADA}" in done.err
    assert done.err.endswith("Add --force to sign in anew, or with another account.\n")
    assert "enter this code" in signed_in("login", "--no-instance-discovery", "--force").err


def test_a_sign_in_of_a_program_is_taken_over(command: Command, authority: Emulator) -> None:
    """The only account in the cache becomes the current one."""
    with DeviceCodeCredential(
        cache_persistence_options=TokenCachePersistenceOptions(), disable_instance_discovery=True
    ) as credential:
        credential.authenticate()
    assert f"Already signed in as {ADA}" in command("login", "--no-instance-discovery").err
    assert command("token").code == 0


def test_another_account_joins_and_becomes_the_current_one(signed_in: Command, authority: Emulator) -> None:
    """Both are listed."""
    authority.approve_all(GRACE)
    assert signed_in("login", "--no-instance-discovery", "--force").code == 0
    names = [entry["username"] for entry in json.loads(signed_in("accounts", "--json").out)]
    assert names == [GRACE, ADA]


def test_another_user_than_the_named_one_is_refused(command: Command, authority: Emulator) -> None:
    """Nothing is stored, and nobody is signed in."""
    authority.approve_all(GRACE)
    done = command("login", "--no-instance-discovery", "--username", ADA, "--device-code")
    assert done.code == 1
    assert f"{GRACE} signed in, and --username asks for {ADA}. Nothing was changed." in done.err
    with DeviceCodeCredential(cache_persistence_options=TokenCachePersistenceOptions()) as credential:
        assert credential.accounts() == ()
    assert json.loads(command("accounts", "--json").out) == []


def test_a_damaged_account_file_is_repaired(signed_in: Command) -> None:
    """The other commands say so; login sets it aside and begins anew."""
    path = Path(account_file.path())
    path.write_text("{")
    done = signed_in("token")
    assert done.code == 1
    assert "is damaged. Sign in again with `doorcode login`, which repairs it." in done.err
    assert signed_in("login", "--no-instance-discovery").code == 0
    assert signed_in("token").code == 0
    assert path.with_name("accounts.json.broken").read_text() == "{"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--cloud", "public", "--authority", "a.example"), "--cloud and --authority name the same thing"),
        (("--cache", "../x"), "name"),
        (("--resource", "https://vault.azure.net/.default"), "The resource is https://vault.azure.net."),
        (("--authority", "login.example"), "--scope or --resource is needed at login.example."),
        (("--client-id", "a b"), "--client-id"),
        (("--authority", "http://a.example"), "https"),
        (("--timeout", "-1"), "--timeout"),
        (("--timeout", "abc"), "'abc' is not a valid number of seconds."),
        (("--timeout", "nan"), "--timeout must be 0 or more seconds\n"),
        (("--device-code", "--browser"), "--device-code and --browser exclude each other."),
        (("--paste", "--device-code", "--paste"), "--paste and --device-code exclude each other."),
        (("--username", " "), "username"),
    ],
)
def test_wrong_options_are_named(command: Command, arguments: tuple[str, ...], words: str) -> None:
    """The exit code is 2, and the message says what is wrong."""
    done = command("login", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_no_network_is_its_own_exit_code(command: Command, authority: Emulator) -> None:
    """Exit code 4, and where to look."""
    with authority.offline():
        done = command("login", "--no-instance-discovery", "--device-code")
    assert done.code == 4
    assert "`doorcode doctor` checks the network." in done.err


def test_no_store_is_its_own_exit_code(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 5, before the user is asked."""
    monkeypatch.setenv("DOORCODE_CACHE_KEY", "short")
    done = command("login", "--no-instance-discovery")
    assert done.code == 5
    assert "No token cache can be used" in done.err
    assert "enter this code" not in done.err


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        (None, UserCredential),
        ("device_code", DeviceCodeCredential),
        ("browser", InteractiveBrowserCredential),
        ("paste", InteractiveBrowserCredential),
    ],
)
@pytest.mark.parametrize("timeout", [None, 5.0])
def test_each_way_has_its_credential(method: str | None, kind: type[object], timeout: float | None) -> None:
    """Without a word, the one that fits where the command runs."""
    assert type(interactive(method, sign_in_prompt("a", (), None), timeout)) is kind


def test_a_wait_can_be_limited(command: Command, authority: Emulator) -> None:
    """Exit code 1 then, and nobody is signed in."""
    authority.approve_none()
    done = command("login", "--no-instance-discovery", "--device-code", "--timeout", "0")
    assert done.code == 1
    assert command("token").code == 3


@pytest.mark.parametrize("variable", ["", "NO_COLOR"])
def test_plain_lines_have_no_qr_code(command: Command, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A file gets neither a picture nor colours, and the reason is said."""
    if variable:
        monkeypatch.setenv(variable, "1")
        monkeypatch.setattr("doorcode._cli.login.may_prompt", lambda: True)
    done = command("login", "--no-instance-discovery", "--device-code", "--qr")
    assert (done.code, done.out) == (0, "")
    assert not {"█", "\x1b"} & set(done.err)
    assert f"--qr shows no QR code, since {variable or 'standard error'} is" in done.err


def test_another_tenant_of_the_account_needs_no_sign_in(signed_in: Command, authority: Emulator) -> None:
    """The refresh token of the one is good for the other where the user is a guest; here it is the same."""
    done = signed_in("login", "--no-instance-discovery", "--tenant", authority.tenant_id)
    assert f"Already signed in as {ADA} (tenant {authority.tenant_id})" in done.err


def test_a_named_account_that_is_signed_in_is_used(signed_in: Command) -> None:
    """And one that is not is asked for."""
    assert "Already signed in" in signed_in("login", "--no-instance-discovery", "--username", ADA.upper()).err
    assert "enter this code" in signed_in("login", "--no-instance-discovery", "--username", GRACE).err


def test_another_login_meanwhile_is_this_ones_too(command: Command, authority: Emulator) -> None:
    """The second waits for the first, and does not ask the user again."""
    authority.approve_none()
    line = [sys.executable, "-m", "doorcode", "login", "--no-instance-discovery", "--device-code"]
    with (
        started(line, stderr=subprocess.PIPE) as first,
        started(line, stderr=subprocess.PIPE) as second,
    ):
        said = {each: [each.stderr.readline()] for each in (first, second) if each.stderr}
        asks = next(each for each, lines in said.items() if "enter this code" in lines[0])
        assert asks.stderr is not None
        code = next(line.strip() for line in asks.stderr if line.strip())
        authority.approve(code)
        rest = {each: each.communicate(timeout=120)[1] for each in (first, second)}
    assert [first.returncode, second.returncode] == [0, 0]
    assert all(f"Signed in as {ADA} (" in text for text in rest.values())
    assert authority.count("devicecode") == 1


def test_ctrl_c_ends_the_wait_for_another_login_and_leaves_that_one_alone(
    command: Command, authority: Emulator
) -> None:
    """Exit code 130 and one line; the user of the other one signs in."""
    authority.approve_none()
    line = [sys.executable, "-m", "doorcode", "login", "--no-instance-discovery", "--device-code"]
    with started(line, stderr=subprocess.PIPE) as asks:
        assert asks.stderr is not None
        assert "enter this code" in asks.stderr.readline()
        with started(line, stderr=subprocess.PIPE) as waits:
            assert waits.stderr is not None
            assert "This process waits for that sign-in" in waits.stderr.readline()
            waits.send_signal(signal.SIGINT)
            assert waits.communicate(timeout=120)[1].strip() == "Interrupted."
        assert waits.returncode == 130
        authority.approve(next(line.strip() for line in asks.stderr if line.strip()))
        assert f"Signed in as {ADA} (" in asks.communicate(timeout=120)[1]
    assert asks.returncode == 0
    assert command("token", "--no-prompt").code == 0
    assert authority.count("devicecode") == 1


def printed(terminal: int, words: bytes) -> bytes:
    """Read what a command prints on a terminal until it has printed some words."""
    text = b""
    while words not in text:
        text += os.read(terminal, 65536)
    return text


def test_ctrl_c_ends_the_wait_of_token_for_another_sign_in(signed_in: Command, authority: Emulator) -> None:
    """Both need the user, on terminals of their own; the one that asks goes on."""
    authority.approve_none()
    authority.configure(interval=1)
    clear(TokenCachePersistenceOptions())
    line = [sys.executable, "-m", "doorcode", "token"]
    (asking, its_end), (waiting, other_end) = os.openpty(), os.openpty()
    with started(line, stdout=subprocess.PIPE, stderr=its_end) as asks:
        os.close(its_end)
        card = printed(asking, b"Enter the code only")
        with started(line, stdout=subprocess.PIPE, stderr=other_end) as waits:
            os.close(other_end)
            printed(waiting, b"This process waits for that sign-in")
            waits.send_signal(signal.SIGINT)
            assert printed(waiting, b"Interrupted.\r\n").endswith(b"\r\nInterrupted.\r\n")
            assert waits.communicate(timeout=120)[0] == ""
        assert waits.returncode == 130
        assert b"Microsoft Azure CLI" in card
        (code,) = authority.user_codes
        authority.approve(code)
        printed(asking, b"Signed in as")
        assert asks.communicate(timeout=120)[0].startswith("ey")
    assert asks.returncode == 0
    for terminal in (asking, waiting):
        os.close(terminal)


def test_a_sign_in_that_could_not_be_remembered_is_not_begun(
    command: Command, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user is not asked for nothing."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/dev/null/made-up")
    done = command("login", "--no-instance-discovery")
    assert done.code == 1
    assert "cannot be written" in done.err
    assert authority.count("devicecode") == 0


def test_an_account_keeps_the_options_of_its_sign_in(signed_in: Command) -> None:
    """A login that finds it signed in forgets none of them."""
    assert "Already signed in" in signed_in("login").err
    assert account_file.read()[0].disable_instance_discovery


@pytest.mark.parametrize(
    "arguments",
    [
        ("login", "--scope", ""),
        ("login", "--scope", "a b"),
        ("token", "--resource", " "),
        ("token", "--account", ""),
        ("token", "--tenant", ""),
        ("exec", "--resource", "", "--", "true"),
        ("exec", "--resuorce", "x", "--", "true"),
        ("switch", ""),
    ],
)
def test_wrong_arguments_are_refused_before_anything_happens(signed_in: Command, arguments: tuple[str, ...]) -> None:
    """An empty one is an unset variable of a script; exit code 2."""
    done = signed_in(*arguments)
    assert done.code == 2
    assert "Error: " in done.err
    assert done.out == ""


def test_a_user_who_comes_too_late(command: Command, authority: Emulator) -> None:
    """The option that helps is the command's, not the library's."""
    authority.approve_none()
    done = command("login", "--no-instance-discovery", "--device-code", "--timeout", "0.01")
    assert done.code == 1
    assert "--timeout" in done.err
    assert "timeout=" not in done.err


@pytest.mark.parametrize("option", ["--username", "--tenant", "--client-id", "--authority", "--cache"])
@pytest.mark.parametrize("value", ["", " "], ids=["empty", "blank"])
def test_an_empty_option_is_refused_before_the_user_is_asked(
    command: Command, authority: Emulator, option: str, value: str
) -> None:
    """A script's variable is not set: any user, tenant or application would do, and the script means one."""
    done = command("login", option, value)
    assert (done.code, "it is empty" in done.err) == (2, True), done.err
    assert option in done.err
    assert authority.requests == []


@pytest.mark.parametrize(
    "option", ["--username", "--tenant", "--client-id", "--authority", "--cache", "--scope", "--resource"]
)
def test_an_option_in_the_place_of_a_value_is_refused(command: Command, authority: Emulator, option: str) -> None:
    """As with `--tenant $TENANT --force` in a script whose variable is not set."""
    done = command("login", option, "--force")
    assert (done.code, "--force is an option, and the value is missing." in done.err) == (2, True), done.err
    assert authority.requests == []
