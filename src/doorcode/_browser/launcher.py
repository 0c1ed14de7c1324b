"""Open a page in the user's browser, but never in one that would take over the terminal."""

from __future__ import annotations

import subprocess
import webbrowser
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Final

from doorcode._browser.environment import has_windows_here, is_wsl, read_environment
from doorcode._log import logger

_LOGGER: Final = logger(__name__)
CONSOLE: Final = frozenset({"browsh", "edbrowse", "elinks", "links", "links2", "lynx", "w3m", "www-browser"})
"""Browsers that draw on the terminal: sign-in pages do not work there, and the program's own output is lost."""
POWERSHELL_SECONDS: Final = 5.0
OPENERS: Final = frozenset({"gnome-open", "sensible-browser", "x-www-browser", "xdg-open"})
"""Programs that choose the browser themselves: without a display, they choose a console browser."""
PRINTERS: Final = frozenset({"echo", "printf"})
"""Programs that print an address and open nothing; users set ``BROWSER`` to one if their browser runs elsewhere."""
_NAMES: Final = "_tryorder"


def open_page(url: str, wanted: Callable[[], bool] = lambda: True) -> bool:
    """Open a page.

    Args:
        url: the address, with only characters that a URL may have.
        wanted: tells, before each further browser is tried, whether the page is still wanted.

    Returns:
        whether a browser opened the page. Blocks until the browser command ends; some end when the browser is closed.
    """
    try:
        if _with_webbrowser(url, wanted):
            return True
    except Exception:  # whatever a browser of the program's own raises
        _LOGGER.debug("A browser could not be opened.", exc_info=True)
    return wanted() and is_wsl(read_environment()) and _with_powershell(url)


def is_printed() -> bool:
    """Return whether the command that opens pages here only prints their addresses."""
    if _is_replaced():
        return False
    with suppress(webbrowser.Error):
        return _program(webbrowser.get()) in PRINTERS
    return False


def _with_webbrowser(url: str, wanted: Callable[[], bool]) -> bool:
    if _is_replaced():
        return webbrowser.open(url)
    everything = _browsers()
    graphical = [browser for browser in everything if not _is_console(browser)]
    if len(graphical) == len(everything):
        return webbrowser.open(url)
    return any(wanted() and browser.open(url) for browser in graphical)


def _is_replaced() -> bool:
    """Return whether the program has replaced ``webbrowser.open``."""
    return webbrowser.open.__module__ != webbrowser.__name__


def _browsers() -> list[Any]:
    """Return the browsers that ``webbrowser.open`` would try, in its order, with ``BROWSER`` first."""
    preferred = webbrowser.get()
    # No public function lists the others, and console browsers may be among them.
    names: Iterable[str] = getattr(webbrowser, _NAMES, None) or ()
    return [webbrowser.get(name) for name in names] or [preferred]


def _is_console(browser: object) -> bool:
    program = _program(browser)
    return program in CONSOLE or (program in OPENERS and not has_windows_here())


def _program(browser: object) -> str:
    command = str(getattr(browser, "name", "") or "")
    return PurePath(command.partition(" ")[0]).name


def _with_powershell(url: str) -> bool:
    """Open a page in Windows' browser from WSL."""
    quoted = url.replace("'", "''")
    command = ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", f"Start-Process '{quoted}'"]
    try:
        done = subprocess.run(  # noqa: S603 - only the address varies, and it is quoted
            command, check=False, timeout=POWERSHELL_SECONDS, stdin=subprocess.DEVNULL, capture_output=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
