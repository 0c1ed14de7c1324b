"""The terminal prompt: a card that counts down, and one line in its place when the sign-in has ended."""

from __future__ import annotations

import io
import os
import pickle
import re
import subprocess
import sys
import threading
from datetime import datetime, timezone
from typing import Any

import pytest

from doorcode import DeviceCodeCredential, aio, prompts
from doorcode._core.messages.outcome import SignInOutcome
from doorcode.emulator import Emulator
from support.signing import PATIENCE
from support.terminal import Terminal

URI, CODE = "https://login.example/device", "ABCD-EFGH"
UNTIL = datetime(2026, 11, 25, 12, 30, tzinfo=timezone.utc)
LEFT = re.compile(r"^ *\d+:\d\d left\. Ctrl-C gives up\.", re.MULTILINE)
CONTROL = re.compile(r"\x1b\[[^a-zA-Z]*[a-zA-Z]")
PROGRAM = """
from doorcode import DeviceCodeCredential, prompts
with DeviceCodeCredential(prompt_callback={prompt}) as credential:
    try:
        print("got", bool(credential.get_token("https://vault.azure.net/.default").token))
    except BaseException as error:
        print("raised", type(error).__name__)
"""
IN_AIO = """
import asyncio
from doorcode import prompts
from doorcode.aio import DeviceCodeCredential
async def main():
    async with DeviceCodeCredential(prompt_callback=prompts.terminal) as credential:
        print("got", bool((await credential.get_token("https://vault.azure.net/.default")).token))
asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def authority(doorcode_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Give an authority that programs started by a test find, at which nobody signs in by themselves."""
    for name, value in doorcode_emulator.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    doorcode_emulator.configure(interval=1)
    doorcode_emulator.approve_none()
    return doorcode_emulator


def code_on(screen: str) -> str:
    """Return the code, which stands alone on a line."""
    [code] = {line.strip() for line in screen.splitlines() if re.fullmatch(r" *[A-Z0-9]{8,9}", line)}
    return code


@pytest.mark.parametrize("program", [PROGRAM.format(prompt="prompts.terminal"), IN_AIO], ids=["sync", "aio"])
@pytest.mark.parametrize("width", [80, 34])
def test_one_line_is_left_of_it(terminal: Terminal, authority: Emulator, program: str, width: int) -> None:
    """Address and code alone on their lines, and the time; then who signed in, and nothing else."""
    terminal.start("-c", program, width=width)
    screen = terminal.shows(LEFT.search)
    assert f"{authority.url}/devicelogin" in "".join(line.strip() for line in screen.splitlines())
    authority.approve(code_on(screen))
    screen = terminal.shows(lambda text: "ended" in text)
    assert screen.strip().splitlines() == ["Signed in as ada@contoso.example.", "got True", "ended 0"]


@pytest.mark.parametrize(("width", "height"), [(40, 24), (80, 15), (80, 24), (120, 40), (80, 8)])
def test_it_fits_on_the_terminal(terminal: Terminal, authority: Emulator, width: int, height: int) -> None:
    """Nothing of it leaves the screen while it is drawn again, the cursor stays, and one line is left of it."""
    details = {"Application": "Reports", "Access to": "Azure Resource Manager", "Account": "any account of yours"}
    prompt = f"prompts.TerminalPrompt({details!r})"
    terminal.start("-c", PROGRAM.format(prompt=prompt), width=width, height=height)
    first = LEFT.search(terminal.shows(LEFT.search))
    assert first
    screen = terminal.shows(lambda text: (found := LEFT.search(text)) and found[0] != first[0])
    words = " ".join(screen.split())
    assert f"{authority.url}/devicelogin" in "".join(words.split())
    assert "Enter the code only if you started this sign-in yourself" in words
    assert words.endswith(("left. Ctrl-C gives up.", "left. Ctrl-C gives up. "))
    assert terminal.scrolled_out() == ""
    assert terminal.has_cursor(), "a signal may end or stop the program"
    authority.approve(code_on(screen))
    screen = terminal.shows(lambda text: "ended" in text)
    assert screen.splitlines() == ["Signed in as ada@contoso.example.", "got True", "ended 0"]
    assert terminal.scrolled_out() == ""
    assert terminal.has_cursor()


