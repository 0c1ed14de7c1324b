"""The simulated authority: accounts whose refresh tokens rotate and may be used once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from doorcode._core.model import TokenRequest, Tokens
from doorcode._core.msal_cache.rows import stored_token
from doorcode._core.replies.device_code import DeviceCode
from doorcode._core.replies.identity import Identity
from doorcode._core.replies.service_errors import ServiceError
from doorcode._core.secret import SecretDict
from support import rows
from support.virtual import code as device_code

if TYPE_CHECKING:
    from simulation.world import SimProcess, World

LIFETIME = 3600
"""Seconds for which an access token is valid."""
LONG_STOP = 60.0
"""Seconds of being stopped after which other processes may have passed a process by: a lease lasts longer than that."""


@dataclass(frozen=True)
class Grant:
    """What one sign-in of a user gave: all tokens that descend from it."""

    user: str
    number: int


@dataclass
class Spent:
    """A refresh token that was redeemed: by whom, when, and whether the reply was lost."""

    process: SimProcess
    at: float
    lost: bool = False


@dataclass(frozen=True)
class _Code:
    """A device code: when its user answers, until when it lives, and whose it is."""

    approved: float
    lapses: float
    user: str


@dataclass
class SimAuthority:
    """Answer requests; remember which refresh tokens were sent a second time without need.

    Attributes:
        usable: the refresh tokens that may be redeemed, each with its grant.
        spent: those that were.
        access_tokens: all of them, each with its grant.
        issued_at: when each refresh token was issued.
        double_spends: what should not have been sent.
    """

    world: World
    issued: int = 0
    usable: dict[str, Grant] = field(default_factory=dict)
    spent: dict[str, Spent] = field(default_factory=dict)
    access_tokens: dict[str, Grant] = field(default_factory=dict)
    issued_at: dict[str, float] = field(default_factory=dict)
    codes: dict[str, _Code] = field(default_factory=dict)
    double_spends: list[str] = field(default_factory=list)

    def code(self, user: str) -> DeviceCode:
        """Issue a device code that a user will answer after some time."""
        world = self.world
        self.issued += 1
        name = f"DC{self.issued}"
        wait = world.random.uniform(3, 60) if not world.chance(world.odds.slow) else 2000.0
        self.codes[name] = _Code(world.now + wait, world.now + 900, user)
        return replace(device_code(5, 900, name), expires_on=world.wall + 900)

    def poll(self, code: DeviceCode, request: TokenRequest) -> Tokens | ServiceError:
        """Answer a poll (RFC 8628 3.5)."""
        name = code.device_code.reveal()
        if name not in self.codes:
            return ServiceError("bad_verification_code")
        known = self.codes[name]
        if self.world.now > known.lapses:
            return ServiceError("expired_token")
        if self.world.now < known.approved:
            return ServiceError("authorization_pending")
        del self.codes[name]
        if self.world.chance(self.world.odds.decline):
            return ServiceError("authorization_declined")
        self.issued += 1
        return self._issue(request, Grant(known.user, self.issued))

    def redeem(self, secret: str, request: TokenRequest, process: SimProcess) -> Tokens | ServiceError:
        """Redeem a refresh token, once."""
        if secret in self.spent:
            first = self.spent[secret]
            if not (first.lost or self._is_excused(secret, first, process)):
                what = f"{secret}, at {first.at:.2f} by {first.process.name}, then by {process.name}"
                self.double_spends.append(what)
            return ServiceError("invalid_grant")
        if secret not in self.usable:
            return ServiceError("invalid_grant")
        self.spent[secret] = Spent(process, self.world.now)
        return self._issue(request, self.usable.pop(secret))

    def _is_excused(self, secret: str, first: Spent, process: SimProcess) -> bool:
        """Tell whether a process cannot have known that a refresh token was spent."""
        return (
            not (first.process.alive and process.alive)
            or first.process.was_stopped_for(LONG_STOP, since=first.at - LONG_STOP)
            or process.was_stopped_for(LONG_STOP, since=first.at - LONG_STOP)
            or (first.process.node != process.node and not self.world.on_server)
            # What brought the newer token may be lost with a copy, or not stored yet, or the lease was lost before.
            or self.world.was_disturbed(since=first.at - LONG_STOP)
            # A sign-in that is stored after an outage seems to be the newest, by a clock that was set back since.
            or (bool(self.world.disturbed) and self.world.set_back_at > self.issued_at[secret])
        )

    def _issue(self, request: TokenRequest, grant: Grant) -> Tokens:
        self.issued += 1
        access, refresh = f"AT{self.issued}", f"RT{self.issued}"
        self.issued_at[refresh] = self.world.now
        self.usable[refresh] = self.access_tokens[access] = grant
        made = _rows(grant.user, " ".join(request.scopes), access, refresh, int(self.world.wall))
        token = stored_token(next(iter(made["AccessToken"].values())))
        assert token is not None
        return Tokens(token, Identity(account_of(grant.user), rows.TENANT, _name_of(grant.user)), SecretDict(), made)


def account_of(user: str) -> str:
    """Return the home_account_id of a user."""
    return f"{user}.{rows.ACCOUNT.partition('.')[2]}"


def _name_of(user: str) -> str:
    return f"{user}@contoso.example"


def _rows(user: str, scope: str, access_token: str, refresh_token: str, now: int) -> dict[str, dict[str, Any]]:
    """Return the rows that MSAL makes of a reply, without asking MSAL for each reply."""
    expiry = str(now + LIFETIME)
    fields = {
        "AccessToken": {
            "secret": access_token, "cached_at": str(now), "expires_on": expiry, "extended_expires_on": expiry,
        },
        "RefreshToken": {"secret": refresh_token, "last_modification_time": str(now)},
    }  # fmt: skip
    return {
        section: {key: {**row, **fields.get(section, {})} for key, row in each.items()}
        for section, each in _rows_of_msal(user, scope).items()
    }


@cache
def _rows_of_msal(user: str, scope: str) -> dict[str, dict[str, Any]]:
    return rows.rows(
        0.0, scope=scope, expires_in=LIFETIME, account=account_of(user), username=_name_of(user), realm=rows.TENANT
    )
