"""The words that every ready-made prompt uses."""

from __future__ import annotations

from datetime import datetime


def instructions(verification_uri: str, user_code: str, expires_on: datetime) -> str:
    """Return what the user is to do, in one line.

    Args:
        verification_uri: where to go.
        user_code: what to enter there.
        expires_on: until when, aware; shown in the user's own time zone.
    """
    return f"To sign in, open {verification_uri} and enter the code {user_code} before {expires_on.astimezone():%H:%M}."
