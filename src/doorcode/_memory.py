"""Fresh tokens of this process: the hot path of get_token."""

from __future__ import annotations

from typing import Final, TypeAlias

from azure.core.credentials import AccessToken, AccessTokenInfo

from doorcode._core.lookup import StoredToken
from doorcode._core.secret import SHOWN

Key: TypeAlias = tuple[tuple[str, ...], "str | None", bool]
"""Scopes as asked, tenant as asked, and whether for a client that handles claims challenges."""

_new: Final = object.__new__


class SafeAccessToken(AccessToken):
    """azure-core's AccessToken whose ``repr`` does not show the token."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"AccessToken(token={SHOWN!r}, expires_on={self.expires_on})"

    def __reduce__(self) -> tuple[type[AccessToken], tuple[str, int]]:
        # A program that pickles a token itself means to have it; it gets azure-core's own class.
        return AccessToken, (self.token, self.expires_on)


class SafeAccessTokenInfo(AccessTokenInfo):
    """azure-core's AccessTokenInfo whose ``repr`` does not show the token."""

    def __repr__(self) -> str:
        return (
            f"AccessTokenInfo(token={SHOWN!r}, expires_on={self.expires_on}, "
            f"token_type={self.token_type!r}, refresh_on={self.refresh_on})"
        )


class Entry:
    """One token, ready to be handed out.

    Attributes:
        stored: what the flows know of it.
        token: what get_token returns.
        shown: what get_token_info returns copies of.
        cached_at: Unix seconds; a clock that shows less has been set back, and the token is not trusted.
        fresh_until: Unix seconds up to which nobody needs to look any further.
    """

    __slots__ = ("cached_at", "fresh_until", "shown", "stored", "token")

    def __init__(self, stored: StoredToken, fresh_until: float) -> None:
        self.stored = stored
        self.token = SafeAccessToken(stored.secret.reveal(), stored.expires_on)
        self.shown = token_info(stored)
        self.cached_at = stored.cached_at
        self.fresh_until = fresh_until

    def info(self) -> AccessTokenInfo:
        """Return what get_token_info returns: an object of the caller's own, copied from one that azure-core made."""
        info = _new(SafeAccessTokenInfo)
        info.__dict__ = self.shown.__dict__.copy()
        return info

    def __repr__(self) -> str:
        return f"Entry({self.stored!r}, fresh_until={self.fresh_until})"


def token_info(stored: StoredToken) -> AccessTokenInfo:
    """Return a token in azure-core's shape, with ``token_type`` and ``refresh_on``."""
    return SafeAccessTokenInfo(
        stored.secret.reveal(), stored.expires_on, token_type=stored.token_type, refresh_on=stored.refresh_on
    )
