"""The address that a sign-in ends on, pasted into a real terminal."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from typing_extensions import Self

from doorcode._browser import terminal
from doorcode._browser.terminal import Terminal
from doorcode.emulator import Emulator
from support.person import Person
from support.signing import PATIENCE, start

pty: Any = pytest.importorskip("pty", reason="only Unix has terminals of this kind")
termios: Any = pytest.importorskip("termios", reason="only Unix has terminals of this kind")

PROGRAM = """
import os, sys
from doorcode import InteractiveBrowserCredential

from doorcode._core.flows import auth_code

await_redirect = auth_code.AwaitRedirect
auth_code.AwaitRedirect = lambda page, within: await_redirect(page, min(within, float(sys.argv[1])))
credential = InteractiveBrowserCredential(
    authority=os.environ["AT"], tenant_id=os.environ["TENANT"], disable_instance_discovery=True,
    connection_verify=os.environ["CA"], paste=True,
)
try:
    print("signed in", len(credential.get_token("https://r.example/.default").token) > 20)
except Exception as error:
    print("failed:", type(error).__name__)
"""


SHORT = 4.0
"""Seconds for which a user who does not come is waited for: the address has been shown by then."""


class InATerminal:
    """A program whose controlling terminal we hold the other end of."""

    def __init__(self, authority: Emulator, wait: float = 300.0) -> None:
        self.ours, theirs = pty.openpty()
        self._theirs = theirs
        self.before = termios.tcgetattr(theirs)
        environment = {
            **os.environ, "AT": authority.url, "TENANT": authority.tenant_id, "CA": authority.ca_file,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(wait)],
            stdin=subprocess.DEVNULL,  # the terminal is found although standard input is something else
            stdout=subprocess.PIPE,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(2), os.O_RDWR)),  # noqa: PLW1509 - makes it the controlling one
            env=environment,
            text=True,
        )
        self.screen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self.ours)
        os.close(self._theirs)

    def read_until(self, words: str) -> str:
        """Return what the terminal shows, up to these words."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.screen:
            ready, _, _ = select.select([self.ours], [], [], deadline - time.monotonic())
            assert ready, self.screen
            self.screen += os.read(self.ours, 65536).decode().replace("\r\n", "\n")
        return self.screen

    @property
    def is_as_before(self) -> bool:
        """Return whether the terminal is as the program found it."""
        return termios.tcgetattr(self._theirs)[3] == self.before[3]

    def finish(self) -> str:
        """Wait for the program's end and return what it printed."""
        out, _ = self.process.communicate(timeout=PATIENCE)
        return str(out)


def test_at_a_terminal(authority: Emulator, person: Person) -> None:
    """An address longer than a terminal's line is read whole, is not shown, and the terminal is as before."""
    with InATerminal(authority) as program:
        words = program.read_until("press Enter, before ")
        url = next(line for line in words.splitlines() if line.startswith("https://"))
        os.write(program.ours, b"http://localhost:8400/?code=x\r")
        program.read_until("This address belongs to another sign-in")
        address = f"http://localhost:8400/?{urlencode(person.answer(url))}&padding={'x' * 6000}"
        send(program.ours, f"\x1b[200~{address}\x1b[201~\r".encode())
        assert program.finish() == "signed in True\n"
        assert program.is_as_before
        assert "code=" not in program.screen


@pytest.mark.parametrize("erase", ["\x08", "\x7f"], ids=["as a Windows console", "as a terminal of Unix"])
def test_backspace_removes_a_character(erase: str) -> None:
    """Each removes the one before it, as often as it is pressed; at the beginning there is none."""
    typed = f"{erase}htpx{erase}{erase}tp://l{erase * 20}http://localhost:8400/?code=x"
    console = SimpleNamespace(kbhit=lambda: True, getwch=iter([*typed, "\r"]).__next__)
    assert terminal._decoded(Terminal()._from_console(console)) == "http://localhost:8400/?code=x"


def send(terminal: int, text: bytes) -> None:
    """Write to a terminal as fast as it takes it."""
    while text:
        _, ready, _ = select.select([], [terminal], [], PATIENCE)
        assert ready
        text = text[os.write(terminal, text[:1000]) :]


def test_a_terminal_at_the_deadline(authority: Emulator) -> None:
    """At the deadline the terminal is given back as it was."""
    with InATerminal(authority, SHORT) as program:
        program.read_until("press Enter, before ")
        assert program.finish() == "failed: SignInTimedOutError\n"
        assert program.is_as_before


def test_the_user_ends_the_input(authority: Emulator) -> None:
    """Control-D ends the sign-in."""
    with InATerminal(authority) as program:
        program.read_until("press Enter, before ")
        os.write(program.ours, b"\x04")
        assert program.finish() == "failed: AuthenticationFailedError\n"
        assert program.is_as_before


def test_a_terminal_that_was_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked after the end, no descriptor is left, and what was typed is nobody's."""
    ours, theirs = pty.openpty()
    monkeypatch.setattr(terminal, "TTY", os.ttyname(theirs))
    reader = terminal.Terminal()
    before = len(list(Path("/dev/fd").iterdir()))
    asked: list[str] = []
    reading = start(lambda: reader.read(lambda: asked.append("asked")))
    while not asked:
        assert not reading.done()
    reader.close()
    with pytest.raises(EOFError):
        reading.result(PATIENCE)
    with pytest.raises(EOFError):
        reader.read(lambda: asked.append("again"))
    assert asked == ["asked"]
    assert len(list(Path("/dev/fd").iterdir())) <= before  # what other tests have left may be closed meanwhile
    os.close(ours)
    os.close(theirs)


def test_a_terminal_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that ends takes its terminal along: the input has ended, and no descriptor is left."""
    ours, theirs = pty.openpty()
    monkeypatch.setattr(terminal, "TTY", os.ttyname(theirs))
    os.close(theirs)
    closed: list[int] = []
    close = os.close
    monkeypatch.setattr(os, "close", lambda descriptor: closed.append(descriptor) or close(descriptor))
    reader = terminal.Terminal()
    with pytest.raises(EOFError):
        reader.read(lambda: os.close(ours))
    assert len(closed) == 4, "the other end, both ends of the pipe, and the terminal"
    reader.close()
