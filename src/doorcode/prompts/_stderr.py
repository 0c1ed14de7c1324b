"""Print the prompt on standard error, for programs whose standard output is data or a protocol (MCP over stdio)."""

from __future__ import annotations

import sys
from datetime import datetime

from doorcode.prompts._words import instructions


def stderr(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Tell the user on standard error, at once.

    Args:
        verification_uri: where to go.
        user_code: what to enter there.
        expires_on: until when, aware.

    Raises:
        OSError: standard error cannot be written.
        RuntimeError: there is no standard error.
    """
    if sys.stderr is None:
        message = "there is no standard error to show the code on"
        raise RuntimeError(message)
    print(instructions(verification_uri, user_code, expires_on), file=sys.stderr, flush=True)  # noqa: T201 - the prompt
