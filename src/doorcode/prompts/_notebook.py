"""Show the prompt as a notebook's own output; one line takes its place when the sign-in has ended."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Final, Protocol

from doorcode._core.display import safe_repr
from doorcode._core.messages.outcome import SignInOutcome
from doorcode._lazy import needs_extra
from doorcode.prompts import _notebook_page, _qr_code
from doorcode.prompts._ready_made import ReadyMadePrompt
from doorcode.prompts._standard_error import is_notebook
from doorcode.prompts._words import instructions


class Output(Protocol):
    """An output of a notebook that can be changed."""

    def update(self, shown: object) -> object:
        """Show something else in its place."""
        ...


class NotebookPrompt(ReadyMadePrompt):
    """Show codes under the cell that runs: a link, the code, a button that copies it, and the time left.

    For Jupyter, VS Code, Colab and Databricks; needs IPython, which all of these have.

    Args:
        qr: whether the address is shown as a QR code too; needs ``pip install 'doorcode[qr]'``.
    """

    def __init__(self, *, qr: bool = False) -> None:
        self._qr = qr
        self._output: Output | None = None
        self._shown: Shown | None = None

    def __call__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
        """Show a code, in place of the one before.

        Args:
            verification_uri: the page where the user enters the code.
            user_code: the code.
            expires_on: when the code expires, an aware ``datetime``.

        Raises:
            ModuleNotFoundError: this is no notebook: IPython is not installed.
        """
        picture = _qr_code.svg(verification_uri) if self._qr else ""
        self._show(Shown(verification_uri, user_code, expires_on, picture))

    def waiting(self, seconds_left: float) -> None:
        """Show the time that the user has left, by the minute."""
        if self._shown is not None and is_notebook():
            later = self._shown.after(seconds_left)
            if later.time_left != self._shown.time_left:
                self._show(later)

    def finished(self, outcome: SignInOutcome) -> None:
        """Show how the sign-in ended in place of the code."""
        self._show(Ended(outcome.message))

    def _show(self, shown: Shown | Ended) -> None:
        if self._output is None:
            self._output = _display(shown)
        else:
            self._output.update(shown)
        self._shown = shown if isinstance(shown, Shown) else None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_output": None, "_shown": None}


class Shown:
    """A code as a notebook shows it: HTML where it can, text elsewhere.

    Args:
        verification_uri: the page where the user enters the code.
        user_code: the code.
        expires_on: when the code expires, an aware ``datetime``.
        picture: the address's QR code as SVG; empty for none.
        seconds_left: how long the user has; None until that is known.
    """

    def __init__(
        self,
        verification_uri: str,
        user_code: str,
        expires_on: datetime,
        picture: str = "",
        seconds_left: float | None = None,
    ) -> None:
        self._uri = verification_uri
        self._code = user_code
        self._until = expires_on
        self._picture = picture
        seconds = expires_on.timestamp() - time.time() if seconds_left is None else seconds_left
        self.time_left: str = time_left(seconds)

    def after(self, seconds_left: float) -> Shown:
        """Return the same with another time left."""
        return Shown(self._uri, self._code, self._until, self._picture, seconds_left)

    def _repr_html_(self) -> str:
        return _notebook_page.prompt(self._uri, self._code, self.time_left, self._picture)

    @safe_repr
    def __repr__(self) -> str:
        return instructions(self._uri, self._code, self._until)


class Ended:
    """The line that is left when the sign-in has ended."""

    def __init__(self, message: str) -> None:
        self._message = message

    def _repr_html_(self) -> str:
        return _notebook_page.outcome(self._message)

    @safe_repr
    def __repr__(self) -> str:
        return self._message


def time_left(seconds: float) -> str:
    """Return how long a code is valid, in minutes, or in seconds where little time is left."""
    if seconds >= 90:  # noqa: PLR2004 - beyond that, minutes are exact enough
        return f"The code is valid for {round(seconds / 60)} minutes more."
    return f"The code is valid for {max(0, 10 * round(seconds / 10))} seconds more."


def _display(shown: object) -> Output:
    try:
        from IPython import display
    except ModuleNotFoundError as missing:
        raise needs_extra("doorcode.prompts.notebook", "notebook", missing) from missing

    show: Any = display.display  # IPython is not typed
    output: Output = show(shown, display_id=True)
    return output


notebook: Final = NotebookPrompt()
"""Show the code under the cell that runs, with a link, a button that copies it and the time left."""
