"""What a user sees: the sign-in in a real terminal."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from cli.conftest import Command
from doorcode._cli.sign_in import resource_name
from doorcode.emulator import Emulator
from doorcode.prompts._large_letters import GLYPHS, drawn, parts
from support.terminal import Terminal

pytestmark = pytest.mark.slow

LEFT = re.compile(r"^ *\d+:\d\d left\. Ctrl-C gives up\.", re.MULTILINE)


@pytest.mark.parametrize("width", [80, 40])
def test_a_code_is_large_and_says_what_it_is_for(
    terminal: Terminal, command: Command, authority: Emulator, width: int
) -> None:
    """Address and code alone on their lines; whom to expect, the warning, the time that is left; then one line."""
    authority.approve_none()
    terminal.start("-m", "doorcode", "login", "--no-instance-discovery", "--device-code", width=width)
    screen = terminal.shows(LEFT.search)
    lines = [line.strip() for line in screen.splitlines()]
    assert f"{authority.url}/devicelogin" in lines
    [code] = [line for line in lines if re.fullmatch(r"[A-Z0-9]{8,9}", line)]
    for part in parts(code, width - 4):
        assert [line.strip() for line in drawn(part) if line.strip() not in lines] == [], screen
    assert re.search(r"Application\s+Microsoft Azure CLI", screen)
    assert re.search(r"Access to\s+Azure Resource\s+Manager", screen)
    assert re.search(r"Account\s+any account of\s+yours", screen)
    assert "Enter the code only if you started this sign-in yourself" in " ".join(screen.split())
    authority.approve(code)
    screen = terminal.shows(lambda text: "ended" in text)
    assert " ".join(screen.split()).startswith("Signed in as ada@contoso.example (tenant ")
    assert screen.endswith("ended 0")
    assert code not in screen


def test_the_time_that_is_left_runs(terminal: Terminal, command: Command, authority: Emulator) -> None:
    """The screen changes by itself."""
    authority.approve_none()
    terminal.start("-m", "doorcode", "login", "--no-instance-discovery", "--device-code", width=80)
    first = LEFT.search(terminal.shows(LEFT.search))
    assert first
    later = LEFT.search(terminal.shows(lambda text: (found := LEFT.search(text)) and found[0] != first[0]))
    assert later
    assert later[0] != first[0]


@pytest.mark.parametrize("width", [80, 40])
def test_status_and_doctor_break_lines_between_words(terminal: Terminal, signed_in: Command, width: int) -> None:
    """And what follows is indented."""
    terminal.start("-m", "doorcode", "status", width=width, before=f"{sys.executable} -m doorcode doctor; ")
    screen = terminal.shows(lambda text: "ended" in text)
    said = " ".join(screen.split())
    assert "Signed in as ada@contoso.example, tenant c0de0000-0000-4000-8000-00000000c0de, at 127.0.0.1:" in said
    assert "ok discovery: Tokens are asked for at 127.0.0.1:" in said
    assert re.search(r"^ok   (versions|sign-in): .*\n     \S", screen, re.MULTILINE)
    assert re.search(r"^Signed in as .*\n  \S", screen, re.MULTILINE)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the first store can be used")
@pytest.mark.parametrize("width", [80, 40])
def test_status_keeps_each_reason_on_a_line(terminal: Terminal, command: Command, width: int) -> None:
    """A store that cannot be used is an item of a list; what does not fit on its line goes under it."""
    terminal.start(
        "-m", "doorcode", "status", width=width, before="env -u DOORCODE_CACHE_KEY -u DBUS_SESSION_BUS_ADDRESS "
    )
    screen = terminal.shows(lambda text: "ended" in text)
    reasons = [line for line in screen.splitlines() if re.match(r" +- \w", line)]
    assert reasons, screen
    assert "Secret Service" in reasons[0]
    assert all(len(line) <= width for line in screen.splitlines())


def test_an_error_breaks_lines_between_words(terminal: Terminal, signed_in: Command) -> None:
    """A command stays whole, so that it can be copied."""
    said = signed_in("token", "--account", "grace", "--cache", "other").err
    terminal.start("-m", "doorcode", "token", "--account", "grace", "--cache", "other", width=34)
    screen = terminal.shows(lambda text: "ended" in text)
    assert " ".join(said.split()) in " ".join(screen.split())
    assert "`doorcode login --cache other`." in screen.splitlines()


@pytest.mark.parametrize("width", [80, 60])
def test_a_qr_code_is_shown_on_a_terminal(
    terminal: Terminal, command: Command, authority: Emulator, width: int
) -> None:
    """Beside the code; `--qr` is silent then."""
    pytest.importorskip("segno")
    authority.approve_none()
    terminal.start("-m", "doorcode", "login", "--no-instance-discovery", "--device-code", "--qr", width=width)
    screen = terminal.shows(LEFT.search)
    assert "no QR code" not in screen


def test_ctrl_c_leaves_one_line(terminal: Terminal, command: Command, authority: Emulator) -> None:
    """And exit code 130."""
    authority.approve_none()
    terminal.start("-m", "doorcode", "login", "--no-instance-discovery", "--device-code", width=80)
    terminal.shows(LEFT.search)
    terminal.press("C-c")
    screen = terminal.shows(lambda text: "ended" in text)
    assert screen.split("\n")[-2:] == ["Interrupted.", "ended 130"]
    assert "Traceback" not in screen


def test_token_asks_on_a_terminal(terminal: Terminal, signed_in: Command, authority: Emulator) -> None:
    """Where the sign-in has ended; as whom to expect is the account's name, and the token follows."""
    authority.reset()
    terminal.start("-m", "doorcode", "token", "--resource", "https://vault.azure.net", "-f", "header", width=80)
    screen = terminal.shows(LEFT.search)
    assert re.search(r"Access to\s+Azure Key Vault", screen)
    assert re.search(r"Account\s+ada@contoso\.example", screen)
    authority.approve_all()
    [code] = [line.strip() for line in screen.splitlines() if re.fullmatch(r" *[A-Z0-9]{8,9}", line)]
    authority.approve(code)
    screen = terminal.shows(lambda text: "ended" in text)
    assert "Authorization: Bearer ey" in screen


