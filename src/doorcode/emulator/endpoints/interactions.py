"""Keep the state of each user's sign-in in the browser, under tickets that are valid for one form each.

There are no cookies. A form continues a sign-in if it contains the unguessable ticket of the last page; a form that is
sent twice, or by another site, has no valid ticket (RFC 9700 4.7.1).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doorcode.emulator._wire import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from doorcode.emulator.authority.directory import User


@dataclass(frozen=True, slots=True)
class Interaction:
    """One step of a user's sign-in in the browser.

    Args:
        action: the path of the form; a ticket is valid for this path only.
        client_id: the application; empty before the user has entered a code.
        parameters: the parameters of the authorization request; empty for a device code.
        device_code: the device code; empty for an authorization request.
        form_targets: further origins that a form may lead to, for the Content-Security-Policy.
        user: the user who was chosen.
    """

    action: str
    tenant_name: str = ""
    client_id: str = ""
    scope: str = ""
    parameters: Mapping[str, str] = field(default_factory=Fields)
    device_code: str = field(default="", repr=False)
    form_targets: tuple[str, ...] = ()
    user: User | None = None


@dataclass(slots=True)
class Interactions:
    """The open tickets."""

    _open: dict[str, Interaction] = field(default_factory=dict[str, Interaction], repr=False)

    def begin(self, interaction: Interaction) -> str:
        """Return a new ticket for the next form of an interaction."""
        ticket = secrets.token_urlsafe(24)
        self._open[ticket] = interaction
        return ticket

    def take(self, ticket: str, action: str) -> Interaction | None:
        """Return the interaction of a ticket, once; None when there is none, or for another path."""
        interaction = self._open.pop(ticket, None)
        return interaction if interaction is not None and interaction.action == action else None
