"""Pick the prompt that fits where the program runs, when a code is shown."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from doorcode.prompts._notebook import NotebookPrompt
from doorcode.prompts._ready_made import ReadyMadePrompt
from doorcode.prompts._standard_error import is_notebook
from doorcode.prompts._terminal import QrPrompt, TerminalPrompt


class PromptByPlace(ReadyMadePrompt):
    """Show codes in a notebook's own output in a notebook, and on the terminal elsewhere.

    Args:
        in_notebook: the prompt for a notebook.
        elsewhere: the prompt for everything else.
    """

    def __init__(self, in_notebook: NotebookPrompt, elsewhere: TerminalPrompt) -> None:
        self._in_notebook = in_notebook
        self._elsewhere = elsewhere

    def __call__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
        """Show a code.

        Args:
            verification_uri: the page where the user enters the code.
            user_code: the code.
            expires_on: when the code expires, an aware ``datetime``.
        """
        self._fitting(verification_uri, user_code, expires_on)

    def for_sign_in(self) -> ReadyMadePrompt:
        """Return the prompt that fits here, for one sign-in."""
        return self._fitting.for_sign_in()

    @property
    def _fitting(self) -> NotebookPrompt | TerminalPrompt:
        return self._in_notebook if is_notebook() else self._elsewhere


def default() -> PromptByPlace:
    """Return the prompt that fits where the program runs: in a notebook ``notebook``, elsewhere ``terminal``."""
    return _DEFAULT


_DEFAULT: Final = PromptByPlace(NotebookPrompt(), TerminalPrompt())
qr: Final = PromptByPlace(NotebookPrompt(qr=True), QrPrompt())
"""Show the code with a QR code of the address for a phone; the code itself is typed.

The picture scans on any background. Where it cannot be shown (the encoding has no block characters, ``NO_COLOR``, a
narrow terminal) the text stands alone. Needs ``pip install 'doorcode[qr]'``.
"""