def test_a_terminal_that_is_resized(terminal: Terminal, authority: Emulator) -> None:
    """One card is on the screen, in a shorter form and in the whole one, and what was there before is not erased."""

    def is_short(screen: str) -> bool:
        return len(LEFT.findall(screen)) == screen.count("To sign in") == 1 and "█" not in screen

    terminal.start("-c", PROGRAM.format(prompt="prompts.terminal"), width=80, height=24, before="echo before; ")
    terminal.shows(LEFT.search)
    for width, height in [(60, 15), (40, 12), (38, 7)]:
        terminal.resize(width, height)
        assert is_short(terminal.shows(is_short)), (width, height)
    terminal.resize(120, 40)
    screen = terminal.shows(lambda text: LEFT.search(text) and "█" in text)
    assert len(LEFT.findall(screen)) == 1
    authority.approve(code_on(screen))
    screen = terminal.shows(lambda text: "ended" in text)
    assert screen.splitlines()[-3:] == ["Signed in as ada@contoso.example.", "got True", "ended 0"]
    assert LEFT.search(screen) is None
    assert (terminal.scrolled_out() + screen).count("before\n") == 1
    assert terminal.has_cursor()


def test_a_terminal_that_becomes_too_small_for_any_card(terminal: Terminal, authority: Emulator) -> None:
    """Lines of text take the card's place, once; the sign-in goes on."""
    terminal.start("-c", PROGRAM.format(prompt="prompts.terminal"), width=80, height=24)
    code = code_on(terminal.shows(LEFT.search))
    terminal.resize(80, 4)
    screen = terminal.shows(lambda text: "sent you." in text and not LEFT.search(text))
    assert "sent you." in screen
    assert LEFT.search(screen) is None
    authority.approve(code)
    assert "Signed in as ada@contoso.example." in terminal.shows(lambda text: "ended 0" in text)
    assert terminal.has_cursor()


WRITES = """
import sys
from datetime import datetime, timezone
from doorcode import prompts
prompt = prompts.TerminalPrompt(say_outcome=False).for_sign_in()
prompt("https://login.example/device", "ABCD-EFGH", datetime(2026, 11, 25, 12, 30, tzinfo=timezone.utc))
prompt.waiting(600.0)
print("standard output")
print("standard error", file=sys.stderr)
print("no whole", end=" ")
sys.stdin.readline()
prompt.finished(None)
print("line")
print("is on standard output:", sys.stdout is sys.__stdout__)
"""


def test_what_the_program_writes_meanwhile_stays(terminal: Terminal, authority: Emulator) -> None:
    """Lines of both standard streams stand above the card, which does not erase them when it is drawn again."""
    terminal.start("-c", WRITES, width=80, before="stty -echo; ")
    first = LEFT.search(terminal.shows(lambda text: LEFT.search(text) and "standard error" in text))
    assert first
    screen = terminal.shows(lambda text: (found := LEFT.search(text)) and found[0] != first[0])
    assert screen.splitlines()[:2] == ["standard output", "standard error"]
    assert screen.count("To sign in") == 1
    terminal.press("Enter")
    lines = terminal.shows(lambda text: "ended" in text).splitlines()
    assert lines[:5] == ["standard output", "standard error", "no whole", "line", "is on standard output: True"]


def test_a_sign_in_that_is_declined(terminal: Terminal, authority: Emulator) -> None:
    """The line says so."""
    terminal.start("-c", PROGRAM.format(prompt="prompts.terminal"), width=80)
    authority.decline(code_on(terminal.shows(LEFT.search)))
    screen = terminal.shows(lambda text: "ended" in text)
    assert screen.strip().splitlines() == ["The sign-in was declined.", "raised SignInDeclinedError", "ended 0"]


def test_ctrl_c_leaves_the_terminal_as_it_was(terminal: Terminal, authority: Emulator) -> None:
    """The card goes, a line says what happened, and the program gets its KeyboardInterrupt."""
    terminal.start("-c", PROGRAM.format(prompt="prompts.terminal"), width=80)
    code = code_on(terminal.shows(LEFT.search))
    terminal.press("C-c")
    screen = terminal.shows(lambda text: "ended" in text)
    assert screen.strip().splitlines()[-3:] == ["The sign-in was cancelled.", "raised KeyboardInterrupt", "ended 0"]
    assert code not in screen


@pytest.mark.parametrize("before", ["NO_COLOR=1 ", "TERM=dumb ", "PYTHONPATH=$HOME "], ids=["colour", "dumb", "rich"])
def test_lines_where_nothing_can_be_drawn(terminal: Terminal, authority: Emulator, before: str, tmp_path: Any) -> None:
    """The user asked for no colour, the terminal cannot draw, or rich is not installed."""
    (tmp_path / "home" / "rich.py").write_text("raise ModuleNotFoundError(name='rich')")
    terminal.start("-c", PROGRAM.format(prompt="prompts.terminal"), width=80, before=before)
    screen = terminal.shows(lambda text: "sent you." in text)
    assert "enter this code before" in " ".join(screen.split())
    assert LEFT.search(screen) is None
    authority.approve(code_on(screen))
    screen = terminal.shows(lambda text: "ended" in text)
    assert screen.splitlines()[-3:] == ["Signed in as ada@contoso.example.", "got True", "ended 0"]


