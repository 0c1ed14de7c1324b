"""The credentials for asyncio: the same options, tokens and caches as in ``doorcode``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode._lazy import on_first_use

if TYPE_CHECKING:
    from doorcode.aio._bearer import get_bearer_token_provider
    from doorcode.aio._browser import InteractiveBrowserCredential
    from doorcode.aio._credential import InteractiveCredential
    from doorcode.aio._device_code import DeviceCodeCredential
    from doorcode.aio._two_step import PendingSignIn
    from doorcode.aio._user import UserCredential

__all__ = [
    "DeviceCodeCredential",
    "InteractiveBrowserCredential",
    "InteractiveCredential",
    "PendingSignIn",
    "UserCredential",
    "get_bearer_token_provider",
]

_HOME: Final = {
    "DeviceCodeCredential": "doorcode.aio._device_code",
    "InteractiveBrowserCredential": "doorcode.aio._browser",
    "InteractiveCredential": "doorcode.aio._credential",
    "PendingSignIn": "doorcode.aio._two_step",
    "UserCredential": "doorcode.aio._user",
    "get_bearer_token_provider": "doorcode.aio._bearer",
}

if not TYPE_CHECKING:  # checkers would take any name for one that is here
    __getattr__, __dir__ = on_first_use(globals(), _HOME)
