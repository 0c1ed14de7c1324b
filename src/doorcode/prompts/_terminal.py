"""Show a code on a terminal: alone on a line, with what it is for and the time left; then one line in its place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from doorcode import _clock
from doorcode._core.messages.outcome import SignInOutcome
from doorcode.prompts import _qr_code, _standard_error
from doorcode.prompts._ready_made import ReadyMadePrompt
from doorcode.prompts._words import paragraphs

if TYPE_CHECKING:
    from doorcode.prompts._count_down import CountDown


class TerminalPrompt(ReadyMadePrompt):
    """Show codes on standard error: a card that counts down, and disappears when the sign-in has ended.

    Where the terminal has too few rows, the card leaves out large letters, blank lines and details. Lines of text are
    shown where it is too small for that too, without rich (``pip install 'doorcode[cli]'``), where standard error is
    no terminal, or with ``NO_COLOR`` or ``TERM=dumb``. At most one sign-in of a process counts down at a time: the
    codes of others are written above its card.

    Args:
        details: what the user should compare with the authority's page, such as ``{"Application": "Reports"}``.
        qr: whether the address is shown as a QR code too; needs ``pip install 'doorcode[qr]'``.
        say_outcome: whether a line says how the sign-in ended.
    """

    def __init__(self, details: Mapping[str, str] | None = None, *, qr: bool = False, say_outcome: bool = True) -> None:
        self._details = dict(details or {})
        self._qr = qr
        self._say_outcome = say_outcome
        self._count_down: CountDown | None = None

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
        if self._count_down is not None:
            self._count_down.set_end(_clock.monotonic() + seconds_left)

    def finished(self, outcome: SignInOutcome) -> None:
        """Take the card away, and say how the sign-in ended."""
        self._take_away()
        if self._say_outcome:
            _standard_error.write(outcome.message)

    def _plain(self, verification_uri: str, user_code: str, expires_on: datetime) -> str:
        return paragraphs(verification_uri, user_code, expires_on, self._details)

    def _draw(self, verification_uri: str, user_code: str, expires_on: datetime, picture: list[str]) -> bool:
        """Draw the card; return False where lines have to do.

        That is so without rich, on a terminal that is too small, and while another card counts down.
        """
        try:
            from doorcode.prompts import _count_down
            from doorcode.prompts._card import Card
        except ModuleNotFoundError:
            return False
        last_line = f"Valid until {expires_on.astimezone():%H:%M:%S}."
        card = Card(verification_uri, user_code, self._details, picture, last_line)
        if not _count_down.can_draw(card):
            return False
        if not self._will_finish:
            with _standard_error.writing:
                _count_down.draw(card)
            return True
        write_lines = partial(_standard_error.write, self._plain(verification_uri, user_code, expires_on))
        self._count_down = _count_down.CountDown(card, write_lines)
        return self._count_down.start()

    def _take_away(self) -> None:
        if self._count_down is not None:
            self._count_down.stop()
            self._count_down = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_count_down": None}


class QrPrompt(TerminalPrompt):
    """Show codes on standard error, with a QR code of the address for a phone; where nothing is drawn, in one line."""

    def __init__(self) -> None:
        super().__init__(qr=True)

    def _plain(self, verification_uri: str, user_code: str, expires_on: datetime) -> str:
        from doorcode.prompts._words import instructions

        return instructions(verification_uri, user_code, expires_on)


terminal: Final = TerminalPrompt()
"""Show the code on the terminal: a card with the code alone on a line, a countdown, and one line at the end."""