def test_a_code_beside_a_picture(terminal: Terminal, authority: Emulator) -> None:
    """Eighty columns have room for both; the picture goes with the card."""
    terminal.start("-c", PROGRAM.format(prompt="prompts.qr"), width=80)
    screen = terminal.shows(lambda text: re.search(r"\d+:\d\d left", text))
    assert len(re.findall(r"^.*[▀▄█].*$", screen, re.MULTILINE)) > 10
    [code] = re.findall(r"(?<![\w/:.-])[A-Z0-9]{9}\b", screen)
    authority.approve(code)
    screen = terminal.shows(lambda text: "ended" in text)
    assert screen.strip().splitlines() == ["Signed in as ada@contoso.example.", "got True", "ended 0"]


def test_two_at_once(terminal: Terminal, authority: Emulator) -> None:
    """The code of the second one is written above the card of the first; both are answered, and no card is left."""
    program = """
import threading
from doorcode import DeviceCodeCredential, prompts
def sign_in(tenant):
    with DeviceCodeCredential(tenant_id=tenant, prompt_callback=prompts.terminal) as credential:
        credential.get_token("https://vault.azure.net/.default")
threads = [threading.Thread(target=sign_in, args=[tenant]) for tenant in ("organizations", "common")]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    terminal.start("-c", program, width=80)
    screen = terminal.shows(lambda text: LEFT.search(text) and "sent you." in text.partition("on any device:")[0])
    above, _, card = screen.partition("on any device:")
    for part in (above, card):
        authority.approve(code_on(part))
    screen = terminal.shows(lambda text: "ended" in text)
    assert screen.count("Signed in as ada@contoso.example.") == 2
    assert LEFT.search(screen) is None
    assert code_on(above) in screen
    assert code_on(card) not in screen
    assert screen.endswith("ended 0")


def test_a_program_that_calls_it_itself(terminal: Terminal) -> None:
    """It may never say that the sign-in has ended: the card stands still, and the cursor stays."""
    program = f"""
from datetime import datetime, timezone
from doorcode import prompts
prompts.terminal("{URI}", "{CODE}", datetime(2026, 11, 25, 12, 30, tzinfo=timezone.utc))
"""
    terminal.start("-c", program, width=80)
    screen = terminal.shows(lambda text: "ended" in text)
    assert CODE in [line.strip() for line in screen.splitlines()]
    assert "Valid until " in screen


class Screen(io.StringIO):
    """A terminal that only remembers what is written."""

    def __init__(self) -> None:
        super().__init__()
        self._written = threading.Condition()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._written:
            self._written.notify_all()
            return super().write(text)

    def shown(self, text: str = "") -> str:
        """Return what was written, without control codes, as soon as a text is there."""
        with self._written:
            assert self._written.wait_for(lambda: text in CONTROL.sub("", self.getvalue()), PATIENCE)
            return CONTROL.sub("", self.getvalue())


@pytest.mark.parametrize("columns", [100, 60])
def test_a_card_counts_down_until_the_end(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """With and without room for a picture beside it; a second sign-in meanwhile writes lines above it."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", "40")
    first: Any = prompts.TerminalPrompt({"Application": "Reports"}, qr=columns > 80).for_sign_in()
    second: Any = prompts.terminal.for_sign_in()
    first(URI, CODE, UNTIL)
    first.waiting(600.0)
    second(URI, "IJKL-MNOP", UNTIL)
    second.waiting(600.0)
    prompts.terminal(URI, "MNOP-QRST", UNTIL)
    screen.shown("left. Ctrl-C gives up.")
    first(URI, "QRST-UVWX", UNTIL)
    outcome = SignInOutcome("signed_in", "Signed in.")
    first.finished(outcome)
    second.finished(outcome)
    shown = screen.shown()
    assert CODE in shown
    assert "left. Ctrl-C gives up." in shown
    assert "Reports" in shown
    assert "QRST-UVWX" in shown
    for code in ("IJKL-MNOP", "MNOP-QRST"):
        assert f"before {UNTIL.astimezone():%H:%M:%S}:\n\n{code}\n" in shown
    assert shown.endswith("Signed in.\nSigned in.\n")


