"""Decide which tenant a token request goes to."""

from __future__ import annotations

from typing import Final

ANY_TENANT: Final = "*"
ORGANIZATIONS: Final = "organizations"
SHARED: Final = frozenset({ORGANIZATIONS, "common", "consumers"})
"""Names that stand for the tenant that the user belongs to, whichever that is."""

_ADFS: Final = "adfs"


def same_tenant(one: str, other: str) -> bool:
    """Tell whether two names are the same tenant's: case does not matter."""
    return one.lower() == other.lower()


def resolve_tenant(
    own: str,
    asked: str | None,
    allowed: tuple[str, ...],
    multitenant_disabled: bool,  # noqa: FBT001 - the last of the four facts that decide
) -> str | None:
    """Choose the tenant of one request, as azure-identity does.

    Args:
        own: the credential's tenant.
        asked: ``tenant_id`` of the request.
        allowed: ``additionally_allowed_tenants``; empty when no list was given.
        multitenant_disabled: whether AZURE_IDENTITY_DISABLE_MULTITENANTAUTH is set.

    Returns:
        The tenant; None if the requested one is not allowed.
    """
    if not asked or same_tenant(own, asked):
        return own
    if multitenant_disabled or same_tenant(own, _ADFS):
        return own
    if ANY_TENANT in allowed or any(same_tenant(asked, tenant) for tenant in allowed):
        return asked
    return asked if same_tenant(own, ORGANIZATIONS) and not allowed else None


def tenant_refused(asked: str) -> str:
    """Say why a tenant was refused, and what allows it."""
    return (
        f"this credential is not configured for tenant {asked}: to allow it, pass "
        f'additionally_allowed_tenants=["{asked}"], or ["*"] for every tenant'
    )


def resumed_elsewhere(asked: str, own: str) -> str:
    """Say that another credential began a sign-in, and how to resume it.

    Args:
        asked: the tenant of the sign-in.
        own: the tenant that this credential would ask.
    """
    return (
        f"this sign-in is for tenant {asked}, and this credential signs in to {own}: resume it with the tenant_id "
        "and the additionally_allowed_tenants of the credential that began it"
    )
