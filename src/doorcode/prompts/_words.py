"""The words that every ready-made prompt uses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

WARNING: Final = (
    "Enter the code only if you started this sign-in yourself, just now. Do not give it to anyone, and never enter a "
    "code that someone sent you."
)


def instructions(verification_uri: str, user_code: str, expires_on: datetime) -> str:
    """Return what the user is to do, in one line.

    Args:
        verification_uri: the page where the user enters the code.
        user_code: the code.
        expires_on: when the code expires, an aware ``datetime``; shown in the user's own time zone.
    """
    return f"To sign in, open {verification_uri} and enter the code {user_code} before {expires_on.astimezone():%H:%M}."


def paragraphs(verification_uri: str, user_code: str, expires_on: datetime, details: Mapping[str, str]) -> str:
    """Return what the user is to do, in lines, with the code alone on one of them.

    Args:
        verification_uri: the page where the user enters the code.
        user_code: the code.
        expires_on: when the code expires, an aware ``datetime``; shown in the user's own time zone.
        details: what the user should compare with the page: labels and texts.
    """
    until = f"{expires_on.astimezone():%H:%M:%S}"
    lead = f"To sign in, open {verification_uri} and enter this code before {until}:"
    about = "".join(f"{label}: {value}\n" for label, value in details.items())
    return f"{lead}\n\n{user_code}\n\n{about}{WARNING}"
