"""The access tokens that credentials hand out: azure-core's classes, whose ``repr`` does not show the token.

Importing this module imports azure-core, so the threaded credentials import it when they first hand a token out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessToken, AccessTokenInfo

from doorcode._core.display import safe_repr
from doorcode._core.secret import SHOWN

if TYPE_CHECKING:
    from doorcode._core.msal_cache.rows import StoredToken


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

    __slots__ = ("_complete",)

    def __init__(self, stored: StoredToken) -> None:
        super().__init__(
            stored.secret.reveal(), stored.expires_on, token_type=stored.token_type, refresh_on=stored.refresh_on
        )
        object.__setattr__(self, "_complete", True)

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(self, "_complete"):
            self.__delattr__(name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        message = f"{name} cannot be set: every caller has this AccessTokenInfo; use copy.copy() of it"
        raise AttributeError(message)

    @safe_repr
    def __repr__(self) -> str:
        return (
            f"AccessTokenInfo(token={SHOWN!r}, expires_on={self.expires_on}, "
            f"token_type={self.token_type!r}, refresh_on={self.refresh_on})"
        )

    def __reduce__(self) -> tuple[type[AccessTokenInfo], tuple[str, int], tuple[None, dict[str, Any]]]:
        # As SafeAccessToken. State in this form is set by name, whether the class has slots or not.
        return (
            AccessTokenInfo,
            (self.token, self.expires_on),
            (
                None,
                {"token_type": self.token_type, "refresh_on": self.refresh_on},
            ),
        )


def token_of(stored: StoredToken) -> SafeAccessToken:
    """Return what ``get_token`` hands out for a token."""
    return SafeAccessToken(stored.secret.reveal(), stored.expires_on)
