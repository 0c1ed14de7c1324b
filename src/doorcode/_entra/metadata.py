"""Where the endpoints of authorities are: as this process found out, or as the token cache remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from doorcode._core.msal_cache.metadata import METADATA, metadata_row, remembered

if TYPE_CHECKING:
    from doorcode._core.msal_cache.lookup import State
    from doorcode.cache._token_cache import TokenCache


class AuthorityMetadata:
    """Save a process that refreshes or signs in the discovery that an earlier one made. Thread-safe.

    What is found goes into the token cache with the next tokens, under the same lock and seal, so whoever could write
    it could take the refresh token itself. Whether an authority is to be trusted is decided anew by each process.

    Args:
        caches: returns the token caches that are open.
        clock: the wall clock, in Unix seconds.
    """

    def __init__(self, caches: Callable[[], Iterable[TokenCache]], clock: Callable[[], float]) -> None:
        self._caches = caches
        self._clock = clock
        self._found: dict[str, Mapping[str, object]] = {}
        self._relied_on = False
        self._outdated = False

    def recall(self, url: str) -> Mapping[str, object] | None:
        """Return what an OpenID configuration said, less than a day ago and in another process, or None."""
        if self._outdated:
            return None
        for cache in self._caches():
            known = remembered(cache.state(), url, self._clock())
            if known is not None:
                self._relied_on = True
                return known
        return None

    def found(self, url: str, reply: Mapping[str, object]) -> None:
        """Take note of what an OpenID configuration says now, where that may be remembered."""
        row = metadata_row(url, reply, self._clock())
        if row is not None:
            self._found[url] = row

    def rows(self) -> State:
        """Return what is to be stored with the next tokens: once, since another process may have found newer ones."""
        found, self._found = self._found, {}
        return {METADATA: found} if found else {}

    def give_up(self) -> bool:
        """Believe the caches no longer, where nothing answers as they say; return whether anybody did believe them."""
        if not self._relied_on:
            return False
        self._relied_on, self._outdated = False, True
        return True
