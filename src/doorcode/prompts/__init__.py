"""Ready-made prompt callbacks: pass one as ``prompt_callback``.

Each takes ``verification_uri``, ``user_code`` and ``expires_on``, as the credentials call it. A prompt of a program's
own may have two methods besides: ``waiting(seconds_left)`` and ``finished(outcome)``, which receives a
``SignInOutcome``. ``PasteRequest`` is what the other kind of prompt is given, ``paste=`` of the credentials that use a
browser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode._lazy import on_first_use

if TYPE_CHECKING:
    from doorcode._browser.paste import PastePrompt, PasteRequest
    from doorcode._core.outcome import SignInOutcome
    from doorcode.prompts._notebook import notebook
    from doorcode.prompts._stderr import stderr
    from doorcode.prompts._terminal import TerminalPrompt, qr, terminal

__all__ = ["PastePrompt", "PasteRequest", "SignInOutcome", "TerminalPrompt", "notebook", "qr", "stderr", "terminal"]

_HOME: Final = {
    "PastePrompt": "doorcode._browser.paste",
    "PasteRequest": "doorcode._browser.paste",
    "SignInOutcome": "doorcode._core.outcome",
    "TerminalPrompt": "doorcode.prompts._terminal",
    "notebook": "doorcode.prompts._notebook",
    "qr": "doorcode.prompts._terminal",
    "stderr": "doorcode.prompts._stderr",
    "terminal": "doorcode.prompts._terminal",
}

if not TYPE_CHECKING:  # checkers would take any name for one that is here
    __getattr__, __dir__ = on_first_use(globals(), _HOME)