@pytest.mark.parametrize("width", [80, 40])
@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("token", "--resource", "https://vault.azure.net", "-f", "header"), "Authorization: Bearer ey"),
        (("exec", "--resource", "https://vault.azure.net", "--", "echo", "the command ran"), "the command ran"),
    ],
)
def test_a_command_asks_where_nobody_is_signed_in(
    terminal: Terminal, command: Command, authority: Emulator, arguments: tuple[str, ...], printed: str, width: int
) -> None:
    """The same sign-in as with `doorcode login`; then the command does what it is for, and the account is listed."""
    authority.approve_none()
    terminal.start("-m", "doorcode", *arguments, width=width)
    screen = terminal.shows(LEFT.search)
    assert re.search(r"Access to\s+Azure Key Vault", screen)
    [code] = [line.strip() for line in screen.splitlines() if re.fullmatch(r" *[A-Z0-9]{8,9}", line)]
    authority.approve(code)
    screen = terminal.shows(lambda text: "ended" in text)
    assert "Signed in as ada@contoso.example" in screen
    assert printed in screen
    assert "ada@contoso.example" in command("accounts").out
    assert authority.count("devicecode") == 1


def test_a_terminal_that_cannot_draw_gets_lines(terminal: Terminal, command: Command, authority: Emulator) -> None:
    """TERM=dumb, as in an editor's shell."""
    terminal.start("-m", "doorcode", "login", "--no-instance-discovery", "--device-code", width=80, before="TERM=dumb ")
    screen = terminal.shows(lambda text: "ended" in text)
    assert "enter this code before" in screen
    assert LEFT.search(screen) is None
    assert screen.endswith("ended 0")


@pytest.mark.parametrize(("shell", "start"), [("bash", "--norc"), ("zsh", "-f")])
def test_tab_completes(terminal: Terminal, command: Command, installed: Path, shell: str, start: str) -> None:
    """As a user types it in a shell that has read the script."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    terminal.start("-c", f"import os; os.execlp({shell!r}, {shell!r}, {start!r}, '-i')", width=80)
    if shell == "zsh":
        terminal.type("autoload -U compinit; compinit -u")
        terminal.press("Enter")
    terminal.type(f'eval "$(doorcode completion {shell})"; echo the script is" read"')
    terminal.press("Enter")
    terminal.shows(lambda text: "the script is read" in text)
    for typed, completed in (("doorcode login --dev", "ice-code"), (" --clo", "ud"), (" ch", "ina")):
        terminal.type(typed)
        terminal.press("Tab")
        screen = terminal.shows(lambda text: typed + completed in text)  # noqa: B023 - called at once
        assert typed + completed in screen


def test_each_character_has_a_picture() -> None:
    """Of three lines of equal length; a code with another character is shown in plain letters alone."""
    assert drawn("A1") == ["▄▀▀▀▄   ▄█  ", "█▀▀▀█    █  ", "▀   ▀   ▀▀▀ "]
    assert len({tuple(drawn(each)) for each in GLYPHS}) == len(GLYPHS)
    assert all(len({len(line) for line in drawn(each)}) == 1 for each in GLYPHS)
    assert drawn("Ä") == []
    assert drawn("") == []
    assert [parts("ABCDEFGHI", width) for width in (76, 36, 3)] == [["ABCDEFGHI"], ["ABCDE", "FGHI"], list("ABCDEFGHI")]
    assert parts("", 76) == []


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ("https://graph.microsoft.com/.default", "Microsoft Graph"),
        ("https://example.org/.default", "https://example.org"),
        ("User.Read", "User.Read"),
    ],
)
def test_what_a_scope_is_called(scope: str, name: str) -> None:
    """By the name that the authority's page uses, where it is known."""
    assert resource_name(scope) == name
