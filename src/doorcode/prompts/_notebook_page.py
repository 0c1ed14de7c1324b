"""The HTML that a notebook shows for a code: its colours are the notebook's own, light or dark."""

from __future__ import annotations

from html import escape
from typing import Final

from doorcode.prompts._words import WARNING

_FRAME: Final = (
    "border:1px solid rgba(128,128,128,.55);border-radius:6px;padding:12px 16px;max-width:34em;line-height:1.5"
)
_CODE: Final = "font:700 1.8em/1.2 monospace;letter-spacing:.08em;user-select:all;-webkit-user-select:all"
_BUTTON: Final = (
    "font:inherit;color:inherit;background:transparent;border:1px solid currentColor;border-radius:4px;"
    "padding:2px 12px;margin-left:12px;cursor:pointer;vertical-align:.3em"
)
# A page without a secure context has no clipboard: the code is selected and copied as a user would.
_COPY: Final = (
    "(async b=>{const c=b.previousElementSibling;try{await navigator.clipboard.writeText(c.textContent)}"
    "catch{const r=document.createRange();r.selectNodeContents(c);const s=getSelection();s.removeAllRanges();"
    "s.addRange(r);document.execCommand('copy')}b.textContent='Copied'})(this)"
)


def prompt(verification_uri: str, user_code: str, time_left: str, picture: str) -> str:
    """Return what is shown while the user is waited for.

    Args:
        verification_uri: where to go.
        user_code: what to enter there.
        time_left: how long the code is valid, as a sentence.
        picture: the address's QR code as SVG; empty for none.
    """
    uri, code = escape(verification_uri, quote=True), escape(user_code, quote=True)
    return (
        f'<div role="group" aria-label="Sign in" style="{_FRAME}">{picture}'
        f'<div>To sign in, open <a href="{uri}" target="_blank" rel="noopener noreferrer" '
        f'style="color:inherit;text-decoration:underline">{uri}</a> and enter this code:</div>'
        f'<div style="margin:8px 0"><code style="{_CODE};color:inherit;background:transparent">{code}</code>'
        f'<button type="button" style="{_BUTTON}" onclick="{escape(_COPY, quote=True)}">Copy</button></div>'
        f'<div>{escape(time_left)}</div><div style="margin-top:8px;font-size:.9em">{escape(WARNING)}</div></div>'
    )


def outcome(message: str) -> str:
    """Return the line that is left when the sign-in has ended."""
    return f'<div role="status">{escape(message)}</div>'
