"""The grants that the authority issues (device codes, authorization codes, refresh tokens), and its policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, cast

from doorcode.emulator._errors import EntraError
from doorcode.emulator.authority.claims import covers
from doorcode.emulator.authority.settings import LONGEST, check_int

SLOW_DOWN_SECONDS: Final = 5
"""The seconds that each ``slow_down`` adds to the interval (RFC 8628 3.5)."""


class Answer(Enum):
    """The user's answer to a device code."""

    NONE = "none"
    APPROVED = "approved"
    DECLINED = "declined"
    REDEEMED = "redeemed"


@dataclass(frozen=True, slots=True)
class IssuedDeviceCode:
    """A device code and the request that it was issued for; times are Unix seconds.

    Args:
        account: the home account ID of the user who approved it.
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
    """An authorization code and the request that it was issued for (RFC 6749 4.1.2, RFC 7636)."""

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
    """A refresh token.

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


_CLAIMS: Final = "{'access_token': {'acrs': {'essential': True, 'value': 'c1'}}}"


@dataclass(frozen=True, slots=True)
class Policy:
    """A Conditional Access policy: the requests that it applies to, and the claims that their sign-in must meet.

    Args:
        number: Entra's number of the error, such as 50076 (multi-factor) or 53003 (blocked).
        claims: the claims request that meets the policy, which the error carries; an empty one blocks every sign-in.
        error: the OAuth code of the error.
        suberror: Entra's more specific code, or None.
        user: the sign-in name that the policy applies to; None for any, as for the next three.
        tenant_id: the tenant that the policy applies to.
        client_id: the application that the policy applies to.
        resource: the resource that the policy applies to.
    """

    number: int = 50076
    claims: Mapping[str, object] = field(default_factory=dict[str, object])
    error: str = "interaction_required"
    suberror: str | None = "basic_action"
    user: str | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    resource: str | None = None

    def __post_init__(self) -> None:
        """Check the values, which would otherwise fail in the first request.

        Raises:
            TypeError: a value has the wrong type.
            ValueError: ``claims`` cannot be written as JSON, or ``number`` is negative or too long.
        """
        check_int("number", self.number, LONGEST)
        if not isinstance(cast("object", self.claims), Mapping):
            raise TypeError(f"claims must be a mapping such as {_CLAIMS}, not {type(self.claims).__name__}")
        try:
            json.dumps(dict(self.claims))
        except (TypeError, ValueError) as error:
            raise ValueError(f"claims must be what JSON can hold, such as {_CLAIMS}: {error}") from error
        for name in ("error", "suberror", "user", "tenant_id", "client_id", "resource"):
            value: object = getattr(self, name)
            if not isinstance(value, str) and (value is not None or name == "error"):
                raise TypeError(f"{name} must be a string, not {type(value).__name__}")

    def refusal(self, subject: Mapping[str, str], claims: Mapping[str, object]) -> EntraError | None:
        """Return the error for a token request that does not meet this policy; None if it does, or is not affected.

        Args:
            subject: the request's ``user``, ``tenant_id``, ``client_id`` and ``resource``.
            claims: the claims request of its sign-in.
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
