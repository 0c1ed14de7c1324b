"""Name what the authority hands out: device codes, authorization codes, refresh tokens, and the policies on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from doorcode.emulator._errors import EntraError
from doorcode.emulator.authority.claims import covers

if TYPE_CHECKING:
    from collections.abc import Mapping

SLOW_DOWN_SECONDS: Final = 5
"""What each ``slow_down`` adds to the interval (RFC 8628 3.5)."""


class Answer(Enum):
    """Say what the user answered to a device code."""

    NONE = "none"
    APPROVED = "approved"
    DECLINED = "declined"
    REDEEMED = "redeemed"


@dataclass(frozen=True, slots=True)
class IssuedDeviceCode:
    """Hold a device code and the request that it was issued for; instants are Unix seconds.

    Args:
        account: the home account ID of whoever approved it.
        last_poll_on: when the last poll was answered.
    """

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    client_id: str
    tenant_name: str
    scope: str
    claims: Mapping[str, object]
    expires_on: float
    interval: int
    answer: Answer = Answer.NONE
    account: str | None = None
    last_poll_on: float | None = None


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """Hold an authorization code and the request that it was issued for (RFC 6749 4.1.2, RFC 7636)."""

    code: str = field(repr=False)
    client_id: str
    tenant_name: str
    scope: str
    claims: Mapping[str, object]
    expires_on: float
    account: str
    redirect_uri: str
    code_challenge: str | None
    nonce: str | None
    redeemed: bool = False


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Hold a refresh token.

    Args:
        claims: the claims request that its sign-in met.
    """

    token: str = field(repr=False)
    client_id: str
    account: str
    claims: Mapping[str, object]
    expires_on: float
    spent: bool = False
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """Hold a Conditional Access policy: whom it is for, and what a sign-in must have been asked for to get a token.

    Args:
        number: Entra's number of the error, such as 50076 (multi-factor) or 53003 (blocked).
        claims: the claims request that meets it, which the error carries; empty: nothing meets it.
        error: the OAuth code of the error.
        user: a sign-in name, ``tenant_id``, ``client_id``, ``resource``: None stands for any.
    """

    number: int = 50076
    claims: Mapping[str, object] = field(default_factory=dict[str, object])
    error: str = "interaction_required"
    suberror: str | None = "basic_action"
    user: str | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    resource: str | None = None

    def refusal(self, subject: Mapping[str, str], claims: Mapping[str, object]) -> EntraError | None:
        """Return the error for a token request that this policy is for and that does not meet it.

        Args:
            subject: the request's ``user``, ``tenant_id``, ``client_id`` and ``resource``.
            claims: what its sign-in was asked for.
        """
        rules = {
            "user": self.user,
            "tenant_id": self.tenant_id,
            "client_id": self.client_id,
            "resource": self.resource,
        }
        applies = all(rule is None or rule.lower() == subject[name].lower() for name, rule in rules.items())
        if not applies or covers(claims, self.claims):
            return None
        words = "A Conditional Access policy asks for more than this sign-in has shown."
        return EntraError(self.error, self.number, words, suberror=self.suberror, claims=self.claims or None)
