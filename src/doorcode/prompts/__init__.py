"""Ready-made prompt callbacks: pass one as ``prompt_callback``.

Each takes ``verification_uri``, ``user_code`` and ``expires_on``, as the credentials call it. ``PasteRequest`` is what
the other kind of prompt is given, ``paste=`` of the credentials that use a browser.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from doorcode._paste import PastePrompt, PasteRequest
    from doorcode.prompts._notebook import notebook
    from doorcode.prompts._qr import qr
    from doorcode.prompts._stderr import stderr

__all__ = ["PastePrompt", "PasteRequest", "notebook", "qr", "stderr"]

_HOME: Final = {
    "PastePrompt": "doorcode._paste",
    "PasteRequest": "doorcode._paste",
    "notebook": "doorcode.prompts._notebook",
    "qr": "doorcode.prompts._qr",
    "stderr": "doorcode.prompts._stderr",
}


def __getattr__(name: str) -> Any:
    """Load a prompt on first use (PEP 562)."""
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the prompts, loaded or not."""
    return sorted({*globals(), *__all__})
