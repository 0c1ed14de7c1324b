"""The fresh tokens of this process: the hot path of get_token."""

from __future__ import annotations

from typing import TypeAlias

from doorcode._azure_core import AccessToken, AccessTokenInfo
from doorcode._core.display import safe_repr
from doorcode._core.msal_cache.lookup import StoredToken
from doorcode._core.secret import SHOWN

Key: TypeAlias = tuple[tuple[str, ...], "str | None", bool]
"""Scopes as asked, tenant as asked, and whether for a client that handles claims challenges."""


class SafeAccessToken(AccessToken):
    """azure-core's AccessToken whose ``repr`` does not show the token."""

    __slots__ = ()

    @safe_repr
    def __repr__(self) -> str:
        return f"AccessToken(token={SHOWN!r}, expires_on={self.expires_on})"

    def __reduce__(self) -> tuple[type[AccessToken], tuple[str, int]]:
        # A program that pickles a token itself means to have it; it gets azure-core's own class.
        return AccessToken, (self.token, self.expires_on)


class SafeAccessTokenInfo(AccessTokenInfo):
    """azure-core's AccessTokenInfo whose ``repr`` does not show the token.

    All callers get the same one, so nothing in it can be set; ``copy.copy`` gives one of azure-core's own.
    """

    def __init__(self, stored: StoredToken) -> None:
        made = AccessTokenInfo(
            stored.secret.reveal(), stored.expires_on, token_type=stored.token_type, refresh_on=stored.refresh_on
        )
        vars(self).update(vars(made))

    def __setattr__(self, name: str, value: object) -> None:
        message = f"{name} cannot be set: every caller has this AccessTokenInfo; use copy.copy() of it"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    @safe_repr
    def __repr__(self) -> str:
        return (
            f"AccessTokenInfo(token={SHOWN!r}, expires_on={self.expires_on}, "
            f"token_type={self.token_type!r}, refresh_on={self.refresh_on})"
        )

    def __reduce__(self) -> tuple[type[AccessTokenInfo], tuple[str, int], dict[str, object]]:
        return AccessTokenInfo, (self.token, self.expires_on), dict(vars(self))  # as SafeAccessToken


class Entry:
    """One token, ready to be handed out.

    Attributes:
        stored: what the flows know of it.
        token: what get_token returns.
        info: what get_token_info returns.
        cached_at: Unix seconds; a clock that shows less has been set back, and the token is not trusted.
        fresh_until: Unix seconds up to which nobody needs to look any further.
    """

    __slots__ = ("cached_at", "fresh_until", "info", "stored", "token")

    def __init__(self, stored: StoredToken, fresh_until: float) -> None:
        self.stored = stored
        self.token = SafeAccessToken(stored.secret.reveal(), stored.expires_on)
        self.info = SafeAccessTokenInfo(stored)
        self.cached_at = stored.cached_at
        self.fresh_until = fresh_until

    @safe_repr
    def __repr__(self) -> str:
        return f"Entry({self.stored!r}, fresh_until={self.fresh_until})"
