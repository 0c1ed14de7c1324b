"""Persistent token caches: the options, the Protocol of stores, and what would be used here.

Nothing is loaded before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from doorcode.cache._accounts import CachedAccount, accounts, clear, sign_out
    from doorcode.cache._errors import (
        StoreError,
        StoreKeyError,
        StoreLocked,
        StoreUnavailable,
        StoreUnreadable,
    )
    from doorcode.cache._options import TokenCachePersistenceOptions
    from doorcode.cache._protocol import Conflict, Lease, Loaded, ReadOnlyStore, Stamp, TokenStore, UpdatingStore
    from doorcode.cache._select import Rejected
    from doorcode.cache._status import Status, status

__all__ = [
    "CachedAccount",
    "Conflict",
    "Lease",
    "Loaded",
    "ReadOnlyStore",
    "Rejected",
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


def __getattr__(name: str) -> object:
    import importlib

    for module in ("_errors", "_protocol", "_options", "_select", "_status", "_accounts"):
        if name in __all__:
            loaded = importlib.import_module(f"doorcode.cache.{module}")
            if name in loaded.__all__:
                return getattr(loaded, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
