"""Prompts that programs read: lines of JSON, and the log."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone

import pytest

from doorcode import DeviceCodeCredential, errors, prompts
from doorcode.emulator import Edit, Emulator
from support.clock import Clock
from support.signing import PATIENCE

URI, CODE = "https://login.example/device", "ABCD-EFGH"
UNTIL = datetime(2026, 11, 25, 12, 30, tzinfo=timezone.utc)
SCOPE = "https://vault.azure.net/.default"


def test_lines_of_json(doorcode_emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """One object a line: the code with its time in UTC, then the outcome."""
    doorcode_emulator.configure(interval=1)
    doorcode_emulator.approve_all()
    with DeviceCodeCredential(prompt_callback=prompts.jsonl, **doorcode_emulator.credential_options) as credential:
        credential.get_token(SCOPE)
    out, err = capsys.readouterr()
    code, finished = map(json.loads, err.splitlines())
    assert out == ""
    assert code["event"] == "code"
    assert code["verification_uri"] == f"{doorcode_emulator.url}/devicelogin"
    assert datetime.fromisoformat(code["expires_on"].replace("Z", "+00:00")) > datetime.now(timezone.utc)
    assert finished == {
        "event": "finished",
        "result": "signed_in",
        "username": "ada@contoso.example",
        "message": "Signed in as ada@contoso.example.",
    }


def test_a_line_of_json_is_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    """It is read by a program, however long it is."""
    prompts.jsonl(f"{URI}/{'x' * 500}", CODE, UNTIL)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["expires_on"] == "2026-11-25T12:30:00Z"


def test_without_standard_error_the_prompt_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would read it."""
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(RuntimeError, match="no standard error"):
        prompts.jsonl(URI, CODE, UNTIL)


def test_the_log(
    doorcode_emulator: Emulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code at WARNING, since a service's log mostly has nothing below; a success at INFO, a failure loudly."""
    caplog.set_level("INFO", "doorcode.prompts")
    doorcode_emulator.configure(interval=1)
    doorcode_emulator.approve_all()
    with DeviceCodeCredential(prompt_callback=prompts.log, **doorcode_emulator.credential_options) as credential:
        credential.get_token(SCOPE)
        doorcode_emulator.approve_none()
        clock = Clock(monkeypatch, stands_still=False)
        doorcode_emulator.faults.queue(
            "devicecode", Edit(lambda _: clock.advance(PATIENCE - 2))
        )  # two seconds are left
        with pytest.raises(errors.SignInTimedOutError):
            DeviceCodeCredential(
                prompt_callback=prompts.log, timeout=PATIENCE, **doorcode_emulator.credential_options
            ).get_token(SCOPE)
    seen = [(each.levelname, each.getMessage()) for each in caplog.records if each.name == "doorcode.prompts"]
    assert [level for level, _ in seen] == ["WARNING", "INFO", "WARNING", "WARNING"]
    assert seen[0][1].startswith(f"To sign in, open {doorcode_emulator.url}/devicelogin and enter the code ")
    assert [message for _, message in seen[1::2]] == [
        "Signed in as ada@contoso.example.", "The time for the sign-in is over.",
    ]  # fmt: skip


@pytest.mark.parametrize("level", [None, logging.ERROR], ids=["not configured", "errors only"])
def test_a_log_that_nobody_sees(monkeypatch: pytest.MonkeyPatch, level: int | None) -> None:
    """The sign-in ends before anybody waits."""
    handlers: list[logging.Handler] = [logging.NullHandler()]
    if level is not None:
        handlers.append(logging.StreamHandler())
        handlers[1].setLevel(level)
    monkeypatch.setattr(logging.getLogger(), "handlers", handlers)
    with pytest.raises(RuntimeError, match="logging is not configured"):
        prompts.log(URI, CODE, UNTIL)


def test_a_log_that_is_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise."""
    monkeypatch.setattr(logging.getLogger("doorcode.prompts"), "disabled", True)
    with pytest.raises(RuntimeError, match="logging is not configured"):
        prompts.log(URI, CODE, UNTIL)
