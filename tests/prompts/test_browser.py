"""The browser prompt: it opens the page where the code is entered, and prints the code."""

from __future__ import annotations

import queue
import threading
import webbrowser
from datetime import datetime, timezone

import pytest

from doorcode import prompts
from support.signing import PATIENCE

URI, CODE = "https://login.example/device", "ABCD-EFGH"
UNTIL = datetime(2026, 11, 25, 12, 30, tzinfo=timezone.utc)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> queue.Queue[str]:
    """Give the pages that a browser is asked to open."""
    pages: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr(webbrowser, "open", lambda url: pages.put(url) or True)
    return pages


def test_the_page_opens_and_the_code_is_printed(
    opened: queue.Queue[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The code is still typed by the user."""
    monkeypatch.setenv("DISPLAY", ":0")
    prompts.browser(URI, CODE, UNTIL)
    assert opened.get(timeout=PATIENCE) == URI
    assert CODE in capsys.readouterr().err.splitlines()


def test_a_browser_that_raises(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the prompt is printed: no traceback of the thread that opens the page."""
    asked = threading.Event()

    def own(_url: str) -> bool:
        asked.set()
        raise RuntimeError

    before = set(threading.enumerate())
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", own)
    prompts.browser(URI, CODE, UNTIL)
    assert asked.wait(PATIENCE)
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
    err = capsys.readouterr().err
    assert CODE in err.splitlines()
    assert "Traceback" not in err


def test_without_a_thread_to_open_it_in_the_code_is_printed(
    opened: queue.Queue[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sign-in does not fail where the system has no thread left: the user opens the page."""

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    prompts.browser(URI, CODE, UNTIL)
    assert CODE in capsys.readouterr().err.splitlines()
    assert opened.empty()


def test_without_a_window_the_code_is_printed(
    opened: queue.Queue[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over SSH, a browser could only take the terminal over."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "WSL_INTEROP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("doorcode._browser.environment.sys.platform", "linux")
    prompts.browser(URI, CODE, UNTIL)
    assert CODE in capsys.readouterr().err.splitlines()
    assert opened.empty()
