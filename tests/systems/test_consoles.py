"""Consoles, signals and ports of other systems, with a stand-in for what they do differently."""

from __future__ import annotations

import io
import signal
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from doorcode import DeviceCodeCredential, prompts
from doorcode._browser import loopback, terminal
from doorcode._browser.terminal import Terminal
from doorcode._cli import exec_command
from doorcode._sync.cancel_scope import SLICE, CancelScope
from doorcode.emulator import Emulator, _key_folder
from support.signing import SCOPE

ENCODINGS = ["ascii", "cp437", "cp850", "cp932", "cp1252", "utf-8"]
"""What consoles of Windows use in several countries, and what a program in a pipe gets."""


def console(typed: str) -> SimpleNamespace:
    """Return the module ``msvcrt`` of a console in which the user types."""
    return SimpleNamespace(kbhit=lambda: True, getwch=iter(typed).__next__)


def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the line that is read where the user types some text."""
    monkeypatch.setitem(sys.modules, "termios", None)
    monkeypatch.setitem(sys.modules, "msvcrt", console(text))
    return Terminal().read(lambda: None)


def test_a_line_of_a_windows_console(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with the Enter key, and may have any character."""
    assert typed("http://localhost/?code=\u00e9\rrest", monkeypatch) == "http://localhost/?code=\u00e9"


@pytest.mark.parametrize(("key", "interrupted"), [("\x03", True), ("\x1a", False)], ids=["Ctrl-C", "Ctrl-Z"])
def test_keys_that_end_the_input_of_a_windows_console(
    key: str,
    interrupted: bool,  # noqa: FBT001 - a column
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing that was typed is used, and Ctrl-C interrupts the program, as elsewhere."""
    asked: list[bool] = []
    monkeypatch.setattr(terminal, "interrupt_main", lambda: asked.append(True))
    with pytest.raises(EOFError):
        typed(f"http{key}\r", monkeypatch)
    assert bool(asked) is interrupted


def test_ctrl_c_is_noticed_between_two_short_waits() -> None:
    """Windows delivers it when a wait ends, so no wait is longer than half a second."""
    waits: list[float] = []

    def acquire(timeout: float) -> bool:
        waits.append(timeout)
        if len(waits) > 1:
            raise KeyboardInterrupt
        return False

    scope = CancelScope()
    scope._wake = SimpleNamespace(acquire=acquire)  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        scope.sleep(3600)
    assert waits == [SLICE, SLICE]


def test_a_command_gets_the_signals_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no SIGHUP and no SIGQUIT, the others are handled, and given back at the end."""
    for name in ("SIGHUP", "SIGQUIT"):
        monkeypatch.delattr(signal, name, raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with exec_command._signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("prompt", [None, prompts.terminal, prompts.stderr], ids=["default", "terminal", "stderr"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_code_can_be_shown_in_every_encoding(
    encoding: str, prompt: Any, doorcode_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A character that the console lacks ends no sign-in, and the code is whole."""
    shown = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", shown[0])
    monkeypatch.setattr(sys, "stderr", shown[1])
    doorcode_emulator.configure(message="\u8acb\u00e9 {verification_uri} {user_code}")
    doorcode_emulator.approve_all()
    with DeviceCodeCredential(prompt_callback=prompt, **doorcode_emulator.credential_options) as credential:
        assert credential.get_token(SCOPE).token
    text = "".join(str(each.buffer.getvalue().decode(encoding)) for each in shown)
    assert f"{doorcode_emulator.url}/devicelogin" in text


def test_the_port_of_a_redirect_is_exclusive_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """There SO_REUSEADDR would let another program take the port over, so it is not set."""
    options: list[int] = []
    really = socket.socket.setsockopt

    def note(self: socket.socket, level: int, option: int, value: int) -> None:
        options.append(option)
        if option != -5:
            really(self, level, option, value)

    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", -5, raising=False)
    monkeypatch.setattr(socket.socket, "setsockopt", note)
    loopback._listening(socket.AF_INET, "127.0.0.1", 0).close()
    assert -5 in options
    assert socket.SO_REUSEADDR not in options


def test_a_key_folder_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a file that its process has open cannot be renamed: that tells a folder in use from an abandoned one."""
    monkeypatch.setattr(_key_folder, "_fcntl", lambda: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    used = _key_folder.KeyFolder()
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.parent == Path(used.path):
            raise PermissionError
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    left = tmp_path / f"{_key_folder.PREFIX}left"
    left.mkdir()
    (left / _key_folder.LOCK).touch()
    _key_folder.delete_abandoned(tmp_path)
    assert [each.name for each in tmp_path.glob(f"{_key_folder.PREFIX}*")] == [Path(used.path).name]
    used.close()
    assert list(tmp_path.glob(f"{_key_folder.PREFIX}*")) == []
