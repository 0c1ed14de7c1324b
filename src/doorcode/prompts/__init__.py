"""Ready-made prompt callbacks: pass one as ``prompt_callback``.

Each takes ``verification_uri``, ``user_code`` and ``expires_on``, as the credentials call it. A prompt of a program's
own may have two methods besides: ``waiting(seconds_left)`` and ``finished(outcome)``, which receives a
``SignInOutcome``. The other kind of prompt, ``paste=`` of the credentials that use a browser, takes a ``PasteRequest``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode._lazy import on_first_use

if TYPE_CHECKING:
    from doorcode._browser.paste import PastePrompt, PasteRequest
    from doorcode._core.messages.outcome import SignInOutcome
    from doorcode.prompts._browser import browser
    from doorcode.prompts._by_place import default, qr
    from doorcode.prompts._notebook import NotebookPrompt, notebook
    from doorcode.prompts._records import jsonl, log
    from doorcode.prompts._stderr import stderr
    from doorcode.prompts._terminal import TerminalPrompt, terminal

__all__ = [
    "NotebookPrompt",
    "PastePrompt",
    "PasteRequest",
    "SignInOutcome",
    "TerminalPrompt",
    "browser",
    "default",
    "jsonl",
    "log",
    "notebook",
    "qr",
    "stderr",
    "terminal",
]

_HOME: Final = {
    "NotebookPrompt": "doorcode.prompts._notebook",
    "PastePrompt": "doorcode._browser.paste",
    "PasteRequest": "doorcode._browser.paste",
    "SignInOutcome": "doorcode._core.messages.outcome",
    "TerminalPrompt": "doorcode.prompts._terminal",
    "browser": "doorcode.prompts._browser",
    "default": "doorcode.prompts._by_place",
    "jsonl": "doorcode.prompts._records",
    "log": "doorcode.prompts._records",
    "notebook": "doorcode.prompts._notebook",
    "qr": "doorcode.prompts._by_place",
    "stderr": "doorcode.prompts._stderr",
    "terminal": "doorcode.prompts._terminal",
}

if not TYPE_CHECKING:  # with a module-level __getattr__, type checkers would accept every name
    __getattr__, __dir__ = on_first_use(globals(), _HOME)
