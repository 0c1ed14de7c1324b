"""A pytest plug-in: run azure-core's tests of its bearer token policies with credentials of ours inside.

Those tests give their policies mocks. Here each policy gets a credential of doorcode's, which asks the mock where it
would ask the user; with ``PEER_PLACE=azure`` the mocks stay.
"""

from __future__ import annotations

import inspect
import os
import time
from typing import Any

from azure.core.pipeline import policies

import doorcode
import doorcode.aio
from peer.under_its_name import (  # noqa: F401 - hooks of the plug-in
    pytest_collectreport,
    pytest_configure,
    pytest_pyfunc_call,
    pytest_runtest_logreport,
    pytest_sessionfinish,
)


def result_of(token: Any) -> dict[str, Any]:
    """Return MSAL's result for what a mock returned."""
    refresh_on = getattr(token, "refresh_on", None)
    now = int(time.time())
    result = {
        "access_token": token.token,
        "expires_in": max(0, int(token.expires_on) - now),
        "token_type": getattr(token, "token_type", "Bearer"),
    }
    return result if not isinstance(refresh_on, int) else {**result, "refresh_in": refresh_on - now}


def call(mock: Any, scopes: tuple[str, ...], options: dict[str, Any]) -> Any:
    """Ask a mock for a token, as its policy would have: without what is as by default."""
    given = {
        name: value for name, value in options.items() if value and (name, value) != ("tenant_id", "organizations")
    }
    if hasattr(mock, "get_token_info"):
        return mock.get_token_info(*scopes, options=given)
    return mock.get_token(*scopes, **given)


class Ours(doorcode.InteractiveCredential):
    """Ask a mock where the user would be asked."""

    def __init__(self, mock: Any) -> None:
        super().__init__()
        self.mock = mock

    def _request_token(self, *scopes: str, **options: Any) -> dict[str, Any]:
        return result_of(call(self.mock, scopes, options))


class OursForAsyncio(doorcode.aio.InteractiveCredential):
    """The same for asyncio."""

    def __init__(self, mock: Any) -> None:
        super().__init__()
        self.mock = mock

    async def _request_token(self, *scopes: str, **options: Any) -> dict[str, Any]:
        answer = call(self.mock, scopes, options)
        return result_of(await answer if inspect.isawaitable(answer) else answer)


def given(policy: Any, cls: Any) -> None:
    """Let a policy's constructor take a credential of ours around the one that it is given."""
    plain = policy.__init__

    def __init__(self: Any, credential: Any, *scopes: str, **options: Any) -> None:  # noqa: N807 - it takes its place
        plain(self, cls(credential), *scopes, **options)

    policy.__init__ = __init__


if os.environ.get("PEER_PLACE") == "doorcode":
    given(policies.BearerTokenCredentialPolicy, Ours)
    given(policies.AsyncBearerTokenCredentialPolicy, OursForAsyncio)
