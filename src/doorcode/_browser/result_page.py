"""The page that a user's browser ends on: what to say there, as HTML that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from html import escape
from typing import Final, Literal, TypeAlias

from doorcode._core.display import lines
from doorcode._core.model import Failure
from doorcode._core.values import replace, value_class

_STYLE: Final = (
    ":root{color-scheme:light dark;--page:#f3f1ec;--card:#fffdf9;--ink:#23201b;--line:#8a8375;--soft:#5b554b;"
    "--problem:#a3191b;--good:#22662f}"
    "@media(prefers-color-scheme:dark){:root{--page:#191713;--card:#24211c;--ink:#f2eee6;--line:#857d6e;"
    "--soft:#bdb5a6;--problem:#ff9d94;--good:#93d5a0}}"
    "body{margin:0 auto;padding:3rem 1rem;max-width:32rem;background:var(--page);color:var(--ink);"
    "font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "main{padding:1.5rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}"
    "h1{margin:0 0 .75rem;font-size:1.4rem;line-height:1.25;text-wrap:balance}"
    "p,dl,pre{margin:0 0 .75rem}main>:last-child{margin:0}"
    "dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem}dt{color:var(--soft)}dd{margin:0;font-weight:600}"
    ".next{font-weight:600}.small{margin-top:1.25rem;font-size:.875rem;color:var(--soft)}"
    "pre{padding:.6rem .75rem;border:1px solid var(--line);border-radius:.5rem;white-space:pre-wrap;"
    "font:.8rem/1.5 ui-monospace,monospace;user-select:all;-webkit-user-select:all}"
    # How it ended, beside the words that say so: a tick, an exclamation mark, a bar.
    ".mark{display:grid;place-items:center;width:2.5rem;height:2.5rem;margin-bottom:.75rem;border:2px solid;"
    "border-radius:50%;color:var(--soft)}.mark::before{content:'';width:1.1rem;height:.2rem;background:currentColor}"
    ".done{color:var(--good)}.done::before{width:.5rem;height:1rem;margin-top:-.25rem;background:none;"
    "border:solid;border-width:0 .2rem .2rem 0;transform:rotate(45deg)}"
    ".problem{color:var(--problem)}.problem::before{content:'!';width:auto;height:auto;background:none;"
    "font:700 1.5rem/1 system-ui,sans-serif}"
    "@media(max-width:24rem){main{padding:1rem}dl{grid-template-columns:1fr;gap:.1rem}dd{margin-bottom:.4rem}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<title>{heading}</title><link rel="icon" href="data:,"><style>{style}</style></head>'
    '<body><main><div class="mark {mark}" aria-hidden="true"></div><h1>{heading}</h1>{content}</main></body></html>'
)
_ID: Final = re.compile(r"\s*\b(Trace ID|Correlation ID|Timestamp): *([0-9a-fA-F-]{36}|[\d-]{10}[ T][\d:]{8}Z?)")
"""How Entra ID writes the IDs of a request behind the words of an error."""
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


Mark: TypeAlias = Literal["done", "problem", "ended"]


@value_class(frozen=True, slots=True)
class Words:
    """What a page says.

    Attributes:
        heading: what happened.
        paragraphs: more about it, and what the user can do.
        status: the HTTP status of the page.
        mark: the picture beside the heading.
        facts: labels and texts below the heading.
        ids: labels and texts with which support finds the request; the user can copy them at once.
    """

    heading: str
    paragraphs: tuple[str, ...]
    status: int = 200
    mark: Mark = "ended"
    facts: tuple[tuple[str, str], ...] = ()
    ids: tuple[tuple[str, str], ...] = ()


FINISHED: Final = Words("You are signed in", ("You can close this window and go back to the program.",), mark="done")
GIVEN_UP: Final = Words(
    "No program is waiting any more",
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
        "The program has ended it, because the other browser may belong to another user.",
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


def finished(username: str, program: str, application: str) -> Words:
    """Return the words for a sign-in that worked.

    Args:
        username: who signed in; empty if the authority named no one.
        program: the program that runs on this machine.
        application: the application that the user signed in to.
    """
    facts = (("Account", username), ("Program", program), ("Application", application))
    return replace(FINISHED, facts=tuple((label, text) for label, text in facts if text))


def failed(failure: Failure) -> Words:
    """Return the words for a sign-in that brought no token: what happened, what to do, then the IDs for support."""
    first, *advice = lines(failure.message).split("\n")
    paragraphs = (_ID.sub("", first).strip(), *advice, "You can close this window. The program shows the same message.")
    return Words("The sign-in did not work", paragraphs, 400, "problem", ids=_ids(failure))


def _ids(failure: Failure) -> tuple[tuple[str, str], ...]:
    found = dict(_ID.findall(failure.message))
    error = failure.error
    if error is not None:
        codes = ", ".join(f"AADSTS{code}" for code in error.codes)
        found = {
            "Error": f"{codes} ({error.error})" if codes else error.error,
            "Correlation ID": error.correlation_id,
            "Trace ID": error.trace_id,
            "Timestamp": error.timestamp,
        } | found
    return tuple((label, text) for label, text in found.items() if text)


def render(words: Words) -> bytes:
    """Return the page, in UTF-8; every word is escaped."""
    facts = "".join(f"<dt>{escape(label)}</dt><dd>{escape(text)}</dd>" for label, text in words.facts)
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in words.paragraphs)
    ids = escape("\n".join(f"{label}: {text}" for label, text in words.ids))
    content = (
        (f"<dl>{facts}</dl>" if facts else "")
        + paragraphs
        + (f'<p class="small">If you ask for help, copy these lines:</p><pre>{ids}</pre>' if ids else "")
    )
    return _PAGE.format(heading=escape(words.heading), style=_STYLE, mark=words.mark, content=content).encode()


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
