"""Say how the authority behaves, as one frozen value that tests replace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypedDict

AZURE_CLI_CLIENT_ID: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The public client that Azure's developer tools share; always registered."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Hold every choice of the authority; all durations are whole seconds.

    Args:
        interval: seconds between polls that the device code reply asks for; None leaves it out (RFC 8628 3.2).
        expires_in: validity of device codes and user codes.
        message: text for the user, in which ``{verification_uri}`` and ``{user_code}`` are filled in.
        access_token_lifetime: validity of access tokens.
        cae_lifetime: validity of access tokens for clients that handle claims challenges (capability ``CP1``).
        refresh_token_lifetime: validity of refresh tokens.
        refresh_in: seconds until a client should refresh ahead of time. ``"auto"``: half of a lifetime of two hours
            or more, as Entra does; None: never said.
        rotation: ``"allow"``: a refresh token can be used again, as at Entra. ``"reject"``: a second use is
            ``invalid_grant`` (RFC 9700 4.14.2).
        enforce_interval: answer ``slow_down`` to a poll that comes too early, and add 5 s to its interval.
        family_id: the ``foci`` of token replies; None leaves it out.
        strict: refuse client IDs and redirect URIs that were not registered. Without it, an application without
            redirect URIs of its own may use any on loopback.
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


class SettingsOptions(TypedDict, total=False):
    """Name the fields of `Settings` as keyword arguments."""

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
