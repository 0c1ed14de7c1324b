"""The ready-made prompts: what a user sees of each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timezone

import pytest

from doorcode import DeviceCodeCredential, prompts
from doorcode.emulator import Emulator

URI, CODE = "https://login.example/device", "ABCD-EFGH"
UNTIL = datetime(2026, 11, 25, 12, 30, tzinfo=timezone.utc)
TIME = f"{UNTIL.astimezone():%H:%M}"


@pytest.mark.parametrize("prompt", [prompts.stderr, prompts.qr], ids=["stderr", "qr"])
def test_terminal_prompts_leave_standard_output_alone(
    prompt: Callable[[str, str, datetime], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The address, the code and the time stand on standard error; standard output stays empty."""
    prompt(URI, CODE, UNTIL)
    out, err = capsys.readouterr()
    assert out == ""
    assert f"open {URI} and enter the code {CODE} before {TIME}" in err


def test_a_qr_code_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    """It consists of block characters, above the words."""
    prompts.qr(URI, CODE, UNTIL)
    drawn, _, words = capsys.readouterr().err.rpartition("To sign in")
    assert "█" in drawn
    assert CODE in words


def test_without_standard_error_the_prompt_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code that nobody can see ends the sign-in before it begins to wait."""
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(RuntimeError, match="no standard error"):
        prompts.stderr(URI, CODE, UNTIL)


def test_the_default_is_a_terminal_outside_notebooks(capsys: pytest.CaptureFixture[str]) -> None:
    """The code stands alone on a line, on standard error."""
    prompts.default()(URI, CODE, UNTIL)
    out, err = capsys.readouterr()
    assert out == ""
    assert CODE in err.splitlines()


def test_a_prompt_is_a_callback(doorcode_emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """It is passed as it is, and the sign-in goes its way."""
    doorcode_emulator.configure(interval=1)
    doorcode_emulator.approve_all()
    options = doorcode_emulator.credential_options
    with DeviceCodeCredential(prompt_callback=prompts.stderr, **options) as credential:
        assert credential.get_token("https://storage.azure.com/.default").token
    assert "enter the code" in capsys.readouterr().err


def test_unknown_names_are_attribute_errors() -> None:
    """The module lists what it has, and says what it has not."""
    assert {"default", "terminal", "stderr", "qr", "notebook", "jsonl", "log", "browser"} <= set(dir(prompts))
    with pytest.raises(AttributeError, match="no attribute 'teletype'") as raised:
        prompts.teletype  # type: ignore[attr-defined]  # noqa: B018 - it is the access that counts
    assert (raised.value.name, raised.value.obj) == ("teletype", prompts), "Python suggests names of that module"
