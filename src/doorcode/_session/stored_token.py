"""Read the tokens that a cache holds for an account, without a credential, azure-core or a request."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from doorcode._config import resolve
from doorcode._core.account_selection import AccountInUse, usable
from doorcode._core.flows.cached import find
from doorcode._core.model import CacheSnapshot, TokenRequest
from doorcode._core.msal_cache.rows import (
    ACCESS_TOKEN,
    ACCOUNT,
    StoredToken,
    is_account,
    rows_of,
    stored_token,
    text_of,
)
from doorcode._core.steps import ReadCache, UseAccount
from doorcode._core.tenants import SHARED, resolve_tenant
from doorcode._session.open_cache import open_cache

if TYPE_CHECKING:
    from doorcode._core.model import Who
    from doorcode._core.secret import Secret
    from doorcode._core.steps import Step
    from doorcode._record import AuthenticationRecord
    from doorcode.cache._options import TokenCachePersistenceOptions
    from doorcode.cache._token_cache import TokenCache


class KnownToken(NamedTuple):
    """A token in a cache, without the token.

    Attributes:
        target: its scopes, as the cache has them.
        tenant_id: the tenant that it is for.
        expires_on: when it ends, in Unix seconds.
    """

    target: str
    tenant_id: str
    expires_on: int


class StoredTokens:
    """Read the tokens of one account, without a prompt, a request or a change.

    Args:
        record: the account.
        options: the options of its cache.

    Raises:
        ValueError: the record names an authority, an application or a tenant that cannot be right.
    """

    def __init__(self, record: AuthenticationRecord, options: TokenCachePersistenceOptions) -> None:
        self._config = resolve(
            type(self).__name__,
            authentication_record=record,
            cache_persistence_options=options,
        )
        self._caches: dict[bool, TokenCache] = {}

    def fresh(self, scopes: tuple[str, ...], tenant_id: str | None = None) -> StoredToken | None:
        """Return the token that ``get_token`` would return from the cache.

        Args:
            scopes: the scopes that it is for.
            tenant_id: another tenant than the record's.

        Returns:
            The token; None if a credential has to refresh one or to prompt the user.

        Raises:
            CacheUnavailableError: no store can be used.
        """
        single = bool(os.environ.get("AZURE_IDENTITY_DISABLE_MULTITENANTAUTH"))
        tenant = resolve_tenant(self._config.tenant_id, tenant_id, ("*",), single)
        flow = find(TokenRequest(scopes, tenant or self._config.tenant_id))
        try:
            step = next(flow)
            while True:
                step = flow.send((0.0, self._answer(step)))
        except StopIteration as stop:
            return stop.value if isinstance(stop.value, StoredToken) else None

    def valid(self) -> list[KnownToken]:
        """Return each access token in the caches that has not expired: its scopes, tenant and expiry.

        A token that is stored both under what was requested and under what was granted, scopes or tenant, is there
        once, with what was requested.

        Raises:
            CacheUnavailableError: no store can be used.
        """
        who, now = self._who, time.time()
        account = who.home_account_id or ""
        found: dict[Secret, KnownToken] = {}
        for cae in (False, True):
            for _, row in rows_of(self._cache(cae=cae).state(), ACCESS_TOKEN):
                token = stored_token(row)
                mine = text_of(row, "client_id") == who.client_id and is_account(row, who.environments, account)
                if mine and token is not None and token.valid(now):
                    realm = text_of(row, "realm")
                    tenant = self._config.tenant_id if realm.lower() in SHARED else realm
                    known = KnownToken(text_of(row, "target"), tenant, token.expires_on)
                    earlier = found.setdefault(token.secret, known)
                    if len(known.target.split()) < len(earlier.target.split()):
                        found[token.secret] = known
        return list(found.values())

    def knows_account(self) -> bool:
        """Return whether the caches have the account.

        Raises:
            CacheUnavailableError: no store can be used.
        """
        who = self._who
        return any(
            is_account(row, who.environments, who.home_account_id or "")
            for cae in (False, True)
            for _, row in rows_of(self._cache(cae=cae).state(), ACCOUNT)
        )

    @property
    def _who(self) -> Who:
        config = self._config
        assert config.record is not None, "the constructor was given one"
        account = AccountInUse(config.record.home_account_id)
        return usable(config.account, account, config.client_id, config.environments)

    def _answer(self, step: Step[Any]) -> object:
        if isinstance(step, ReadCache):
            return CacheSnapshot(self._cache(cae=step.cae).state(), self._who, time.time())
        return isinstance(step, UseAccount)

    def _cache(self, *, cae: bool) -> TokenCache:
        if cae not in self._caches:
            self._caches[cae] = open_cache(self._config, cae=cae, warn=_ignore, trouble=_ignore)
        return self._caches[cae]


def _ignore(_message: str) -> None:
    """Ignore warnings; a credential logs them."""
