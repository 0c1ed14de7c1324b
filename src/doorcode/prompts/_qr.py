"""Print the prompt with a QR code of the address, for a phone; needs ``pip install doorcode[qr]``."""

from __future__ import annotations

import sys
from datetime import datetime

from doorcode._lazy import needs_extra
from doorcode.prompts._words import instructions


def qr(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Tell the user on standard error, with a QR code of the address; the code itself is typed.

    Args:
        verification_uri: where to go.
        user_code: what to enter there.
        expires_on: until when, aware.

    Raises:
        ImportError: segno is not installed.
    """
    try:
        import segno
    except ModuleNotFoundError as missing:
        raise needs_extra("doorcode.prompts.qr", "qr", missing) from missing

    segno.make_qr(verification_uri).terminal(out=sys.stderr, compact=True)
    print(instructions(verification_uri, user_code, expires_on), file=sys.stderr, flush=True)  # noqa: T201 - the prompt
