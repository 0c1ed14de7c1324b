"""Open a page in the person's browser, and never one that would take over the terminal."""

from __future__ import annotations

import subprocess
import webbrowser
from collections.abc import Iterable
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Final

from doorcode._choice import has_windows_here, is_wsl, surroundings

CONSOLE: Final = frozenset({"browsh", "edbrowse", "elinks", "links", "links2", "lynx", "w3m", "www-browser"})
"""Browsers that draw on the terminal: there nobody can sign in, and the program's own output is gone."""
POWERSHELL_SECONDS: Final = 5.0
OPENERS: Final = frozenset({"gnome-open", "sensible-browser", "x-www-browser", "xdg-open"})
"""Programs that look for a browser, and without a display find one of those."""
_NAMES: Final = "_tryorder"


def open_page(url: str) -> bool:
    """Open a page.

    Args:
        url: https, with nothing in it that URLs lack.

    Returns:
        whether a browser took it. Blocks until it says so; some do not before they are closed.
    """
    with suppress(webbrowser.Error, OSError):
        if _with_webbrowser(url):
            return True
    return is_wsl(surroundings()) and _with_powershell(url)


def _with_webbrowser(url: str) -> bool:
    if webbrowser.open.__module__ != webbrowser.__name__:
        # The program put its own in the place of it.
        return webbrowser.open(url)
    everything = _browsers()
    graphical = [browser for browser in everything if not _is_console(browser)]
    if len(graphical) == len(everything):
        return webbrowser.open(url)
    return any(browser.open(url) for browser in graphical)


def _browsers() -> list[Any]:
    """Return what ``webbrowser.open`` would try, in its order, ``BROWSER`` first."""
    preferred = webbrowser.get()
    # There is no public way to the rest of them, among which console browsers may be.
    names: Iterable[str] = getattr(webbrowser, _NAMES, None) or ()
    return [webbrowser.get(name) for name in names] or [preferred]


def _is_console(browser: object) -> bool:
    command = str(getattr(browser, "name", "") or "")
    program = PurePath(command.partition(" ")[0]).name
    return program in CONSOLE or (program in OPENERS and not has_windows_here())


def _with_powershell(url: str) -> bool:
    """Let Windows open a page, from WSL."""
    quoted = url.replace("'", "''")
    command = ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", f"Start-Process '{quoted}'"]
    try:
        done = subprocess.run(  # noqa: S603 - the address is the only thing in it that varies, and it is quoted
            command, check=False, timeout=POWERSHELL_SECONDS, stdin=subprocess.DEVNULL, capture_output=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
