"""Which browser opens, and that none takes over the terminal."""

from __future__ import annotations

import os
import stat
import sys
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import doorcode
from doorcode import CredentialUnavailableError
from doorcode._browser import environment, launcher, local
from doorcode._core.flows import auth_code as browser_flow
from doorcode._core.flows.browser_steps import SignInPage
from doorcode._core.secret import Secret, SecretDict
from doorcode.emulator import Emulator
from support.person import free_port, is_free
from support.signing import AGES, PATIENCE, SCOPE, start

URL = "https://login.example/authorize?a=b&c='d'"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs here are shell scripts")


class Machine:
    """A machine whose only programs are scripts that write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self._log = folder / "calls"

    def install(self, name: str, *, status: int = 0) -> Path:
        """Put a program into PATH that ends at once, with this status."""
        program = self.bin / name
        program.write_text(f'#!/bin/sh\nprintf "%s" "{name}" >> "{self._log}"\n'
                           f'for word; do printf "\\t%s" "$word" >> "{self._log}"; done\n'
                           f'echo >> "{self._log}"\nexit {status}\n')  # fmt: skip
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program

    @property
    def calls(self) -> list[list[str]]:
        """Return the programs that were called, with their arguments."""
        if not self._log.exists():
            return []
        return [line.split("\t") for line in self._log.read_text().splitlines()]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Give a machine without display, browser or SSH, in a terminal; its programs have time to start."""
    found = Machine(tmp_path)
    monkeypatch.setattr(local, "FOREGROUND", PATIENCE)
    monkeypatch.setattr(browser_flow, "LONGEST_OPENING", PATIENCE)
    for name in (*environment.REMOTE, *environment.DISPLAYS, *environment.WSL, "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(found.bin))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(environment, "MARKS", ())
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    monkeypatch.setattr(webbrowser, "_browsers", {})
    monkeypatch.setattr(webbrowser, "_os_preferred_browser", None)
    return found


def test_no_browser(machine: Machine) -> None:
    """Nothing opens where there is nothing."""
    assert not launcher.open_page(URL)


@pytest.mark.parametrize("name", sorted(launcher.CONSOLE))
def test_a_browser_for_the_terminal(machine: Machine, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It is never started: neither because it is all there is, nor because BROWSER names it."""
    machine.install(name)
    assert not launcher.open_page(URL)
    for browser in (name, f"{name} %s", str(machine.bin / name)):
        monkeypatch.setenv("BROWSER", browser)
        monkeypatch.setattr(webbrowser, "_tryorder", None)
        assert not launcher.open_page(URL)
    assert machine.calls == []


@pytest.mark.parametrize("name", sorted(launcher.OPENERS))
def test_a_program_that_would_find_one(machine: Machine, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What looks for a browser finds one for the terminal where no window opens, and is not asked there."""
    machine.install(name)
    monkeypatch.setenv("BROWSER", name)
    assert not launcher.open_page(URL)
    monkeypatch.setenv("DISPLAY", ":0")
    assert launcher.open_page(URL)
    assert machine.calls == [[name, URL]]


def test_browser_is_honoured(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """BROWSER names the browser, with or without a place for the address; the next follows one that fails."""
    machine.install("good")
    machine.install("bad", status=1)
    monkeypatch.setenv("BROWSER", "w3m:bad:good --new %s")
    machine.install("w3m")
    assert launcher.open_page(URL)
    assert machine.calls == [["bad", URL], ["good", "--new", URL]]


def test_one_that_ends_at_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that says that it failed has not opened, and none for the terminal takes its place."""
    machine.install("bad", status=1)
    machine.install("w3m")
    monkeypatch.setenv("BROWSER", "bad")
    assert not launcher.open_page(URL)
    assert machine.calls == [["bad", URL]]


@pytest.mark.parametrize("result", [True, False])
def test_the_programs_own(machine: Machine, monkeypatch: pytest.MonkeyPatch, result: bool) -> None:  # noqa: FBT001
    """A program, or a test of it, that replaced webbrowser.open is called with one argument."""
    opened: list[tuple[Any, ...]] = []

    def own(*args: Any, **options: Any) -> bool:
        opened.append((*args, options))
        return result

    monkeypatch.setattr(webbrowser, "open", own)
    assert launcher.open_page(URL) is result
    assert opened == [(URL, {})]


@pytest.mark.parametrize("error", [webbrowser.Error("no"), OSError("no")], ids=["Error", "OSError"])
def test_one_that_raises(machine: Machine, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """What webbrowser raises is no browser."""

    def own(_url: str) -> bool:
        raise error

    monkeypatch.setattr(webbrowser, "open", own)
    assert not launcher.open_page(URL)


@pytest.mark.parametrize(("status", "opened"), [(0, True), (1, False)])
def test_wsl(machine: Machine, monkeypatch: pytest.MonkeyPatch, status: int, opened: bool) -> None:  # noqa: FBT001
    """In WSL, Windows is asked through PowerShell, with the address as one quoted word."""
    machine.install("powershell.exe", status=status)
    monkeypatch.setenv("WSL_DISTRO_NAME", "Debian")
    assert launcher.open_page(URL) is opened
    quoted = "Start-Process 'https://login.example/authorize?a=b&c=''d'''"
    assert machine.calls == [["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", quoted]]


def test_wsl_without_windows(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """WSL whose interoperability is off has no PowerShell."""
    monkeypatch.setenv("WSL_DISTRO_NAME", "Debian")
    assert not launcher.open_page(URL)


def test_elsewhere_powershell_is_not_asked(machine: Machine) -> None:
    """PowerShell on Linux would find a browser of Linux."""
    machine.install("powershell.exe")
    assert not launcher.open_page(URL)
    assert machine.calls == []


UNUSABLE: dict[str, Callable[[Machine], str | None]] = {
    "nothing": lambda _: None,
    "one for the terminal": lambda machine: f"{machine.install('w3m')} %s",
    "one that fails": lambda machine: str(machine.install("false", status=1)),
    "one that is not there": lambda machine: str(machine.bin / "gone"),
}


@pytest.mark.parametrize("browser", UNUSABLE.values(), ids=UNUSABLE)
def test_the_credential_is_not_available(
    make: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch, browser: Callable[[Machine], str | None]
) -> None:
    """At once, with advice, and with the port released."""
    named = browser(machine)
    if named is not None:
        monkeypatch.setenv("BROWSER", named)
    port = free_port()
    credential = make(redirect_uri=f"http://localhost:{port}", timeout=AGES)
    with pytest.raises(CredentialUnavailableError, match="Use DeviceCodeCredential here"):
        start(lambda: credential.get_token(SCOPE)).result(PATIENCE)
    assert is_free(port)


@pytest.mark.parametrize("browser", [None, "w3m %s", "false"])
def test_a_chain_goes_on_to_the_code(
    authority: Emulator, machine: Machine, monkeypatch: pytest.MonkeyPatch, browser: str | None
) -> None:
    """azure-identity's ChainedTokenCredential reaches the device prompt after a browser that is none."""
    from azure.identity import ChainedTokenCredential

    machine.install("w3m")
    machine.install("false", status=1)
    if browser is not None:
        monkeypatch.setenv("BROWSER", browser)
    approver = authority.prompt_approver()
    options: Any = authority.credential_options
    with ChainedTokenCredential(
        doorcode.InteractiveBrowserCredential(**options),
        doorcode.DeviceCodeCredential(**options, prompt_callback=approver),
    ) as chain:
        assert chain.get_token(SCOPE).token
    assert len(approver.prompts) == 1


def test_an_asyncio_chain_goes_on_to_the_code(authority: Emulator, machine: Machine) -> None:
    """The asyncio chain of azure-identity does so too."""
    import asyncio

    import azure.identity.aio

    import doorcode.aio

    approver = authority.prompt_approver()
    options: Any = authority.credential_options

    async def sign_in() -> str:
        chain: Any = azure.identity.aio.ChainedTokenCredential(
            doorcode.aio.InteractiveBrowserCredential(**options),
            doorcode.aio.DeviceCodeCredential(**options, prompt_callback=approver),
        )
        async with chain:
            token: str = (await chain.get_token(SCOPE)).token
        return token

    assert asyncio.run(sign_in())
    assert len(approver.prompts) == 1


@pytest.mark.usefixtures("nobody_comes")
def test_a_browser_in_the_foreground(
    make: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A browser that runs until it is closed is open; the deadline and the address are shown all the same."""
    monkeypatch.setattr(local, "FOREGROUND", 0.1)
    closed = threading.Event()
    monkeypatch.setattr(webbrowser, "open", lambda _url: closed.wait(AGES))
    with pytest.raises(doorcode.errors.SignInTimedOutError):
        make().get_token(SCOPE)
    closed.set()
    assert "http://localhost:" in capfd.readouterr().err


def test_nothing_is_shown_after_the_end(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """A browser that stays in the foreground for longer than the sign-in lasts brings no words after its end."""
    closed = threading.Event()
    monkeypatch.setattr(local, "FOREGROUND", AGES)
    monkeypatch.setattr(webbrowser, "open", lambda _url: closed.wait(AGES))
    window = local.LocalBrowser(f"http://localhost:{free_port()}")
    window.start()
    page = SignInPage("https://login.example/?state=s", "http://localhost:1", Secret("s"), SecretDict())
    shown = start(lambda: window.show(page, 2 * AGES))
    window.close()
    shown.result(PATIENCE)
    closed.set()
    assert capfd.readouterr() == ("", "")


def test_no_other_browser_opens_after_the_end(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a browser fails after the end of the sign-in, the next one is not tried, nor is that of Windows."""
    for name, status in (("bad", 1), ("good", 0), ("w3m", 0), ("powershell.exe", 0)):
        machine.install(name, status=status)
    monkeypatch.setenv("BROWSER", "bad:good:w3m")
    monkeypatch.setenv("WSL_DISTRO_NAME", "Debian")
    assert not launcher.open_page(URL, lambda: machine.calls == [])
    assert machine.calls == [["bad", URL]]


@pytest.mark.usefixtures("nobody_comes")
@pytest.mark.parametrize("browser", ["echo", "echo %s", "/bin/echo", "printf %s"])
def test_a_program_that_prints_the_address(
    make: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], browser: str
) -> None:
    """BROWSER=echo shows the address; the words about it do not repeat it, nor speak of a browser that opens."""
    monkeypatch.setenv("BROWSER", browser)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(doorcode.errors.SignInTimedOutError):
        make().get_token(SCOPE)
    out, err = capfd.readouterr()
    assert (out + err).count("http://localhost:") == 1
    assert "open the address above in a browser on this machine" in err


def test_a_browser_that_raises(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a browser of the program's own raises, no browser opened, and nobody is waited for."""

    def own(_url: str) -> bool:
        raise RuntimeError

    monkeypatch.setattr(webbrowser, "open", own)
    with pytest.raises(CredentialUnavailableError):
        make(timeout=PATIENCE).get_token(SCOPE)


def test_what_this_file_patches_is_there() -> None:
    """The names of webbrowser's that are looked at exist, or the fallback is what runs."""
    assert hasattr(webbrowser, "_tryorder"), sys.version
    assert browser_flow.LONGEST_OPENING > local.FOREGROUND
