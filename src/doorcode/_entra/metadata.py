"""The endpoints of authorities, from discovery by this process or from the token cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from doorcode._core.msal_cache.metadata import METADATA, metadata_row, remembered

if TYPE_CHECKING:
    from doorcode._core.msal_cache.rows import State
    from doorcode.cache._token_cache import TokenCache


class AuthorityMetadata:
    """Reuse the discovery of an earlier process, so that a refresh or a sign-in needs one request less. Thread-safe.

    Discovered endpoints are stored in the token cache with the next tokens, under the same lock and encryption: an
    attacker who can write them can already read the refresh token. Each process decides anew whether it trusts an
    authority.

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
        """Return an OpenID configuration that another process read less than a day ago, or None."""
        if self._outdated:
            return None
        for cache in self._caches():
            known = remembered(cache.last_read(), url, self._clock())
            if known is not None:
                self._relied_on = True
                return known
        return None

    def found(self, url: str, reply: Mapping[str, object]) -> None:
        """Keep an OpenID configuration that this process has read, if it may be stored."""
        row = metadata_row(url, reply, self._clock())
        if row is not None:
            self._found[url] = row

    def rows(self) -> State:
        """Return the rows to store with the next tokens, once: another process may have stored newer ones since."""
        found, self._found = self._found, {}
        return {METADATA: found} if found else {}

    def give_up(self) -> bool:
        """Stop using cached endpoints; return whether any had been used."""
        if not self._relied_on:
            return False
        self._relied_on, self._outdated = False, True
        return True
