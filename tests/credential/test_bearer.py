"""get_bearer_token_provider: a credential as a function, for clients that want one."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from doorcode import get_bearer_token_provider
from doorcode.emulator import Decline, Emulator
from support.signing import SCOPE


def test_it_returns_the_credentials_token(make_sync: Any, authority: Emulator) -> None:
    """Each call returns what the credential has: it caches and refreshes, the function does neither."""
    credential = make_sync()
    provide = get_bearer_token_provider(credential, SCOPE)
    assert provide() == provide() == credential.get_token(SCOPE).token
    assert authority.count("devicecode") == 1


def test_it_raises_what_the_credential_raises(make_sync: Any, authority: Emulator) -> None:
    """A refusal comes out as from get_token."""
    authority.faults.queue("token", Decline())
    with pytest.raises(ClientAuthenticationError):
        get_bearer_token_provider(make_sync(), SCOPE)()


class Old:
    """A credential of azure-core's first protocol."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken(" ".join(scopes), 0)


def test_an_older_credential_will_do() -> None:
    """get_token is enough, with every scope."""
    assert get_bearer_token_provider(Old(), "a", "b")() == "a b"


def test_no_scope(make_sync: Any) -> None:
    """Without a scope there is no token to provide."""
    with pytest.raises(ValueError, match="at least one scope"):
        get_bearer_token_provider(make_sync())