FORKED = """
import io, os, sys, threading
from datetime import datetime, timezone
from doorcode import prompts

def show(stream):
    sys.stderr = stream
    prompts.terminal("https://login.example/device", "ABCD-EFGH", datetime.now(timezone.utc))

class Slow(io.StringIO):
    def write(self, text):
        writing.set()
        threading.Event().wait()

writing = threading.Event()
threading.Thread(target=show, args=[Slow()], daemon=True).start()
writing.wait()
sys.stderr = sys.__stderr__  # from Python 3.12 on, a fork beside another thread is warned about there
child = os.fork()
if child == 0:
    show(sys.__stderr__)
    os._exit(0)
os._exit(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_fork_while_another_thread_writes() -> None:
    """The child's own prompt is shown."""
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=True)
    assert "ABCD-EFGH" in done.stderr


FORKED_BELOW_A_CARD = """
import io, os, sys
from datetime import datetime, timezone
from doorcode import prompts
from doorcode._core.messages.outcome import SignInOutcome

class Screen(io.StringIO):
    def isatty(self):
        return True

def show(code):
    prompt = prompts.terminal.for_sign_in()
    prompt("https://login.example/device", code, datetime.now(timezone.utc))
    prompt.waiting(600.0)
    return prompt

sys.stderr = screen = Screen()
parents = show("ABCD-EFGH")
child = os.fork()
if child == 0:
    before = len(screen.getvalue())
    ended = SignInOutcome("signed_in", "Signed in.")
    mine = show("IJKL-MNOP")
    prompts.stderr("https://login.example/device", "QRST-UVWX", datetime.now(timezone.utc))
    mine.finished(ended)
    parents.finished(ended)
    show("MNOP-QRST").finished(ended)
    os.write(1, screen.getvalue()[before:].encode())
    os._exit(0)
os._exit(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_fork_while_a_card_counts_down() -> None:
    """The child draws cards of its own, one after the other, and neither draws nor erases the parent's."""
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", FORKED_BELOW_A_CARD], capture_output=True, timeout=60, check=True, env=environment
    )
    shown = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", done.stdout.decode())
    assert [code for code in ("IJKL-MNOP", "MNOP-QRST") if re.search(rf"^ *{code} *$", shown, re.MULTILINE)]
    assert "enter this code before" not in shown
    assert "ABCD-EFGH" not in shown
    assert shown.count("Signed in.") == 3


class OnlyWrites:
    """A stream of a program's own, such as one that writes to a log."""

    write = flush = lambda *_: None


@pytest.mark.parametrize("details", [{}, {"Application": "Reports"}], ids=["plain", "details"])
def test_a_closed_standard_error_is_none(monkeypatch: pytest.MonkeyPatch, details: dict[str, str]) -> None:
    """A program that closed it, as a daemon does, gets the error that says so; so does one that detached it."""
    closed, detached = io.StringIO(), io.TextIOWrapper(io.BytesIO())
    closed.close()
    detached.detach()
    for stream in (closed, detached):
        monkeypatch.setattr(sys, "stderr", stream)
        for prompt in (prompts.TerminalPrompt(details), prompts.TerminalPrompt(details, qr=True), prompts.stderr):
            with pytest.raises(RuntimeError, match="no standard error"):
                prompt(URI, CODE, UNTIL)
    monkeypatch.setattr(sys, "stderr", OnlyWrites())
    prompts.TerminalPrompt(details)(URI, CODE, UNTIL)


def test_without_standard_error_the_prompt_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code that nobody can see ends the sign-in before it begins to wait."""
    monkeypatch.setattr(sys, "stderr", None)
    for prompt in (prompts.terminal, prompts.qr, prompts.stderr):
        with pytest.raises(RuntimeError, match="no standard error"):
            prompt(URI, CODE, UNTIL)


def test_details_are_for_the_user_to_compare(capsys: pytest.CaptureFixture[str]) -> None:
    """A program says what the code is for; the outcome may be left to the program."""
    prompt = prompts.TerminalPrompt({"Application": "Reports"}, say_outcome=False)
    prompt(URI, CODE, UNTIL)
    prompt.finished(SignInOutcome("signed_in", "Signed in."))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[1:5] == ["", CODE, "", "Application: Reports"]
    assert "Signed in" not in err


@pytest.mark.parametrize("cls", [DeviceCodeCredential, aio.DeviceCodeCredential], ids=["sync", "aio"])
def test_a_credential_with_a_prompt_is_pickled(cls: Any) -> None:
    """The prompt goes along: another process shows its own."""
    again = pickle.loads(pickle.dumps(cls(prompt_callback=prompts.terminal)))  # noqa: S301 - as a program's workers do
    assert isinstance(again._prompt_callback, prompts.TerminalPrompt)
