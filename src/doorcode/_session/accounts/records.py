"""The accounts in a token cache, as records that a program can choose from."""

from __future__ import annotations

from doorcode._core.msal_cache.lookup import Account, accounts
from doorcode._core.msal_cache.rows import State
from doorcode._core.replies.identity import Identity
from doorcode._core.tenants import SHARED
from doorcode._record import AuthenticationRecord


def records_of(
    state: State, client_id: str, environments: frozenset[str], authority: str
) -> tuple[AuthenticationRecord, ...]:
    """Return a record for each account that an application can use silently.

    Args:
        state: what the cache holds.
        client_id: the application.
        environments: the authority's host and its aliases.
        authority: the authority that the records name, host or host:port.
    """
    return tuple(record_of(account, client_id, authority) for account in accounts(state, client_id, environments))


def record_for(identity: Identity, client_id: str, authority: str) -> AuthenticationRecord:
    """Return the record of an account that signed in."""
    return AuthenticationRecord(identity.tenant_id, client_id, authority, identity.home_account_id, identity.username)


def record_of(account: Account, client_id: str, authority: str) -> AuthenticationRecord:
    """Return the record of one account, with a tenant that it was seen in, else its home tenant."""
    own = next((realm for realm in account.realms if realm.lower() not in SHARED), None)
    tenant = own or account.home_account_id.rpartition(".")[2]
    return AuthenticationRecord(tenant, client_id, authority, account.home_account_id, account.username)
