"""The authority without a network: its state behind a lock, and the actions of users and administrators."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from typing_extensions import Unpack

from doorcode.emulator._approver import PromptApprover
from doorcode.emulator._wire import Request, Response
from doorcode.emulator.authority.directory import CONTOSO_TENANT_ID, Application, Tenant, User
from doorcode.emulator.authority.grants import Answer, IssuedDeviceCode, Policy
from doorcode.emulator.authority.settings import Settings, SettingsOptions
from doorcode.emulator.authority.state import AutoApprover, State
from doorcode.emulator.authority.tokens import Signer
from doorcode.emulator.endpoints.context import Context
from doorcode.emulator.endpoints.pages import Pages
from doorcode.emulator.endpoints.routes import respond

Who: TypeAlias = User | str | None
"""A user, a sign-in name, or None for the first user who may sign in."""


@dataclass(frozen=True, slots=True)
class ClaimsChallenge:
    """The claims challenge of a resource, which it sends with 401 for a token that it no longer accepts (CAE).

    Args:
        claims: the claims request as JSON, for ``get_token(claims=...)``.
        header: the value of ``WWW-Authenticate``.
    """

    claims: str
    header: str


class Authority:
    """The state of the authority, and the actions on it; thread-safe.

    Args:
        settings: the initial settings, which `reset` restores.
        clock: returns Unix seconds, for everything but the request log.
        url: the scheme, host and port, for claims challenges.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float], url: str = "https://127.0.0.1") -> None:
        self.url = url
        self._clock = clock
        self._initial = settings
        self._lock = threading.RLock()
        self._context = Context(State(clock, settings), Signer(), Pages())

    def respond(self, request: Request) -> Response:
        """Return the answer to a request."""
        with self._lock:
            return respond(self._context, request)

    def reset(self) -> None:
        """Forget added users, codes, tokens, policies and settings; keep the signing key."""
        with self._lock:
            self._context = replace(self._context, state=State(self._clock, self._initial))

    # Settings and policies

    @property
    def settings(self) -> Settings:
        """Return the present settings."""
        return self._state.settings

    def configure(self, **changes: Unpack[SettingsOptions]) -> Settings:
        """Change settings; see `Settings` for the names."""
        with self._lock:
            self._state.settings = replace(self._state.settings, **changes)
            return self._state.settings

    def require(self, policy: Policy) -> Policy:
        """Add a Conditional Access policy.

        Raises:
            TypeError: it is no Policy.
        """
        if not isinstance(cast("object", policy), Policy):
            raise TypeError(f"require() takes a Policy, not {type(policy).__name__}")
        with self._lock:
            self._state.policies.append(policy)
        return policy

    # Tenants, users and applications

    @property
    def tenant_id(self) -> str:
        """Return the GUID of the tenant that every emulator has."""
        return CONTOSO_TENANT_ID

    @property
    def users(self) -> Mapping[str, User]:
        """Return the users by sign-in name."""
        with self._lock:
            return dict(self._state.directory.users)

    @property
    def tenants(self) -> Mapping[str, Tenant]:
        """Return the tenants by GUID."""
        with self._lock:
            return dict(self._state.directory.tenants)

    def add_tenant(self, *domains: str, tenant_id: str | None = None, name: str = "") -> Tenant:
        """Add a tenant with the domain names that stand for it, and for no other; without an ID it gets a new GUID."""
        with self._lock:
            return self._state.directory.add_tenant(tenant_id, domains, name)

    def add_user(
        self,
        username: str,
        *,
        name: str | None = None,
        tenant: str = CONTOSO_TENANT_ID,
        guest_of: tuple[str, ...] = (),
        object_id: str | None = None,
    ) -> User:
        """Add a user.

        Args:
            username: the sign-in name, which tokens carry as ``preferred_username``.
            name: the display name; by default the sign-in name.
            tenant: the GUID or domain name of the home tenant; ``consumers`` makes a personal account.
            guest_of: the GUIDs or domain names of tenants in which the user is a guest.
            object_id: the user's GUID; by default a new one.

        Raises:
            LookupError: a tenant does not exist.
        """
        with self._lock:
            user = User(
                username=username,
                name=name or username,
                object_id=object_id or str(uuid.uuid4()),
                tenant_id=self._tenant_id(tenant),
                guest_of=tuple(self._tenant_id(guest) for guest in guest_of),
            )
            return self._state.directory.add_user(user)

    def rename_user(self, user: User | str, username: str) -> User:
        """Give a user another sign-in name; the account and its tokens stay."""
        with self._lock:
            return self._state.directory.rename(self._user(user), username)

    def add_application(
        self,
        client_id: str,
        *,
        name: str | None = None,
        redirect_uris: tuple[str, ...] = (),
        public_client: bool = True,
    ) -> Application:
        """Register an application; with ``public_client`` False the device code flow is refused (AADSTS7000218)."""
        application = Application(client_id, name or client_id, redirect_uris, public_client)
        with self._lock:
            self._state.directory.applications[client_id] = application
        return application

    # Actions of users

    @property
    def user_codes(self) -> tuple[str, ...]:
        """Return the user codes that wait for an answer, oldest first."""
        with self._lock:
            codes = self._state.device_codes.values()
            return tuple(code.user_code for code in codes if code.answer is Answer.NONE)

    def approve(self, user_code: str, user: Who = None) -> None:
        """Approve a code, as a user does on the device login page; do nothing if it is approved already.

        Raises:
            LookupError: there is no such code or user, or the code was declined.
        """
        with self._lock:
            code = self._code(user_code, Answer.NONE, Answer.APPROVED, Answer.REDEEMED)
            approver = self._user_or_first(code.tenant_name, user)
            if code.answer is Answer.NONE:
                self._state.answer(code, Answer.APPROVED, approver)

    def decline(self, user_code: str) -> None:
        """Decline a code, as a user does on the device login page.

        Raises:
            LookupError: there is no such code, or it has been answered.
        """
        with self._lock:
            self._state.answer(self._code(user_code, Answer.NONE), Answer.DECLINED)

    def approve_all(self, user: Who = None) -> None:
        """Approve all waiting and all later sign-ins at once, including those in the browser."""
        username = user.username if isinstance(user, User) else user
        with self._lock:
            if user is not None:
                self._user(user)
            self._state.auto_approver = AutoApprover(username)
            for user_code in self.user_codes:
                self.approve(user_code, user)

    def approve_none(self) -> None:
        """Stop the approvals that `approve_all` started."""
        with self._lock:
            self._state.auto_approver = None

    def prompt_approver(self, user: Who = None) -> PromptApprover:
        """Return a ``prompt_callback`` that approves every code that a credential shows."""
        return PromptApprover(lambda user_code: self.approve(user_code, user))

    # Actions of administrators and resources

    def revoke(self, user: User | str) -> None:
        """Revoke a user's sign-ins, so that the refresh tokens so far give ``invalid_grant`` (AADSTS50173).

        Access tokens stay valid, but a resource with CAE can check them with `is_revoked`.
        """
        with self._lock:
            self._state.revoke(self._user(user))

    def claims_challenge(self) -> ClaimsChallenge:
        """Return the challenge with which a resource refuses tokens that were issued before now (CAE).

        https://learn.microsoft.com/entra/identity-platform/claims-challenge
        """
        claims = json.dumps({"access_token": {"nbf": {"essential": True, "value": str(int(self._clock()))}}})
        encoded = base64.b64encode(claims.encode()).decode()
        header = (
            f'Bearer realm="", authorization_uri="{self.url}/common/oauth2/authorize", '
            f'error="insufficient_claims", claims="{encoded}"'
        )
        return ClaimsChallenge(claims, header)

    def verify(self, access_token: str) -> Mapping[str, object]:
        """Return the claims of an access token, as a resource would after checking the signature.

        Raises:
            ValueError: this authority has not issued the token. Times and audience are not checked.
        """
        return self._context.signer.verify(access_token)

    def is_revoked(self, access_token: str) -> bool:
        """Tell whether the user of an access token was revoked after it was issued.

        Raises:
            ValueError: this authority has not issued the token.
        """
        with self._lock:
            return self.verify(access_token)["uti"] not in self._state.access_tokens

    @property
    def _state(self) -> State:
        return self._context.state

    def _tenant_id(self, name: str) -> str:
        tenant = self._state.directory.tenant(name)
        if tenant is None:
            message = f"no tenant {name!r}: add it first with add_tenant"
            raise LookupError(message)
        return tenant.tenant_id

    def _user(self, user: User | str) -> User:
        return self._state.user_or_first("", user.username if isinstance(user, User) else user)

    def _user_or_first(self, tenant_name: str, user: Who) -> User:
        return self._state.user_or_first(tenant_name) if user is None else self._user(user)

    def _code(self, user_code: str, *answers: Answer) -> IssuedDeviceCode:
        code = self._state.device_code_of(user_code)
        if code is None or code.answer not in answers:
            message = "no sign-in is waiting for this user code"
            raise LookupError(message)
        return code
