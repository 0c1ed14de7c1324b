"""Show a code on a terminal: alone on a line, with what it is for and the time left; then one line in its place."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from doorcode import _clock
from doorcode._core.messages.outcome import SignInOutcome
from doorcode.prompts import _qr_code, _standard_error
from doorcode.prompts._ready_made import ReadyMadePrompt
from doorcode.prompts._words import paragraphs

if TYPE_CHECKING:
    from rich.live import Live

    from doorcode.prompts._card import Card

_COUNTING: Final[list[Live]] = []
"""The card that counts down: one in a process, while others write lines above it. Used while ``WRITING`` is held."""


def _leave_to_parent() -> None:
    if _COUNTING:
        _COUNTING.clear()
        # The parent's card stands in its place as long as it counts down, and draws itself below what is written.
        sys.stderr = getattr(sys.stderr, "rich_proxied_file", sys.stderr)


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_leave_to_parent)


class TerminalPrompt(ReadyMadePrompt):
    """Show codes on standard error: a card that counts down, and disappears when the sign-in has ended.

    Without rich (``pip install 'doorcode[cli]'``), where standard error is no terminal, or with ``NO_COLOR`` or
    ``TERM=dumb``, lines of text. At most one sign-in of a process counts down at a time: the codes of others are
    written above its card.

    Args:
        details: what the user should compare with the authority's page, such as ``{"Application": "Reports"}``.
        qr: whether the address is shown as a QR code too; needs ``pip install 'doorcode[qr]'``.
        say_outcome: whether a line says how the sign-in ended.
    """

    def __init__(self, details: Mapping[str, str] | None = None, *, qr: bool = False, say_outcome: bool = True) -> None:
        self._details = dict(details or {})
        self._qr = qr
        self._say_outcome = say_outcome
        self._live: Live | None = None
        self._card: Card | None = None

    def __call__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
        """Show a code, in place of the one before.

        Args:
            verification_uri: the page where the user enters the code.
            user_code: the code.
            expires_on: when the code expires, an aware ``datetime``.

        Raises:
            ModuleNotFoundError: a QR code is wanted, and segno is not installed.
            RuntimeError: there is no standard error.
        """
        self._take_away()
        picture = _qr_code.rows(verification_uri) if self._qr else []
        picture = picture if picture and _qr_code.fits(picture) else []
        if _standard_error.is_terminal() and self._draw(verification_uri, user_code, expires_on, picture):
            return
        if picture:
            _standard_error.write(_qr_code.coloured(picture), is_picture=True)
        _standard_error.write(self._plain(verification_uri, user_code, expires_on))

    def waiting(self, seconds_left: float) -> None:
        """Set the time that the user has left."""
        if self._card is not None:
            self._card.ends = _clock.monotonic() + seconds_left

    def finished(self, outcome: SignInOutcome) -> None:
        """Take the card away, and say how the sign-in ended."""
        self._take_away()
        if self._say_outcome:
            _standard_error.write(outcome.message)

    def _plain(self, verification_uri: str, user_code: str, expires_on: datetime) -> str:
        return paragraphs(verification_uri, user_code, expires_on, self._details)

    def _draw(self, verification_uri: str, user_code: str, expires_on: datetime, picture: list[str]) -> bool:
        """Draw the card; return False where lines have to do: without rich, and while another card counts down."""
        try:
            from rich.console import Console
            from rich.live import Live

            from doorcode.prompts._card import Card
        except ModuleNotFoundError:
            return False
        console = Console(stderr=True, highlight=False)
        last_line = f"Valid until {expires_on.astimezone():%H:%M:%S}."
        card = Card(verification_uri, user_code, self._details, picture, last_line)
        with _standard_error.WRITING:
            if _COUNTING:
                return False
            if self._will_finish:
                # Standard output is the program's own: only standard error is moved above the card.
                live = self._live = Live(
                    card, console=console, refresh_per_second=2, transient=True, vertical_overflow="visible",
                    redirect_stdout=False,
                )  # fmt: skip
                self._card = card
                _COUNTING.append(live)
                live.start()
            else:
                console.print(card)
        return True

    def _take_away(self) -> None:
        live, self._live, self._card = self._live, None, None
        if live is None:
            return
        with _standard_error.WRITING:
            if live in _COUNTING:  # not in a child that was forked since
                _COUNTING.clear()
                live.stop()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_live": None, "_card": None}


class QrPrompt(TerminalPrompt):
    """Show codes on standard error, with a QR code of the address for a phone; where nothing is drawn, in one line."""

    def __init__(self) -> None:
        super().__init__(qr=True)

    def _plain(self, verification_uri: str, user_code: str, expires_on: datetime) -> str:
        from doorcode.prompts._words import instructions

        return instructions(verification_uri, user_code, expires_on)


terminal: Final = TerminalPrompt()
"""Show the code on the terminal: a card with the code alone on a line, a countdown, and one line at the end."""
