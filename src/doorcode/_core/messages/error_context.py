"""The context of a refused request: the same error has another meaning in another flow."""

from __future__ import annotations

from enum import Enum
from typing import Final

from doorcode._core.replies.device_code import DEFAULT_EXPIRES_IN
from doorcode._core.values import value_class

MINUTE: Final = 60.0


class GrantType(Enum):
    """The grant that was sent for tokens (RFC 6749 1.3, RFC 8628)."""

    DEVICE_CODE = "device code"
    AUTHORIZATION_CODE = "authorization code"
    REFRESH_TOKEN = "refresh token"  # noqa: S105 - a name


@value_class(frozen=True, slots=True)
class ErrorContext:
    """What advice about an error depends on, besides the error.

    Attributes:
        grant: the grant that was sent, or would have been; None if the program's own code sent it.
        scopes: the requested scopes.
        home_account_id: the account of the request, if it is known.
        expires_in: how long the device code was valid, in seconds, if there was one.
    """

    grant: GrantType | None = None
    scopes: tuple[str, ...] = ()
    home_account_id: str | None = None
    expires_in: float | None = None

    @property
    def lifetime(self) -> str:
        """Return how long the code was valid, in words."""
        seconds = DEFAULT_EXPIRES_IN if self.expires_in is None else self.expires_in
        return f"{seconds:.0f} seconds" if seconds < 2 * MINUTE else f"{seconds // MINUTE:.0f} minutes"
