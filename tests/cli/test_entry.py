from __future__ import annotations

import builtins
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Command
from doorcode._cli import entry
from doorcode.cache import StoreError
from doorcode.emulator import Emulator
from support.started import started


def doorcode(arguments: str, prefix: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell does."""
    line = f"{prefix}{sys.executable} -m doorcode {arguments}"
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_it_is_named(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit code 1."""
    imported = builtins.__import__

    def refuse(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "doorcode._cli.app":
            raise ModuleNotFoundError(name=missing)
        return imported(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setattr(sys, "argv", ["doorcode", "status"])
    assert entry.main() == 1
    assert capsys.readouterr().err == "doorcode: the command line needs click and rich: pip install 'doorcode[cli]'\n"


def test_without_the_emulators_extra_it_is_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise."""
    monkeypatch.setitem(sys.modules, "doorcode.emulator.__main__", None)
    done = command("emulator")
    assert done.code == 1
    assert "pip install 'doorcode[emulator]'" in done.err


def test_the_emulator_runs(command: Command) -> None:
    """Its own command has the options."""
    with pytest.raises(SystemExit) as ending:
        command("emulator", "--help")
    assert ending.value.code == 0


def test_help_and_version(command: Command) -> None:
    """Data, as asked for; every command has a line."""
    text = command("--help").out
    for name in (
        "login",
        "token",
        "exec",
        "accounts",
        "switch",
        "logout",
        "status",
        "doctor",
        "emulator",
        "completion",
    ):
        assert f"\n  {name} " in text
        if name != "emulator":
            assert command(name, "--help").code == 0
    assert "\n  doorcode exec -- node upload.js\n" in command("exec", "--help").out
    assert command("--version").out.startswith("doorcode, version ")
    assert command("nonsense").code == 2


def test_ctrl_c_is_one_line(command: Command, authority: Emulator) -> None:
    """Exit code 130, no traceback, while a user is waited for."""
    authority.approve_none()
    arguments = [sys.executable, "-m", "doorcode", "login", "--no-instance-discovery", "--device-code"]
    with started(arguments, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert "enter this code" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert rest.endswith("\nInterrupted.\n")
    assert "Traceback" not in rest


def test_a_closed_standard_output_is_an_error(signed_in: Command) -> None:
    """The token goes nowhere, and that is said."""
    done = doorcode("token >&-")
    assert (done.returncode, done.stderr) == (1, "doorcode: standard output is closed\n")


def test_a_closed_standard_error_changes_no_exit_code(signed_in: Command) -> None:
    """Nothing can be said there; a script still learns that a sign-in is needed."""
    done = doorcode("token --account grace 2>&-")
    assert (done.returncode, done.stdout) == (3, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_an_error(signed_in: Command) -> None:
    """Without a traceback."""
    for arguments in ("token > /dev/full", "accounts > /dev/full"):
        done = doorcode(arguments)
        assert done.returncode == 1
        assert "No space left" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_traceback(signed_in: Command) -> None:
    """As with `doorcode accounts | true`."""
    done = doorcode("accounts | true")
    assert done.stderr == ""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        command = [sys.executable, "-m", "doorcode", "token", "-v"]
        ended = subprocess.run(command, stdout=broken, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr


def test_without_home_the_users_own_is_used(authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system knows it: exit code 3, as for whoever has not signed in, and no traceback."""
    monkeypatch.delenv("HOME")
    done = doorcode("token --account made-up-for-a-test")
    assert done.returncode in {1, 3}
    assert "Traceback" not in done.stderr


@pytest.fixture
def unprivileged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a home that its user may not write, and give the words before a command that obeys that, even of root's."""
    home = tmp_path / "read-only"
    home.mkdir(mode=0o555)
    monkeypatch.setenv("HOME", str(home))
    if os.geteuid() != 0:
        return ""
    prefix = "setpriv --bounding-set=-dac_override,-dac_read_search "
    if subprocess.run(["sh", "-c", f"{prefix} true"], check=False).returncode:
        pytest.skip("setpriv is not here, or may not drop capabilities")
    return prefix


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("accounts", 0, "`doorcode login`"),
        ("token --no-prompt", 3, "`doorcode login`"),
        ("status", 0, "No account is signed in."),
        ("switch ada", 3, "`doorcode login`"),
        ("exec -- true", 3, "`doorcode login`"),
        ("logout", 0, "No account is signed in."),
        ("logout --all", 0, "No account is signed in."),
        ("login --device-code", 1, "must be a folder in which this user may write"),
        ("doctor", 1, "must be a folder in which this user may write"),
    ],
)
def test_a_home_that_cannot_be_written(
    authority: Emulator, unprivileged: str, arguments: str, code: int, words: str
) -> None:
    """Each command says what to do, and a user is not asked for nothing."""
    done = doorcode(arguments, unprivileged)
    said = " ".join((done.stdout + done.stderr).split())
    assert (done.returncode, "Traceback" in said) == (code, False), said
    assert words in said
    assert authority.count("devicecode") == 0


def test_a_cache_that_cannot_be_written_is_said(signed_in: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is printed all the same; to sign out the user has to be able to write."""
    refused = StoreError("cannot lock the token cache: /home/ada: Read-only file system", errno=errno.EROFS)

    def refuse(*_arguments: object, **_options: object) -> None:
        raise refused

    monkeypatch.setattr("doorcode.cache._token_cache.StoredCache.remove", refuse)
    monkeypatch.setattr("doorcode.cache._stores.file.FileStore.delete_if", refuse)
    assert signed_in("token").code == 0
    done = signed_in("logout")
    assert done.code == 5
    assert "Let this user write there, or set HOME to a folder in which this user may write." in done.err


def test_a_file_in_the_place_of_the_caches_folder_is_said(command: Command) -> None:
    """The advice is the same: the user chooses another folder, or makes room."""
    (Path.home() / ".IdentityService").touch()
    done = command("login", "--no-instance-discovery")
    assert done.code == 5
    assert "Not a directory" in done.err
    assert "set HOME to a folder in which this user may write." in done.err


def test_two_sign_ins_at_once_are_both_kept(command: Command, authority: Emulator) -> None:
    """In two caches here, so that each is asked for."""
    line = [sys.executable, "-m", "doorcode", "login", "--no-instance-discovery", "--cache"]
    both = [subprocess.Popen([*line, name], stderr=subprocess.PIPE) for name in ("one", "two")]
    for each in both:
        each.communicate(timeout=120)
    assert [each.returncode for each in both] == [0, 0]
    assert len(command("accounts").out.splitlines()) == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(command: Command, shell: str) -> None:
    """Each is for its shell."""
    done = command("completion", shell)
    assert done.code == 0
    assert "_DOORCODE_COMPLETE" in done.out


def test_bash_completes_commands(command: Command, installed: Path) -> None:
    """The script works in bash as it is."""
    program = (
        'eval "$(doorcode completion bash)"\n'
        "COMP_WORDS=(doorcode lo); COMP_CWORD=1\n"
        "_doorcode_completion doorcode\n"
        'echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["login", "logout"], done.stderr


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("doorcode switch a", "plain,ada@contoso.example"),
        ("doorcode switch g", ""),
        ("doorcode token --account ada", "plain,ada@contoso.example"),
        ("doorcode exec -- node up", "file,up"),
    ],
)
def test_names_and_files_are_completed(
    signed_in: Command, monkeypatch: pytest.MonkeyPatch, words: str, offered: str
) -> None:
    """The names of accounts by the command, and what `exec` runs by the shell."""
    for name, value in {"_DOORCODE_COMPLETE": "bash_complete", "COMP_WORDS": words}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    assert doorcode("").stdout.strip() == offered
