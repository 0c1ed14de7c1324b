"""What a card that counts down leaves behind when it is interrupted, or cannot be drawn."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from linecache import getline
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from rich.console import Console
from rich.file_proxy import FileProxy
from rich.live import Live

from doorcode import prompts
from doorcode._core.messages.outcome import SignInOutcome
from doorcode.prompts import _count_down, _standard_error
from doorcode.prompts._card import Card
from support.signing import PATIENCE, together

URI, CODE = "https://login.example/device", "ABCD-EFGH"
UNTIL = datetime(2026, 11, 25, 12, 30, tzinfo=timezone.utc)
SIGNED_IN = SignInOutcome("signed_in", "Signed in.")
LEFT = "left. Ctrl-C gives up."
MODULES = {str(Path(prompts.__file__).with_name(name)) for name in ("_terminal.py", "_count_down.py")}


class Screen(io.StringIO):
    """A terminal whose n-th write may fail.

    Args:
        failing: the number of the write, from 1; 0 for none.
        error: what it raises.
    """

    def __init__(self, failing: int = 0, error: BaseException | None = None) -> None:
        super().__init__()
        self._failing = failing
        self._error = error or KeyboardInterrupt()
        self._changed = threading.Condition()
        self.writes = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        with self._changed:
            self.writes += 1
            self._changed.notify_all()
            if self.writes == self._failing:
                raise self._error
            return super().write(text)

    def wait_for(self, condition: Callable[[str], bool]) -> None:
        """Wait until what was written is what is waited for, or a write has failed."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: condition(self.getvalue()) or 0 < self._failing <= self.writes, PATIENCE
            )

    def has_cursor(self) -> bool:
        """Return whether the cursor was visible all the time."""
        return "\x1b[?25l" not in self.getvalue()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a terminal of 80 columns and 40 rows, and look at what a test leaves behind."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "40"}.items():
        monkeypatch.setenv(name, value)
    before = sys.stderr
    yield
    assert sys.stderr is before


def assert_next_counts_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that the next sign-in has a card."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    prompt: Any = prompts.terminal.for_sign_in()
    prompt(URI, CODE, UNTIL)
    prompt.waiting(600.0)
    screen.wait_for(lambda text: LEFT in text)
    prompt.finished(SIGNED_IN)
    assert sys.stderr is screen
    assert screen.has_cursor()
    assert "Signed in." in screen.getvalue()


def sign_in(prompt: Any, screen: Screen) -> None:
    """Do with a prompt what a credential does, while another thread writes to standard error."""
    prompt(URI, CODE, UNTIL)
    prompt.waiting(600.0)
    screen.wait_for(lambda text: LEFT in text)
    writes = screen.writes
    screen.wait_for(lambda _: screen.writes > writes)
    sys.stderr.write("above\n")


@pytest.mark.parametrize("number", range(1, 11))
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("a terminal that fails")], ids=["ctrl-c", "error"])
def test_a_write_that_is_interrupted(monkeypatch: pytest.MonkeyPatch, number: int, error: BaseException) -> None:
    """The cursor is visible, standard error is the program's, and the next sign-in counts down."""
    screen = Screen(number, error)
    monkeypatch.setattr(sys, "stderr", screen)
    prompt: Any = prompts.terminal.for_sign_in()
    for step in (lambda: sign_in(prompt, screen), lambda: prompt.finished(SIGNED_IN)):
        try:
            step()
        except (KeyboardInterrupt, OSError, RuntimeError):
            continue
    assert sys.stderr is screen
    assert screen.has_cursor()
    if isinstance(error, OSError):
        assert CODE in screen.getvalue()
    assert_next_counts_down(monkeypatch)


def place(frame: FrameType) -> tuple[str, int]:
    """Return the file and the line that is about to run."""
    return frame.f_code.co_filename, frame.f_lineno


