"""Render the pages that the user sees, from templates and one style sheet, with security headers."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final

from jinja2 import Environment, PackageLoader, StrictUndefined

from doorcode.emulator._wire import NO_STORE, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

SUBMIT_SCRIPT: Final = "document.forms[0].submit()"
"""The only script of any page; it submits a ``form_post`` (OAuth 2.0 Form Post Response Mode 5)."""
SUBMIT_HASH: Final = f"'sha256-{base64.b64encode(hashlib.sha256(SUBMIT_SCRIPT.encode()).digest()).decode()}'"

MESSAGES: Final[Mapping[str, tuple[int, str, str]]] = {
    "done": (200, "You are signed in", "You can close this window and go back to the program on your other device."),
    "declined": (200, "You declined", "Nothing was shared with the program. You can close this page."),
    "expired": (
        410,
        "This code has expired",
        "Codes are good for a short time only. Start the sign-in again in your program to get a new one.",
    ),
    "answered": (
        409,
        "This code was used already",
        "Each code is good for one sign-in. Start again in your program to get a new one.",
    ),
    "stale": (
        400,
        "This page is out of date",
        "It was sent already, or the emulator was restarted. Go back to where the sign-in began.",
    ),
    "signed_out": (200, "You are signed out", "You can close this page."),
}
"""Pages without a form: status, heading and text."""
OUTCOMES: Final[Mapping[str, str]] = {"done": "done", "signed_out": "done", "declined": "ended"}
"""The mark beside the heading of these pages; the others have the mark of a problem."""
IDS: Final = re.compile(r" (?=(?:Trace ID|Correlation ID|Timestamp): )")
"""Where the IDs for Microsoft's support begin in the text of an error; each is shown on its own line."""


@final
class Pages:
    """Render pages from the templates of this package; every value is escaped."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("doorcode.emulator"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._stylesheet = files("doorcode.emulator").joinpath("emulator.css").read_bytes()

    def show(
        self,
        template: str,
        values: Mapping[str, object],
        *,
        status: int = 200,
        form_targets: tuple[str, ...] = (),
        script: bool = False,
    ) -> Response:
        """Return a page.

        Args:
            template: its file.
            values: what the template shows.
            status: of the answer.
            form_targets: origins besides our own that its form may lead to, by a redirect too.
            script: whether it carries `SUBMIT_SCRIPT`.
        """
        body = self._templates.get_template(template).render(values)
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": _policy(form_targets, script=script),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            **NO_STORE,
        }
        return Response(status, body.encode(), headers)

    def message(self, name: str, facts: Mapping[str, str] = MappingProxyType({})) -> Response:
        """Return a page without a form, one of `MESSAGES`.

        Args:
            name: which.
            facts: labels and texts below the heading.
        """
        status, heading, text = MESSAGES[name]
        values = {"heading": heading, "text": text, "details": "", "outcome": OUTCOMES.get(name, ""), "facts": facts}
        return self.show("message.html", values, status=status)

    def error(self, status: int, details: str) -> Response:
        """Return the page for a request that failed before the user could be asked."""
        heading = "The sign-in cannot go on"
        text = "The program asked for something that this authority does not give."
        details = IDS.sub("\n", details)
        no_facts: dict[str, str] = {}
        values = {"heading": heading, "text": text, "details": details, "outcome": "", "facts": no_facts}
        return self.show("message.html", values, status=status)

    def form_post(self, redirect_uri: str, fields: Mapping[str, str], origin: str) -> Response:
        """Return the page that posts an answer to the application by itself (OAuth 2.0 Form Post Response Mode 2)."""
        values = {"action": redirect_uri, "fields": fields, "submit_script": SUBMIT_SCRIPT}
        return self.show("form_post.html", values, form_targets=(origin,), script=True)

    def stylesheet(self) -> Response:
        """Return the style sheet."""
        headers = {"Content-Type": "text/css; charset=utf-8", "X-Content-Type-Options": "nosniff"}
        return Response(200, self._stylesheet, headers)


def _policy(form_targets: tuple[str, ...], *, script: bool) -> str:
    # Browsers apply form-action to the redirect after a form, too, so it must contain the redirect URI's origin.
    directives = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src data:",
        " ".join(["form-action 'self'", *form_targets]),
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    if script:
        directives.append(f"script-src {SUBMIT_HASH}")
    return "; ".join(directives)
