"""What was being done when the authority refused: its error means another thing in another flow."""

from __future__ import annotations

from enum import Enum
from typing import Final

from doorcode._core.values import dataclass

DEFAULT_LIFETIME: Final = 900.0
"""Seconds that Entra's device codes live."""
MINUTE: Final = 60.0


class Grant(Enum):
    """What was sent for tokens (RFC 6749 1.3, RFC 8628)."""

    DEVICE_CODE = "device code"
    AUTHORIZATION_CODE = "authorization code"
    REFRESH_TOKEN = "refresh token"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class ErrorContext:
    """What advice about an error depends on, besides the error.

    Attributes:
        grant: what was sent, or was to be; None where a program's own code did it.
        scopes: what was asked for.
        home_account_id: the account that the request was for, where it is known.
        expires_in: how long the device code lived, in seconds, where there was one.
    """

    grant: Grant | None = None
    scopes: tuple[str, ...] = ()
    home_account_id: str | None = None
    expires_in: float | None = None

    @property
    def lifetime(self) -> str:
        """Return how long the code lived, in words."""
        seconds = DEFAULT_LIFETIME if self.expires_in is None else self.expires_in
        return f"{seconds:.0f} seconds" if seconds < 2 * MINUTE else f"{seconds // MINUTE:.0f} minutes"
