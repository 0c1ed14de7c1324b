"""Count down on a terminal: draw a card again and again, below what others write, and take it away at the end."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final

from rich.console import Console, ConsoleRenderable, RenderHook
from rich.control import Control
from rich.file_proxy import FileProxy
from rich.segment import Segment, Segments

from doorcode.prompts import _standard_error
from doorcode.prompts._card import Card
from doorcode.prompts._card_rows import CardRows

_PERIOD: Final = 0.5
"""Seconds between two drawings."""


class CountDown(RenderHook):
    """A card that is drawn again and again, in a thread of its own, which no Ctrl-C interrupts.

    The cursor stays visible: a process that a signal ends or stops could not show it again.

    Args:
        card: what to draw.
        write_lines: writes the same as lines of text; called if the card can be drawn no longer.
    """

    def __init__(self, card: Card, write_lines: Callable[[], object]) -> None:
        self._card = card
        self._write_lines = write_lines
        self._console = console()
        self._console.push_render_hook(self)
        self._stream = sys.stderr
        self._replaced: list[tuple[str, IO[str], _AboveCard]] = []
        self._rows = CardRows()
        self._has_begun = self._fits = self._was_drawn = self._is_over = self._has_ended = False
        self._interruption: BaseException | None = None
        # Locks of C, held from the beginning and released once: Ctrl-C inside an Event could leave it unusable.
        self._first, self._next, self._last = (_held() for _ in range(3))

    def start(self) -> bool:
        """Draw the card, and go on drawing it; return False where it cannot be drawn."""
        try:
            threading.Thread(target=self._run, name="doorcode-prompt", daemon=True).start()
        except RuntimeError:  # no thread can be started
            self._is_over = True
            return False
        try:
            self._first.acquire()
        except BaseException:
            self.stop()
            raise
        if self._interruption is not None:
            raise self._interruption
        return self._was_drawn

    def set_end(self, ends: float) -> None:
        """Show the time left.

        Args:
            ends: when the user's time is over, in monotonic seconds.
        """
        self._card.ends = ends
        _release(self._next)

    def stop(self) -> None:
        """Take the card away; do nothing if it is gone."""
        self._is_over = True
        _release(self._next)
        while self._has_begun and not self._has_ended:
            self._last.acquire(timeout=_PERIOD)

    def leave(self) -> None:
        """Let another card count down, and give the standard streams back to the program."""
        with suppress(ValueError):
            _COUNTING.remove(self)
        for name, stream, above in self._replaced:
            if getattr(sys, name) is above:  # not if the program has replaced it meanwhile
                setattr(sys, name, stream)
        self._has_ended = True  # last: the caller of stop() goes on from here

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Return what is written where the card is: other output, and the card below it."""
        if self._has_ended:
            return renderables
        measure(self._console, self._stream)
        erased = self._rows.erase(*self._console.size)
        lines = self._card.fitting(self._console)
        self._fits = lines is not None
        is_below_other = any(not isinstance(each, Control) for each in renderables)
        self._rows.written(lines or [], is_below_other=is_below_other)
        return [erased, *renderables, joined(lines or [])]

    def _run(self) -> None:
        self._has_begun = True
        try:
            self._count()
        except Exception:  # noqa: BLE001 - lines of text do where drawing fails
            self._fits = False
        except BaseException as interruption:  # noqa: BLE001 - raised where the card was to appear
            self._interruption = interruption
        finally:
            with _standard_error.writing:
                if self in _COUNTING:
                    self._disappear()
                self.leave()
            _release(self._first)
            _release(self._last)
        if self._was_drawn and not self._is_over:
            with suppress(RuntimeError):  # there is no standard error any more
                self._write_lines()

    def _count(self) -> None:
        with _standard_error.writing:
            if _COUNTING or self._is_over:
                return
            _COUNTING.append(self)
            self._replace("stderr", self._stream)
            if _standard_error.is_same_terminal(sys.stdout, self._stream):
                self._replace("stdout", sys.stdout)
            self._console.print(Control())
            self._was_drawn = self._fits
        _release(self._first)
        while self._fits and not self._is_over:
            self._next.acquire(timeout=_PERIOD)
            with _standard_error.writing:
                if not self._is_over:
                    self._console.print(Control())

    def _replace(self, name: str, stream: IO[str]) -> None:
        """Have what others write to a standard stream appear above the card."""
        above = _AboveCard(self._console, stream)
        self._replaced.append((name, stream, above))
        setattr(sys, name, above)

    def _disappear(self) -> None:
        with suppress(BaseException):
            for _, _, above in self._replaced:
                above.flush()  # a line that is not complete
        measure(self._console, self._stream)
        for _ in range(2):  # a write may fail once
            with suppress(BaseException):
                self._console.control(self._rows.erase(*self._console.size))
                return


class _AboveCard(FileProxy):
    """Standard error, or standard output on the same terminal, while a card counts down."""

    def write(self, text: str) -> int:
        """Write lines above the card."""
        with _standard_error.writing:
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Write the rest of a line."""
        with _standard_error.writing:
            super().flush()


_COUNTING: Final[list[CountDown]] = []
"""The card that counts down: one in a process, while others write lines above it. Used while ``writing`` is held."""


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


def _release(lock: threading.Lock) -> None:
    with suppress(RuntimeError):  # it is released
        lock.release()


def can_draw(card: Card) -> bool:
    """Return whether a card fits on the terminal, and nothing else is drawn there again and again."""
    if _COUNTING or hasattr(sys.stderr, "rich_proxied_file"):  # a live display of the program's own
        return False
    terminal = console()
    return terminal.is_terminal and card.fitting(terminal) is not None


def draw(card: Card) -> None:
    """Draw a card once."""
    terminal = console()
    terminal.print(joined(card.fitting(terminal) or []))


def console() -> Console:
    """Return standard error as a terminal of the size that it has now."""
    terminal = Console(file=sys.stderr, highlight=False)
    measure(terminal, sys.stderr)
    return terminal


def measure(terminal: Console, stream: IO[str]) -> None:
    """Set the size of a terminal that may have been resized."""
    size = _standard_error.size(stream)
    if size is not None:
        terminal.size = size


def joined(lines: list[list[Segment]]) -> Segments:
    """Return lines with ends between them."""
    return Segments([segment for line in lines for segment in (Segment.line(), *line)][1:])


def _leave_to_parent() -> None:
    for each in _COUNTING:  # the thread that draws it is not in the child
        each.leave()


def _take_away() -> None:
    for each in _COUNTING:
        each.stop()


atexit.register(_take_away)
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_leave_to_parent)
