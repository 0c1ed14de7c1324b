"""The credentials for asyncio: the same options, tokens and caches as in ``doorcode``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode._lazy import on_first_use

if TYPE_CHECKING:
    from doorcode.aio.bearer import get_bearer_token_provider
    from doorcode.aio.browser import InteractiveBrowserCredential
    from doorcode.aio.credential import InteractiveCredential
    from doorcode.aio.device_code import DeviceCodeCredential
    from doorcode.aio.pending import PendingSignIn
    from doorcode.aio.user import UserCredential

__all__ = [
    "DeviceCodeCredential",
    "InteractiveBrowserCredential",
    "InteractiveCredential",
    "PendingSignIn",
    "UserCredential",
    "get_bearer_token_provider",
]

_HOME: Final = {
    "DeviceCodeCredential": "doorcode.aio.device_code",
    "InteractiveBrowserCredential": "doorcode.aio.browser",
    "InteractiveCredential": "doorcode.aio.credential",
    "PendingSignIn": "doorcode.aio.pending",
    "UserCredential": "doorcode.aio.user",
    "get_bearer_token_provider": "doorcode.aio.bearer",
}

if not TYPE_CHECKING:  # type checkers would otherwise accept any name
    __getattr__, __dir__ = on_first_use(globals(), _HOME)
