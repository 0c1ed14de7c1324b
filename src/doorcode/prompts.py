"""Ready-made prompt callbacks: pass one as ``prompt_callback``.

Each takes ``verification_uri``, ``user_code`` and ``expires_on``, as the credentials call it. ``PasteRequest`` is what
the other kind of prompt is given, ``paste=`` of the credentials that use a browser.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from doorcode._core.display import safe_repr
from doorcode._lazy import needs_extra, on_first_use

if TYPE_CHECKING:
    from doorcode._browser.paste import PastePrompt, PasteRequest

__all__ = ["PastePrompt", "PasteRequest", "notebook", "qr", "stderr"]


def stderr(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Tell the user on standard error, at once, for programs whose standard output is data or a protocol.

    Args:
        verification_uri: where to go.
        user_code: what to enter there.
        expires_on: until when, aware.

    Raises:
        OSError: standard error cannot be written.
        RuntimeError: there is no standard error.
    """
    if sys.stderr is None:
        message = "there is no standard error to show the code on"
        raise RuntimeError(message)
    _print(_instructions(verification_uri, user_code, expires_on))


def qr(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Tell the user on standard error, with a QR code of the address for a phone; the code itself is typed.

    Args:
        verification_uri: where to go.
        user_code: what to enter there.
        expires_on: until when, aware.

    Raises:
        ImportError: segno is not installed: ``pip install 'doorcode[qr]'``.
    """
    try:
        import segno
    except ModuleNotFoundError as missing:
        raise needs_extra("doorcode.prompts.qr", "qr", missing) from missing

    segno.make_qr(verification_uri).terminal(out=sys.stderr, compact=True)
    _print(_instructions(verification_uri, user_code, expires_on))


def notebook(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Show the user a link and the code under the notebook's cell that runs.

    Args:
        verification_uri: where to go.
        user_code: what to enter there.
        expires_on: until when, aware.

    Raises:
        ImportError: this is no notebook: IPython is not installed.
    """
    try:
        from IPython.display import display
    except ModuleNotFoundError as missing:
        raise needs_extra("doorcode.prompts.notebook", "notebook", missing) from missing

    show: Callable[[object], object] = display  # IPython is not typed
    show(_NotebookPrompt(verification_uri, user_code, expires_on))


class _NotebookPrompt:
    """Hold what a notebook shows: HTML if it can show that, else text."""

    def __init__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
        self._uri = verification_uri
        self._code = user_code
        self._until = expires_on

    def _repr_html_(self) -> str:
        from html import escape

        uri, code = escape(self._uri, quote=True), escape(self._code)
        return (
            f'To sign in, open <a href="{uri}" target="_blank" rel="noopener noreferrer">{uri}</a> and enter the code '
            f"<code>{code}</code> before {self._until.astimezone():%H:%M}."
        )

    @safe_repr
    def __repr__(self) -> str:
        return _instructions(self._uri, self._code, self._until)


def _instructions(verification_uri: str, user_code: str, expires_on: datetime) -> str:
    """Return what the user is to do, in one line, with the time in the user's own time zone."""
    return f"To sign in, open {verification_uri} and enter the code {user_code} before {expires_on.astimezone():%H:%M}."


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the prompt


if not TYPE_CHECKING:  # checkers would take any name for one that is here
    _HOME = {"PastePrompt": "doorcode._browser.paste", "PasteRequest": "doorcode._browser.paste"}
    __getattr__, __dir__ = on_first_use(globals(), _HOME)
