"""The authorization code grant with PKCE in a user's browser (RFC 6749 4.1, RFC 7636, RFC 8252)."""

from __future__ import annotations

import hmac
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from doorcode._core.flows.browser_steps import (
    AwaitRedirect,
    BeginBrowser,
    Conclude,
    Listen,
    OpenPage,
    RedeemCode,
    Redirect,
    SignInPage,
)
from doorcode._core.flows.leases import LONGEST_PROMPT
from doorcode._core.messages.error_context import ErrorContext, GrantType
from doorcode._core.messages.failures import refused, timed_out, unreachable, without_answer
from doorcode._core.model import Failure, Reply, TokenRequest, Tokens
from doorcode._core.replies.faults import Fault
from doorcode._core.replies.service_errors import ServiceError, service_error
from doorcode._core.secret import Secret
from doorcode._core.steps import Flow, LogDebug, PromptLives, Sleep, ask

LONGEST_OPENING: Final = 5.0
"""Seconds to wait for a browser to start; a browser that still runs after that has started."""
LONGEST_REDEEMING: Final = 30.0
"""Seconds after which the code is not sent again. The user has signed in, so ``timeout`` does not apply any more."""
LONGEST_RESULT_PAGE: Final = 2.0
"""Seconds to wait until the browser has received the result page."""
NO_LIMIT: Final = 86400.0
"""Seconds to wait at most, and without a ``timeout``: no sign-in page is valid for longer than a day."""
BACK_OFF: Final = (1.0, 2.0, 4.0)
"""Seconds between attempts to redeem a code while the network fails."""
_MOST_FIELDS: Final = 32
_BEGINNING: Final = "Couldn't begin authentication"


def sign_in(
    request: TokenRequest, *, started: float, timeout: float | None, login_hint: str | None = None
) -> Flow[Tokens | Failure]:
    """Bring a user to the sign-in page and wait for what their browser brings back.

    Args:
        request: what the token is for.
        started: when the sign-in began, in monotonic seconds.
        timeout: seconds from then that the user has, a day at most; None is a day, 0 prompts no user.
        login_hint: the sign-in name that the page is filled in with, or None.

    Returns:
        the tokens, or why there are none.
    """
    seconds = NO_LIMIT if timeout is None else min(timeout, NO_LIMIT)
    if seconds <= 0:
        return timed_out(seconds, None)
    at, redirect_uri = yield from ask(Listen())
    if isinstance(redirect_uri, Failure):
        return redirect_uri
    left = started + seconds - at
    at, page = yield from ask(BeginBrowser(request, redirect_uri, login_hint, left))
    left = started + seconds - at
    if left <= 0:
        return timed_out(seconds, page if isinstance(page, Fault) else None, prompted=False)
    if isinstance(page, ServiceError):
        return refused(page, _BEGINNING, context=_context(request))
    if isinstance(page, Fault):
        return unreachable(page, _BEGINNING)
    return (yield from _prompt(request, page, started + seconds, left, seconds))


def _prompt(
    request: TokenRequest, page: SignInPage, deadline: float, left: float, seconds: float
) -> Flow[Tokens | Failure]:
    yield from ask(PromptLives(min(left, LONGEST_PROMPT)))
    at, trouble = yield from ask(OpenPage(page, left, min(left, LONGEST_OPENING)))
    if trouble is not None:
        yield from ask(Conclude(trouble, LONGEST_RESULT_PAGE))
        return trouble
    at, redirect = yield from ask(AwaitRedirect(page, max(0.0, deadline - at)))
    if isinstance(redirect, Failure):
        return redirect
    outcome = timed_out(seconds, None) if redirect is None else (yield from _settle(request, page, redirect, at))
    yield from ask(Conclude(outcome, LONGEST_RESULT_PAGE))
    return outcome


def _settle(request: TokenRequest, page: SignInPage, redirect: Redirect, at: float) -> Flow[Tokens | Failure]:
    if redirect.error is not None:
        return refused(redirect.error, context=_context(request))
    if redirect.code is None:
        return without_answer()
    reply = yield from _redeem(request, page, redirect, at)
    if isinstance(reply, Tokens):
        return reply
    return unreachable(reply) if isinstance(reply, Fault) else refused(reply, context=_context(request))


def _context(request: TokenRequest) -> ErrorContext:
    return ErrorContext(GrantType.AUTHORIZATION_CODE, request.scopes)


def _redeem(request: TokenRequest, page: SignInPage, redirect: Redirect, at: float) -> Flow[Reply]:
    """Redeem the code; while no answer arrives, try again, because the user has signed in already."""
    until = at + LONGEST_REDEEMING
    trouble: Fault | None = None
    for attempt, pause in enumerate((*BACK_OFF, None), 1):
        at, reply = yield from ask(RedeemCode(request, page, redirect))
        if not isinstance(reply, Fault):
            # A code works for one request: if the authority used it up, the reply with the token was lost.
            spent = trouble is not None and isinstance(reply, ServiceError) and reply.error == "invalid_grant"
            return trouble if spent and trouble is not None else reply
        trouble = reply
        if reply.kind.permanent or pause is None or at + pause >= until:
            break
        yield from ask(LogDebug(f"Redeeming the code failed, try {attempt}: {reply.message}. The next in {pause:g} s."))
        at, _ = yield from ask(Sleep(pause))
    assert trouble is not None
    return trouble


def read_redirect(fields: str, state: Secret) -> Redirect | None:
    """Read what a browser brought: a query, or a form's body (RFC 6749 4.1.2, Form Post Response Mode 2).

    Args:
        fields: ``application/x-www-form-urlencoded``.
        state: that of the sign-in page.

    Returns:
        The answer; None if it does not carry exactly this ``state``, once, and so belongs to another sign-in.
    """
    try:
        pairs = parse_qsl(fields, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    found = dict(pairs)
    # RFC 6749 3.1: parameters MUST NOT be included more than once.
    if len(found) != len(pairs) or not _same(found.get("state", ""), state):
        return None
    if found.get("error"):
        suberror = found.get("error_subcode", "")
        return Redirect(error=service_error({**found, "suberror": suberror, "error_codes": None, "claims": None}))
    code = found.get("code")
    return Redirect(code=Secret(code) if code else None)


def read_address(text: str, page: SignInPage) -> Redirect | str:
    """Read the address that a user copied out of their browser.

    Args:
        text: what they pasted; characters that a terminal or a mail program adds or inserts are ignored.
        page: the page that the user was sent to.

    Returns:
        the answer, or a sentence for the user that says what is wrong with it.
    """
    address = "".join(text.split()).strip("<>\"'")
    if not address:
        return "Nothing was pasted."
    query = _query_at(address, page.redirect_uri)
    if query is None:
        return f"This is not the address that the sign-in ends on: that one begins with {page.redirect_uri}"
    redirect = read_redirect(query, page.state)
    return redirect if redirect is not None else "This address belongs to another sign-in, or is not whole."


def _query_at(address: str, redirect_uri: str) -> str | None:
    """Return the query of an address that otherwise equals the redirect URI; None for any other address."""
    try:
        parts, expected = urlsplit(address), urlsplit(redirect_uri)
    except ValueError:
        return None
    place = (parts.scheme, parts.netloc.lower(), parts.path or "/")
    return parts.query if place == (expected.scheme, expected.netloc.lower(), expected.path or "/") else None


def _same(given: str, state: Secret) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), state.reveal().encode())
