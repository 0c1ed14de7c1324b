"""The authority's directory: tenants, users and applications."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from doorcode.emulator.authority.settings import AZURE_CLI_CLIENT_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTOSO_TENANT_ID: Final = "c0de0000-0000-4000-8000-00000000c0de"
"""The tenant that every emulator starts with; its domains are ``contoso.example`` and ``contoso.onmicrosoft.com``."""
CONTOSO_DOMAINS: Final = ("contoso.example", "contoso.onmicrosoft.com")
"""Its domains; examples of sign-ins commonly name the latter."""
CONSUMERS_TENANT_ID: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of personal accounts, as at Entra."""
MULTI_TENANT: Final = frozenset({"adfs", "common", "organizations"})
"""Names in place of a tenant that stand for the home tenant of the user who signs in."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant: its GUID, its domain names and its display name."""

    tenant_id: str
    domains: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """A user: sign-in name, display name, object ID and home tenant, and the tenants with the user as a guest."""

    username: str
    name: str
    object_id: str
    tenant_id: str
    guest_of: tuple[str, ...] = ()

    @property
    def home_account_id(self) -> str:
        """Return ``uid.utid``, the account's identifier in MSAL's caches and in authentication records."""
        return f"{self.object_id}.{self.tenant_id}"

    def object_id_in(self, tenant_id: str) -> str:
        """Return the object ID in a tenant; a guest has another one in each tenant."""
        if tenant_id == self.tenant_id:
            return self.object_id
        return str(uuid.uuid5(uuid.UUID(self.object_id), tenant_id))


@dataclass(frozen=True, slots=True)
class Application:
    """A registered application.

    Args:
        client_id: its client ID.
        name: its display name.
        redirect_uris: the allowed URIs; loopback URIs may differ in the port (RFC 8252 7.3).
        public_client: whether it needs no secret; False refuses the device code flow.
    """

    client_id: str
    name: str
    redirect_uris: tuple[str, ...] = ()
    public_client: bool = True


@dataclass(slots=True)
class Directory:
    """Tenants, users and applications, found by the names in requests."""

    tenants: dict[str, Tenant] = field(default_factory=dict[str, Tenant])
    users: dict[str, User] = field(default_factory=dict[str, User])
    applications: dict[str, Application] = field(default_factory=dict[str, Application])

    def tenant(self, name: str) -> Tenant | None:
        """Return the tenant of a GUID, a domain name or ``consumers``."""
        wanted = CONSUMERS_TENANT_ID if name.lower() == "consumers" else name.lower()
        return next((t for t in self.tenants.values() if wanted == t.tenant_id or wanted in t.domains), None)

    def user(self, username: str) -> User | None:
        """Return the user of a sign-in name, in any case of letters."""
        return self.users.get(username.lower())

    def realm(self, tenant_name: str, user: User) -> str | None:
        """Return the GUID of the tenant that signs ``user`` in for a request at ``tenant_name``.

        Returns:
            The home tenant at ``common`` and ``organizations``; the named tenant if the user is a member or guest
            there; None if the user may not sign in, such as a personal account at ``organizations``.
        """
        if tenant_name.lower() in MULTI_TENANT:
            personal = user.tenant_id == CONSUMERS_TENANT_ID
            return None if personal and tenant_name.lower() == "organizations" else user.tenant_id
        tenant = self.tenant(tenant_name)
        if tenant is None or tenant.tenant_id not in (user.tenant_id, *user.guest_of):
            return None
        return tenant.tenant_id

    def candidates(self, tenant_name: str) -> tuple[User, ...]:
        """Return the users who may sign in at a tenant, in the order of their addition."""
        return tuple(user for user in self.users.values() if self.realm(tenant_name, user) is not None)

    def add_tenant(self, tenant_id: str | None, domains: tuple[str, ...], name: str) -> Tenant:
        """Add a tenant; without an ID it gets a new GUID. Its domains are no other tenant's from then on."""
        given = (tenant_id or str(uuid.uuid4())).lower()
        taken = {domain.lower() for domain in domains}
        for other in self.tenants.values():
            left = tuple(domain for domain in other.domains if domain not in taken)
            self.tenants[other.tenant_id] = replace(other, domains=left)
        tenant = Tenant(given, tuple(domain.lower() for domain in domains), name or (domains[0] if domains else given))
        self.tenants[given] = tenant
        return tenant

    def add_user(self, user: User) -> User:
        """Add a user, or replace the user with the same sign-in name."""
        self.users[user.username.lower()] = user
        return user

    def rename(self, user: User, username: str) -> User:
        """Give a user another sign-in name; the object ID stays."""
        del self.users[user.username.lower()]
        return self.add_user(replace(user, username=username))


def contoso() -> Directory:
    """Return the directory of a new emulator: one organization, two users, one well-known application."""
    directory = Directory()
    directory.add_tenant(CONTOSO_TENANT_ID, CONTOSO_DOMAINS, "Contoso")
    directory.add_tenant(CONSUMERS_TENANT_ID, (), "Personal accounts")
    users: Mapping[str, str] = {
        "Ada Lovelace": "a0a0a0a0-0000-4000-8000-00000000ada0",
        "Grace Hopper": "a0a0a0a0-0000-4000-8000-00000009ace0",
    }
    for name, object_id in users.items():
        username = f"{name.split()[0].lower()}@contoso.example"
        directory.add_user(User(username, name, object_id, CONTOSO_TENANT_ID))
    directory.applications[AZURE_CLI_CLIENT_ID] = Application(AZURE_CLI_CLIENT_ID, "Microsoft Azure CLI")
    return directory
