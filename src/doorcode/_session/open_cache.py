"""Open the token cache that a credential's options ask for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from doorcode.cache._content import Content
from doorcode.cache._errors import StoreKeyError
from doorcode.cache._process_caches import MemoryCache, MsalCache
from doorcode.cache._token_cache import MEMORY_ONLY, StoredCache, TokenCache

if TYPE_CHECKING:
    from doorcode._config import Config
    from doorcode.cache._outage import ServedRefreshTokens


def open_cache(
    config: Config,
    *,
    cae: bool,
    warn: Callable[[str], None],
    trouble: Callable[[str], None],
    served: ServedRefreshTokens | None = None,
    guard: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> TokenCache:
    """Open a cache. It is read on first use, except if the program's own key has to decrypt it.

    Args:
        config: the credential's configuration.
        cae: whether the cache is for the tokens of clients that handle claims challenges.
        warn: called with warnings for the user.
        trouble: called when tokens cannot be stored.
        served: the refresh tokens that the store's server has held; by default of this cache alone.
        guard: returns a context for each use of the store, which may refuse it.

    Raises:
        CacheUnavailableError: no store fits the program's options.
    """
    own = config.caches[cae]
    if own is not None:
        return MsalCache(own)
    options = config.persistence
    if options is None:
        return MemoryCache()
    from doorcode.cache._select import NoDirectoryError, choose

    content = Content()
    try:
        if options.has_key:
            options.check_key()
        choice = choose(options, cae=cae, is_whole=content.is_whole)
        cache = StoredCache(choice.store, choice.also, warn, content, trouble, served, guard)
        if options.has_key or options.store is not None:
            cache.check_key()
    except NoDirectoryError as error:
        trouble(f"{MEMORY_ONLY}{error}")
        return MemoryCache()
    except (ValueError, StoreKeyError) as error:
        from doorcode.errors import CacheUnavailableError

        raise CacheUnavailableError(str(error)) from error
    if choice.caution is not None and not cae:
        warn(choice.caution)
    return cache
