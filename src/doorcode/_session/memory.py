"""The fresh tokens of this process: the hot path of get_token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from doorcode._core.display import safe_repr

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo

    from doorcode._core.msal_cache.rows import StoredToken

Key: TypeAlias = tuple[tuple[str, ...], "str | None", bool]
"""Scopes as asked, tenant as asked, and whether for a client that handles claims challenges."""

_ANSWERED: Final = frozenset({"claims", "tenant_id", "enable_cae"})
"""The options of ``get_token_info`` that a remembered token can answer."""


class Entry:
    """A token that is remembered, ready to be handed out.

    Making one imports azure-core, unless the process has imported it already.

    Attributes:
        stored: what the flows know of it.
        token: what get_token returns.
        info: what get_token_info returns.
        trusted_from: Unix seconds; if the clock shows less, it has been set back, and the token is not trusted.
        fresh_until: Unix seconds up to which this token is handed out without looking further.
    """

    __slots__ = ("fresh_until", "info", "stored", "token", "trusted_from")

    def __init__(self, stored: StoredToken, fresh_until: float) -> None:
        from doorcode._session.access_tokens import SafeAccessTokenInfo, token_of

        self.stored = stored
        self.token: AccessToken = token_of(stored)
        self.info: AccessTokenInfo = SafeAccessTokenInfo(stored)
        self.trusted_from = stored.trusted_from
        self.fresh_until = fresh_until

    @safe_repr
    def __repr__(self) -> str:
        return f"Entry({self.stored!r}, fresh_until={self.fresh_until})"


def is_mapping(options: object) -> bool:
    """Return whether ``get_token_info`` can read options out of an object."""
    return isinstance(options, Mapping)


def fresh(memory: Mapping[Key, Entry], scopes: tuple[str, ...], options: object, now: float) -> Entry | None:
    """Return the remembered token that answers a call; None if the flow has to look for one.

    ``get_token`` has the same test inline, because it has to be faster than a call.

    Args:
        memory: the remembered tokens.
        scopes: as the caller wrote them.
        options: those of ``get_token_info``.
        now: Unix seconds.
    """
    tenant_id, enable_cae = None, False
    if options:
        if type(options) is not dict and not is_mapping(options):  # the first is faster, and nearly always enough
            return None  # the check of the request raises the error
        given: Any = options
        if given.get("claims") or not given.keys() <= _ANSWERED:
            return None
        tenant_id, enable_cae = given.get("tenant_id"), given.get("enable_cae", False)
    try:
        entry = memory.get((scopes, tenant_id, enable_cae))
    except TypeError:
        return None  # a list has no hash; likewise
    return entry if entry is not None and entry.trusted_from <= now < entry.fresh_until else None