def interrupted_at(line: int, call: Callable[[], object]) -> bool:
    """Call something that is interrupted before the n-th line of the prompts' code; return whether it was."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if frame.f_code.co_filename not in MODULES:
            return None
        if event == "line" and not getline(*place(frame)).lstrip().startswith("with "):  # that also is where it ends
            count += 1
            if count == line:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_ctrl_c_at_any_line_while_a_code_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this thread was about to do, its credential's last call to the prompt takes everything away."""
    for line in range(1, 500):
        screen = Screen()
        monkeypatch.setattr(sys, "stderr", screen)
        prompt: Any = prompts.terminal.for_sign_in()
        was_interrupted = interrupted_at(line, lambda: prompt(URI, CODE, UNTIL))  # noqa: B023 - called at once
        prompt.finished(SIGNED_IN)
        assert sys.stderr is screen, line
        assert screen.has_cursor(), line
        if not was_interrupted:
            break
    else:
        pytest.fail("the call never comes to its end")
    assert line > 10
    assert_next_counts_down(monkeypatch)


def test_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of text do."""

    def start(_: object) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    screen = Screen()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", screen)
        patch.setattr(threading.Thread, "start", start)
        prompt: Any = prompts.terminal.for_sign_in()
        prompt(URI, CODE, UNTIL)
        prompt.waiting(600.0)
        prompt.finished(SIGNED_IN)
    assert f"\n{CODE}\n" in screen.getvalue()
    assert "\x1b" not in screen.getvalue()
    assert_next_counts_down(monkeypatch)


def test_two_that_begin_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both find no card; one counts down, and the lines of the other stand above it."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    both = threading.Barrier(2)
    can_draw = _count_down.can_draw

    def can_draw_both(card: Card) -> bool:
        found = can_draw(card)
        both.wait(PATIENCE)
        return found

    monkeypatch.setattr(_count_down, "can_draw", can_draw_both)
    codes = [CODE, "IJKL-MNOP"]
    shown: list[Any] = [prompts.terminal.for_sign_in() for _ in codes]
    assert together(2, lambda number: shown[number](URI, codes[number], UNTIL)) == [None, None]
    above: Any = sys.stderr
    assert isinstance(above, FileProxy), "one counts down"
    text = screen.getvalue()
    assert sum(f"\n{code}" in text and f"  {code}" not in text for code in codes) == 1, "the other has lines"
    for prompt in shown:
        prompt.finished(SIGNED_IN)
    assert sys.stderr is screen
    assert screen.has_cursor()


def test_a_display_of_the_programs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two displays that move the cursor would destroy each other: lines of text are written above the program's."""
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with Live("progress", console=Console(stderr=True), auto_refresh=False):
        prompt: Any = prompts.terminal.for_sign_in()
        prompt(URI, CODE, UNTIL)
        prompt.finished(SIGNED_IN)
    assert f"\n{CODE}" in screen.getvalue()
    assert "any device" not in screen.getvalue()
    assert sys.stderr is screen


def test_a_stream_without_a_terminals_name_is_not_the_same() -> None:
    """As one of the program's own."""
    assert not _standard_error.is_same_terminal(Screen(), Screen())
    assert not _standard_error.is_same_terminal(None, Screen())


def test_a_line_that_is_not_complete_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written; and a program that has replaced standard error meanwhile keeps what it has put there."""
    screen, own = Screen(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    prompt: Any = prompts.TerminalPrompt(say_outcome=False).for_sign_in()
    prompt(URI, CODE, UNTIL)
    above = sys.stderr
    print("not complete", end="", file=above)
    prompt.finished(SIGNED_IN)
    assert "not complete" in screen.getvalue()
    print("later", file=above)
    assert screen.getvalue().endswith("later\n")
    prompt(URI, CODE, UNTIL)
    monkeypatch.setattr(sys, "stderr", own)
    prompt.finished(SIGNED_IN)
    assert sys.stderr is own
    assert own.getvalue() == ""
    assert screen.has_cursor()
