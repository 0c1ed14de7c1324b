"""The credentials for asyncio: the same options, tokens and caches as in ``doorcode``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

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


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
