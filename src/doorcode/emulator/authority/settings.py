"""The settings of the authority, as one frozen value that tests replace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypedDict

AZURE_CLI_CLIENT_ID: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The public client that Azure's developer tools share; always registered."""
LONGEST: Final = 10**9
"""Seconds, about 31 years: no duration is longer."""
_DURATIONS: Final[dict[str, tuple[str | None, ...]]] = {
    "interval": (None,),
    "expires_in": (),
    "access_token_lifetime": (),
    "cae_lifetime": (),
    "refresh_token_lifetime": (),
    "refresh_in": (None, "auto"),
}
"""The durations, and what may stand in place of a number."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the authority; all durations are whole seconds.

    Args:
        interval: the polling interval in the device code reply; None leaves it out (RFC 8628 3.2).
        expires_in: the validity of device codes and user codes.
        message: a text for the user, with the placeholders ``{verification_uri}`` and ``{user_code}``.
        access_token_lifetime: the validity of access tokens.
        cae_lifetime: the validity of access tokens for clients that handle claims challenges (capability ``CP1``).
        refresh_token_lifetime: the validity of refresh tokens.
        refresh_in: seconds after which a client should refresh a token early. ``"auto"``: half of a lifetime of two
            hours or more, as at Entra; None leaves it out.
        rotation: ``"allow"``: a refresh token can be used again, as at Entra. ``"reject"``: a second use gives
            ``invalid_grant`` (RFC 9700 4.14.2).
        enforce_interval: whether a poll before the interval gets ``slow_down``, which adds 5 s to the interval.
        family_id: the ``foci`` of token replies; None leaves it out.
        strict: whether unregistered client IDs and redirect URIs are refused. If False, an application without
            redirect URIs may use any on loopback.
    """

    interval: int | None = 5
    expires_in: int = 900
    message: str | None = None
    access_token_lifetime: int = 3600
    cae_lifetime: int = 86400
    refresh_token_lifetime: int = 90 * 86400
    refresh_in: int | Literal["auto"] | None = "auto"
    rotation: Literal["allow", "reject"] = "allow"
    enforce_interval: bool = False
    family_id: str | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        """Check the numbers and the choices.

        Raises:
            TypeError: a duration is no int.
            ValueError: a duration is negative or too long, or ``rotation`` is another word.
        """
        for name, others in _DURATIONS.items():
            value: object = getattr(self, name)
            if value is None or isinstance(value, str):
                if value not in others:
                    raise TypeError(f"{name} must be a whole number of seconds, not {value!r}")
                continue
            check_int(name, value, LONGEST)
        if self.rotation not in {"allow", "reject"}:
            raise ValueError(f"rotation must be 'allow' or 'reject', not {self.rotation!r}")


def check_int(name: str, value: object, at_most: int, at_least: int = 0) -> None:
    """Check a whole number.

    Raises:
        TypeError: it is no int.
        ValueError: it is less than ``at_least``, or more than ``at_most``.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {type(value).__name__}")
    if not at_least <= value <= at_most:
        raise ValueError(f"{name} must be from {at_least} to {at_most}")


class SettingsOptions(TypedDict, total=False):
    """The fields of `Settings`, as keyword arguments."""

    interval: int | None
    expires_in: int
    message: str | None
    access_token_lifetime: int
    cae_lifetime: int
    refresh_token_lifetime: int
    refresh_in: int | Literal["auto"] | None
    rotation: Literal["allow", "reject"]
    enforce_interval: bool
    family_id: str | None
    strict: bool
