"""Print the prompt on standard error, for programs whose standard output is data or a protocol (MCP over stdio)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from doorcode._core.messages.outcome import SignInOutcome
from doorcode.prompts import _standard_error
from doorcode.prompts._ready_made import ReadyMadePrompt
from doorcode.prompts._words import instructions


class StderrPrompt(ReadyMadePrompt):
    """Tell the user on standard error, in one line, and how the sign-in ended in another."""

    def __call__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
        """Show a code, at once.

        Args:
            verification_uri: the page where the user enters the code.
            user_code: the code.
            expires_on: when the code expires, an aware ``datetime``.

        Raises:
            RuntimeError: standard error is missing, or cannot be written.
        """
        _standard_error.write(instructions(verification_uri, user_code, expires_on))

    def finished(self, outcome: SignInOutcome) -> None:
        """Say how the sign-in ended."""
        _standard_error.write(outcome.message)


stderr: Final = StderrPrompt()
"""Print the prompt on standard error, in one line."""
