"""Show the prompt as a notebook's own output, with a link; needs IPython, which every notebook has."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from html import escape

from doorcode._core.display import safe_repr
from doorcode._lazy import needs_extra
from doorcode.prompts._words import instructions


def notebook(verification_uri: str, user_code: str, expires_on: datetime) -> None:
    """Show the user a link and the code under the cell that runs.

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
    show(_Prompt(verification_uri, user_code, expires_on))


class _Prompt:
    """What a notebook shows: HTML where it can, text elsewhere."""

    def __init__(self, verification_uri: str, user_code: str, expires_on: datetime) -> None:
        self._uri = verification_uri
        self._code = user_code
        self._until = expires_on

    def _repr_html_(self) -> str:
        uri, code = escape(self._uri, quote=True), escape(self._code)
        return (
            f'To sign in, open <a href="{uri}" target="_blank" rel="noopener noreferrer">{uri}</a> and enter the code '
            f"<code>{code}</code> before {self._until.astimezone():%H:%M}."
        )

    @safe_repr
    def __repr__(self) -> str:
        return instructions(self._uri, self._code, self._until)
