"""Prompts for programs that read them: lines of JSON on standard error, and records of ``logging``."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Final

from doorcode._core.messages.outcome import SignInOutcome
from doorcode._log import logger
from doorcode._session.prompt import print_as_is
from doorcode.prompts._ready_made import ReadyMadePrompt
from doorcode.prompts._words import instructions

LOGGER: Final = logger("doorcode.prompts")


class JsonLinesPrompt(ReadyMadePrompt):
    """Write one JSON object a line on standard error, for a program that started this one and reads its output.

    The first is ``{"event": "code", "verification_uri": ..., "user_code": ..., "expires_on": ...}``, the time in UTC as
    in RFC 3339; the last is ``{"event": "finished", "result": ..., "username": ..., "message": ...}``.
    """

    def __call__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
        """Write a code.

        Args:
            verification_uri: the page where the user enters the code.
            user_code: the code.
            expires_on: when the code expires, an aware ``datetime``.

        Raises:
            RuntimeError: standard error is missing, or cannot be written.
        """
        until = expires_on.astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._write(event="code", verification_uri=verification_uri, user_code=user_code, expires_on=until)

    def finished(self, outcome: SignInOutcome) -> None:
        """Write how the sign-in ended."""
        self._write(event="finished", result=outcome.result, username=outcome.username, message=outcome.message)

    @staticmethod
    def _write(**fields: str | None) -> None:
        if not print_as_is(json.dumps(fields), sys.stderr):
            message = "there is no standard error to write the code to"
            raise RuntimeError(message)


class LogPrompt(ReadyMadePrompt):
    """Write codes to the log, for services whose only output it is: logger ``doorcode.prompts``, level WARNING."""

    def __call__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
        """Log a code.

        Args:
            verification_uri: the page where the user enters the code.
            user_code: the code.
            expires_on: when the code expires, an aware ``datetime``.

        Raises:
            RuntimeError: no handler of the program's would show it.
        """
        if not _is_shown():
            message = "logging is not configured to show warnings of the logger doorcode.prompts"
            raise RuntimeError(message)
        LOGGER.warning("%s", instructions(verification_uri, user_code, expires_on))

    def finished(self, outcome: SignInOutcome) -> None:
        """Log how the sign-in ended: a success at INFO, anything else at WARNING."""
        LOGGER.log(logging.INFO if outcome.result == "signed_in" else logging.WARNING, "%s", outcome.message)


def _is_shown() -> bool:
    """Return whether a handler of the program takes warnings."""
    if not LOGGER.isEnabledFor(logging.WARNING):
        return False
    at: logging.Logger | None = LOGGER
    while at is not None:
        if any(each.level <= logging.WARNING and not isinstance(each, logging.NullHandler) for each in at.handlers):
            return True
        at = at.parent if at.propagate else None
    return False


jsonl: Final = JsonLinesPrompt()
"""Write the code, and how the sign-in ended, as lines of JSON on standard error."""
log: Final = LogPrompt()
"""Write the code, and how the sign-in ended, to the log, at WARNING."""
