"""The notebook prompt: HTML under the cell, one line in its place at the end, and errors of a few lines."""

from __future__ import annotations

import asyncio
import pickle
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import IPython
import pytest
from IPython.core.interactiveshell import InteractiveShell

from doorcode import DeviceCodeCredential, aio, prompts
from doorcode._core.messages.outcome import SignInOutcome
from doorcode.cache import StoreError
from doorcode.emulator import Emulator

URI, CODE = "https://login.example/device", "ABCD-EFGH"
SCOPE = "https://vault.azure.net/.default"


class Cell:
    """Stand in for the output of a cell."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def display(self, shown: object, *, display_id: bool) -> Cell:
        assert display_id
        self.shown.append(shown)
        return self

    def update(self, shown: object) -> None:
        self.shown.append(shown)


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    """Make this process look like a notebook's kernel, and give its one cell."""
    one = Cell()
    monkeypatch.setattr("IPython.display.display", one.display)
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    return one


def until(seconds: float) -> datetime:
    """Return the time so many seconds from now."""
    return datetime.now(timezone.utc) + timedelta(seconds=seconds)


@pytest.mark.parametrize("kind", ["sync", "aio"])
@pytest.mark.parametrize("prompt", [prompts.notebook, prompts.default(), prompts.qr], ids=["notebook", "default", "qr"])
def test_one_line_takes_its_place(cell: Cell, doorcode_emulator: Emulator, kind: str, prompt: Any) -> None:
    """While it waits: link, code, button, time; then who signed in."""
    doorcode_emulator.configure(interval=1)
    doorcode_emulator.approve_all()
    options = doorcode_emulator.credential_options
    if kind == "sync":
        with DeviceCodeCredential(prompt_callback=prompt, **options) as credential:
            credential.get_token(SCOPE)
    else:

        async def main() -> None:
            async with aio.DeviceCodeCredential(prompt_callback=prompt, **options) as credential:
                await credential.get_token(SCOPE)

        asyncio.run(main())
    first, last = cell.shown[0]._repr_html_(), cell.shown[-1]._repr_html_()
    assert f'href="{doorcode_emulator.url}/devicelogin"' in first
    assert "15 minutes" in first
    assert ">Copy</button>" in first
    assert ("<svg" in first) is (prompt is prompts.qr)
    assert last == '<div role="status">Signed in as ada@contoso.example.</div>'
    assert repr(cell.shown[-1]) == "Signed in as ada@contoso.example."


def test_the_time_goes_down(cell: Cell) -> None:
    """By minutes, then by ten seconds; the output changes only where its words do."""
    prompt = prompts.notebook.for_sign_in()
    assert isinstance(prompt, prompts.NotebookPrompt)
    prompt(URI, CODE, until(900))
    for left in (899.0, 894.0, 840.0, 91.0, 64.0, 61.0, 5.0, 0.0):
        prompt.waiting(left)
    assert [shown.time_left.removeprefix("The code is valid for ") for shown in cell.shown] == [
        "15 minutes more.", "14 minutes more.", "2 minutes more.", "60 seconds more.", "0 seconds more.",
    ]  # fmt: skip
    prompt.finished(SignInOutcome("expired", "The code has expired."))
    prompt.waiting(5.0)
    assert repr(cell.shown[-1]) == "The code has expired."


def test_what_it_shows_is_escaped(cell: Cell) -> None:
    """Nothing that an authority sends becomes HTML, and text stands where a notebook shows none."""
    prompts.notebook('https://x.example/"onclick="x', '<b>"x"</b>', until(60))
    html = cell.shown[0]._repr_html_()
    assert "<b>" not in html
    assert '"onclick="' not in html
    assert repr(cell.shown[0]).startswith("To sign in, open https://x.example/")


def test_a_prompt_that_is_shown_is_copied_without_its_output(cell: Cell) -> None:
    """Another process has no cell."""
    prompt = prompts.NotebookPrompt()
    prompt(URI, CODE, until(60))
    assert pickle.loads(pickle.dumps(prompt))._output is None  # noqa: S301 - as a program's workers do


def test_a_picture_in_lines_is_not_written_below_a_cell(cell: Cell, capsys: pytest.CaptureFixture[str]) -> None:
    """There are gaps between a notebook's lines, so that it would not scan."""
    prompts.TerminalPrompt(qr=True)(URI, CODE, until(60))
    assert "█" not in capsys.readouterr().err


RAISING = """
from doorcode import DeviceCodeCredential
def first():
    with DeviceCodeCredential(disable_automatic_authentication=True) as credential:
        return credential.get_token("https://vault.azure.net/.default")
first()
"""


def test_an_error_is_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """The program's own, each with its code, and what happened; not ten lines of code for each frame."""
    shell: Any = InteractiveShell()  # type: ignore[no-untyped-call] # IPython is not typed
    shell.run_cell(RAISING)
    out = capsys.readouterr().out
    assert len(out.splitlines()) <= 5
    assert "line 5: first()" in out
    assert 'line 4: return credential.get_token("https://vault.azure.net/.default")' in out
    assert "AuthenticationRequiredError: " in out
    assert "site-packages" not in out


def test_an_error_of_a_store_is_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Likewise."""
    shell: Any = InteractiveShell(user_ns={"StoreError": StoreError})  # type: ignore[no-untyped-call] # likewise
    shell.run_cell("raise StoreError('The key is missing.')")
    assert capsys.readouterr().out.splitlines()[-1] == "StoreError: The key is missing."
