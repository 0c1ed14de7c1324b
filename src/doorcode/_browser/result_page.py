"""The page that a user's browser ends on: what to say there, as HTML that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Final

from doorcode._core.display import lines
from doorcode._core.model import Failure
from doorcode._core.values import dataclass

_STYLE: Final = (
    ":root{color-scheme:light dark;--page:#f3f1ec;--card:#fffdf9;--ink:#23201b;--line:#8a8375}"
    "@media(prefers-color-scheme:dark){:root{--page:#191713;--card:#24211c;--ink:#f2eee6;--line:#857d6e}}"
    "body{margin:0 auto;padding:3rem 1rem;max-width:32rem;background:var(--page);color:var(--ink);"
    "font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "main{padding:1.5rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}"
    "h1{margin:0 0 .75rem;font-size:1.4rem;line-height:1.25;text-wrap:balance}"
    "p{margin:0 0 .75rem}p:last-child{margin:0}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<title>{heading}</title><link rel="icon" href="data:,"><style>{style}</style></head>'
    "<body><main><h1>{heading}</h1>{paragraphs}</main></body></html>"
)
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Words:
    """What a page says: a heading, paragraphs below it, and the HTTP status that goes with them."""

    heading: str
    paragraphs: tuple[str, ...]
    status: int = 200


FINISHED: Final = Words("Sign-in finished", ("You can close this page and go back to your program.",))
GIVEN_UP: Final = Words(
    "Nobody is waiting any more",
    ("The program ended this sign-in before it was finished. You can close this page and start again there.",),
    410,
)
ELSEWHERE: Final = Words(
    "Nothing to see here",
    ("A program on this machine is waiting for the end of a sign-in at this address, and this is not it.",),
    404,
)

ANOTHER_USER: Final = Words(
    "This sign-in belongs to another user of this machine",
    ("The program that waits for it runs as another user than this browser. If both are yours, run them as one user.",),
    403,
)
OPENED_TWICE: Final = Words(
    "This sign-in was opened in another browser before",
    (
        "The program has ended it, because the other browser may belong to somebody else.",
        "You can close this page and start again there.",
    ),
    403,
)
NO_COOKIE: Final = Words(
    "This browser did not begin the sign-in",
    (
        "Open the address that the program shows in this browser, or finish in the one that began.",
        "If this is the one, let it keep cookies of localhost.",
    ),
    403,
)


def failed(failure: Failure) -> Words:
    """Return the words for a sign-in that brought no token."""
    close = "You can close this page. Your program knows."
    return Words("The sign-in did not work", (*lines(failure.message).split("\n"), close), 400)


def render(words: Words) -> bytes:
    """Return the page, in UTF-8; every word is escaped."""
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in words.paragraphs)
    return _PAGE.format(heading=escape(words.heading), style=_STYLE, paragraphs=paragraphs).encode()


def headers(body: bytes) -> Mapping[str, str]:
    """Return the headers of a page: nothing may be loaded, run, framed, kept or sent on."""
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(body)),
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Connection": "close",
    }
