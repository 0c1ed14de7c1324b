"""The authority's mutable state: the grants that it has issued, and their users and answers."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from doorcode.emulator._errors import (
    RefusedError,
    bad_verification_code,
    missing_parameter,
    not_in_tenant,
    unknown_application,
)
from doorcode.emulator.authority.directory import Application, Directory, User, contoso
from doorcode.emulator.authority.grants import Answer, AuthorizationCode, IssuedDeviceCode, Policy, RefreshToken
from doorcode.emulator.authority.settings import Settings
from doorcode.emulator.endpoints.interactions import Interactions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXYZ"
"""The letters of user codes, without lookalikes, and without vowels, which could form words (RFC 8628 6.1)."""
USER_CODE_LENGTH: Final = 9
AUTHORIZATION_CODE_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class AutoApprover:
    """Approve every sign-in as soon as it begins, as one user or as the first user who may sign in."""

    username: str | None = None


@dataclass(slots=True)
class State:
    """Everything that changes while the authority runs; not thread-safe by itself.

    Args:
        clock: returns Unix seconds.
    """

    clock: Callable[[], float]
    settings: Settings = field(default_factory=Settings)
    directory: Directory = field(default_factory=contoso)
    policies: list[Policy] = field(default_factory=list[Policy])
    auto_approver: AutoApprover | None = None
    interactions: Interactions = field(default_factory=Interactions)
    device_codes: dict[str, IssuedDeviceCode] = field(default_factory=dict[str, IssuedDeviceCode])
    authorization_codes: dict[str, AuthorizationCode] = field(default_factory=dict[str, AuthorizationCode])
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict[str, RefreshToken])
    access_tokens: dict[str, str] = field(default_factory=dict[str, str])
    """The home account ID for the ``uti`` of each access token that was not revoked."""

    def issue_device_code(
        self, client_id: str, tenant_name: str, scope: str, claims: Mapping[str, object]
    ) -> IssuedDeviceCode:
        """Issue a device code, which is approved at once if an auto-approver is set."""
        user_code = "".join(secrets.choice(ALPHABET) for _ in range(USER_CODE_LENGTH))
        code = IssuedDeviceCode(
            device_code=f"emulated-device-code.{secrets.token_urlsafe(48)}",
            user_code=user_code,
            client_id=client_id,
            tenant_name=tenant_name,
            scope=scope,
            claims=claims,
            expires_on=self.clock() + self.settings.expires_in,
            interval=5 if self.settings.interval is None else self.settings.interval,
        )
        self.device_codes[code.device_code] = code
        if self.auto_approver is not None:
            with suppress(LookupError):
                self.answer(code, Answer.APPROVED, self.user_or_first(tenant_name, self.auto_approver.username))
        return self.device_codes[code.device_code]

    def device_code_of(self, user_code: str) -> IssuedDeviceCode | None:
        """Return the device code for a user code as the user types it: in any case, with spaces or dashes."""
        typed = "".join(character for character in user_code.upper() if character.isalnum())
        return next((code for code in self.device_codes.values() if code.user_code == typed), None)

    def device_code(self, text: str, client_id: str) -> IssuedDeviceCode:
        """Return a device code that was issued to a client, or refuse the request."""
        code = self.device_codes.get(text)
        if code is None or code.client_id != client_id:
            raise RefusedError(bad_verification_code())
        return code

    def answer(self, code: IssuedDeviceCode, answer: Answer, user: User | None = None) -> None:
        """Record the user's answer."""
        known = self.device_codes[code.device_code]
        account = known.account if user is None else user.home_account_id
        self.device_codes[code.device_code] = replace(known, answer=answer, account=account)

    def polled(self, code: IssuedDeviceCode, interval: int) -> None:
        """Record the time of a poll, and the interval from now on."""
        known = self.device_codes[code.device_code]
        self.device_codes[code.device_code] = replace(known, interval=interval, last_poll_on=self.clock())

    def issue_authorization_code(
        self, user: User, tenant_name: str, claims: Mapping[str, object], parameters: Mapping[str, str]
    ) -> AuthorizationCode:
        """Issue an authorization code for the parameters of an authorization request."""
        code = AuthorizationCode(
            code=f"emulated-code.{secrets.token_urlsafe(48)}",
            client_id=parameters["client_id"],
            tenant_name=tenant_name,
            scope=parameters["scope"],
            claims=claims,
            expires_on=self.clock() + AUTHORIZATION_CODE_SECONDS,
            account=user.home_account_id,
            redirect_uri=parameters["redirect_uri"],
            code_challenge=parameters.get("code_challenge"),
            nonce=parameters.get("nonce"),
        )
        self.authorization_codes[code.code] = code
        return code

    def issue_refresh_token(self, user: User, client_id: str, claims: Mapping[str, object]) -> RefreshToken:
        """Issue a refresh token, which is valid for all resources and tenants of the user."""
        token = RefreshToken(
            token=f"1.emulated-refresh-token.{secrets.token_urlsafe(48)}",
            client_id=client_id,
            account=user.home_account_id,
            claims=claims,
            expires_on=self.clock() + self.settings.refresh_token_lifetime,
        )
        self.refresh_tokens[token.token] = token
        return token

    def issue_access_token_id(self, user: User) -> str:
        """Return a new ``uti``, which is valid until the user's sign-ins are revoked."""
        uti = secrets.token_urlsafe(16)
        self.access_tokens[uti] = user.home_account_id
        return uti

    def revoke(self, user: User) -> None:
        """Revoke all tokens that were issued to a user so far."""
        account = user.home_account_id
        self.access_tokens = {uti: owner for uti, owner in self.access_tokens.items() if owner != account}
        for token in self.refresh_tokens.values():
            if token.account == account:
                self.refresh_tokens[token.token] = replace(token, revoked=True)

    def user_of(self, account: str) -> User:
        """Return the user of a home account ID, with the present sign-in name."""
        return next(user for user in self.directory.users.values() if user.home_account_id == account)

    def user_or_first(self, tenant_name: str, username: str | None = None) -> User:
        """Return the named user, or the first user who may sign in at the tenant.

        Raises:
            LookupError: there is no such user.
        """
        if username is not None:
            user = self.directory.user(username)
            if user is None:
                message = f"no user {username!r}; there are {', '.join(self.directory.users)} (add_user adds one)"
                raise LookupError(message)
            return user
        candidates = self.directory.candidates(tenant_name)
        if not candidates:
            message = f"no user may sign in at {tenant_name!r}: add one with add_user"
            raise LookupError(message)
        return candidates[0]

    def realm(self, tenant_name: str, user: User) -> str:
        """Return the GUID of the tenant that signs the user in, or refuse the request."""
        realm = self.directory.realm(tenant_name, user)
        if realm is None:
            raise RefusedError(not_in_tenant(user.username, tenant_name))
        return realm

    def application(self, client_id: str | None, tenant_name: str) -> Application:
        """Return the application of a client ID; if it is unknown, a placeholder, or a refusal with ``strict``."""
        if not client_id:
            raise RefusedError(missing_parameter("client_id"))
        known = self.directory.applications.get(client_id)
        if known is None and self.settings.strict:
            raise RefusedError(unknown_application(client_id, tenant_name))
        return known or Application(client_id, f"Application {client_id}")
