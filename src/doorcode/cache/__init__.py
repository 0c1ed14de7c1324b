"""Persistent token caches: the options, the Protocol of stores, and which store this machine would use.

Each name is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode._lazy import on_first_use

if TYPE_CHECKING:
    from doorcode.cache._admin import CachedAccount, accounts, clear, sign_out
    from doorcode.cache._errors import (
        StoreError,
        StoreKeyError,
        StoreLocked,
        StoreUnavailable,
        StoreUnreadable,
    )
    from doorcode.cache._options import TokenCachePersistenceOptions
    from doorcode.cache._protocol import (
        Conflict,
        Lease,
        Loaded,
        ReadOnlyStore,
        RemoteStore,
        Stamp,
        TokenStore,
        UpdatingStore,
    )
    from doorcode.cache._select import Rejected
    from doorcode.cache._status import Status, status
    from doorcode.cache._stores.redis import RedisStore, RedisUser

__all__ = [
    "CachedAccount",
    "Conflict",
    "Lease",
    "Loaded",
    "ReadOnlyStore",
    "RedisStore",
    "RedisUser",
    "Rejected",
    "RemoteStore",
    "Stamp",
    "Status",
    "StoreError",
    "StoreKeyError",
    "StoreLocked",
    "StoreUnavailable",
    "StoreUnreadable",
    "TokenCachePersistenceOptions",
    "TokenStore",
    "UpdatingStore",
    "accounts",
    "clear",
    "sign_out",
    "status",
]

_HOME = {
    "CachedAccount": "doorcode.cache._admin",
    "Conflict": "doorcode.cache._protocol",
    "Lease": "doorcode.cache._protocol",
    "Loaded": "doorcode.cache._protocol",
    "ReadOnlyStore": "doorcode.cache._protocol",
    "RedisStore": "doorcode.cache._stores.redis",
    "RedisUser": "doorcode.cache._stores.redis",
    "Rejected": "doorcode.cache._select",
    "RemoteStore": "doorcode.cache._protocol",
    "Stamp": "doorcode.cache._protocol",
    "Status": "doorcode.cache._status",
    "StoreError": "doorcode.cache._errors",
    "StoreKeyError": "doorcode.cache._errors",
    "StoreLocked": "doorcode.cache._errors",
    "StoreUnavailable": "doorcode.cache._errors",
    "StoreUnreadable": "doorcode.cache._errors",
    "TokenCachePersistenceOptions": "doorcode.cache._options",
    "TokenStore": "doorcode.cache._protocol",
    "UpdatingStore": "doorcode.cache._protocol",
    "accounts": "doorcode.cache._admin",
    "clear": "doorcode.cache._admin",
    "sign_out": "doorcode.cache._admin",
    "status": "doorcode.cache._status",
}

if not TYPE_CHECKING:  # with a module-level __getattr__, type checkers would accept every name
    __getattr__, __dir__ = on_first_use(globals(), _HOME)
