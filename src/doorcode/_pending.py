"""A sign-in in two steps: a code that was handed out, and what is known of it between two looks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, Final

from doorcode._bridge import exception_for
from doorcode._core import device
from doorcode._core.checks import check_scopes, check_tenant
from doorcode._core.claims import merge_claims
from doorcode._core.device import Deadline
from doorcode._core.device_reply import DeviceCode
from doorcode._core.failures import cancelled
from doorcode._core.replies import device_code
from doorcode._core.steps import Failure, Poll, Reply, Sleep, TokenRequest, Tokens
from doorcode._core.wire import instant, vschars
from doorcode._record import AuthenticationRecord
from doorcode._session import Session
from doorcode._turn import Turn

VERSION: Final = "1.0"
SOON: Final = 0.05
"""Seconds between looks while a request that nobody waits for any more may still bring the answer."""
_NOTE: Final = "secret: whoever holds this can finish the sign-in"


class BasePending:
    """Hold a device code that a person may be entering just now.

    Attributes:
        verification_uri: where the person goes.
        user_code: what they enter there.
        expires_on: until when, an aware UTC ``datetime``.
        message: both in a sentence, without control characters.
        interval: seconds between two polls that the authority wants.
    """

    def __init__(self, session: Session, request: TokenRequest, code: DeviceCode, deadline: Deadline) -> None:
        self._session = session
        self._request = request
        self._code = code
        self._turn = Turn(session, anybody=True)
        self._flow = device.wait(request, code, deadline, time.monotonic())
        self._outcome: AuthenticationRecord | Failure | None = None
        self._due = 0.0
        self._asked: Poll | None = None
        self._sent: Poll | None = None
        self._hearing = threading.Lock()
        self._follow(next(self._flow))
        self.verification_uri: str = code.verification_uri
        self.user_code: str = code.user_code
        self.expires_on: datetime = datetime.fromtimestamp(code.expires_on, timezone.utc)
        self.message: str = code.message
        self.interval: float = code.interval

    @property
    def done(self) -> bool:
        """Return whether the sign-in has ended, well or not."""
        return self._outcome is not None

    def cancel(self) -> None:
        """Give the sign-in up: no further poll is sent, and whoever waits gets a SignInCancelledError."""
        self._end(cancelled())

    def serialize(self) -> str:
        """Return the sign-in as JSON text, with which another process can finish it: ``credential.resume(text)``.

        The text holds the device code. It is a secret: keep it as you would keep a password.
        """
        request, code = self._request, self._code
        return json.dumps(
            {
                "note": _NOTE,
                "version": VERSION,
                "client_id": self._session.config.client_id,
                "authority": self._session.config.authority.netloc,
                "tenant_id": request.tenant_id,
                "scopes": request.scopes,
                "claims": request.claims,
                "enable_cae": request.enable_cae,
                "device_code": code.device_code.reveal(),
                "user_code": code.user_code,
                "verification_uri": code.verification_uri,
                "message": code.message,
                "interval": code.interval,
                "expires_in": code.expires_in,
                "expires_on": code.expires_on,
                "correlation_id": code.correlation_id,
            }
        )

    def __repr__(self) -> str:
        state = "done" if self.done else "waiting for the person"
        return f"<{type(self).__name__}: {state}, expires_on={self.expires_on.isoformat()}>"

    def _next_poll(self) -> Poll | None:
        """Return the poll to send now; None when none is due, when one is on its way, or when the sign-in has ended."""
        while self._outcome is None and self._asked is None and time.monotonic() >= self._due:
            self._follow(self._send(None))
        if self._outcome is not None or self._asked is self._sent:
            return None
        self._sent = self._asked
        return self._asked

    @property
    def _pause_seconds(self) -> float:
        """Return how long another look would be in vain."""
        return max(0.0, self._due - time.monotonic()) if self._asked is None else SOON

    def _look(self, poll: Poll) -> bool:
        """Send a poll and take its reply, though nobody may wait for it any more; blocks."""
        try:
            # A cache that cannot be used is an error before the code is spent.
            self._session.cache(cae=self._request.enable_cae)
            reply = self._turn.exchange(poll)
        except BaseException:
            self._sent = None
            raise
        self._hear(poll, reply)  # type: ignore[arg-type] # a poll's answer
        return True

    def _hear_nothing(self, poll: Poll) -> None:
        """Take it that a poll was not answered in time; may block for a moment."""
        self._hear(poll, self._turn.silence(poll))  # type: ignore[arg-type] # a poll's answer

    def _hear(self, poll: Poll, reply: Reply) -> None:
        """Take the reply to a poll; one that comes after all counts if it brings the tokens."""
        with self._hearing:
            if self._outcome is not None:
                self._turn.late(poll)(reply)
            elif poll is self._asked:
                self._follow(self._send(reply))
            elif isinstance(reply, Tokens):
                self._end(self._accepted(reply))

    def _send(self, answer: object) -> object:
        try:
            return self._flow.send((time.monotonic(), answer))
        except StopIteration as stop:
            self._end(self._accepted(stop.value))
            return None

    def _follow(self, step: object) -> None:
        if isinstance(step, Sleep):
            self._due = time.monotonic() + step.seconds
        self._asked = step if isinstance(step, Poll) else None

    def _accepted(self, outcome: Tokens | Failure) -> AuthenticationRecord | Failure:
        if isinstance(outcome, Tokens):
            outcome = self._session.accept(outcome, self._request, anybody=True)
        if isinstance(outcome, Failure):
            return outcome
        assert self._session.record is not None
        return self._session.record

    def _end(self, outcome: AuthenticationRecord | Failure) -> None:
        if self._outcome is None:
            self._outcome = outcome

    @staticmethod
    def _not_yet(timeout: float | None) -> TimeoutError:
        return TimeoutError(f"Nobody has signed in within {timeout:g} s; the sign-in goes on.")

    def _result(self) -> AuthenticationRecord | None:
        """Return what the sign-in brought so far.

        Raises:
            AuthenticationFailedError: it ended without a token.
        """
        if isinstance(self._outcome, Failure):
            error = exception_for(self._outcome, self._request)
            raise error from error.__cause__
        return self._outcome


def read_pending(text: str, session: Session) -> tuple[TokenRequest, DeviceCode, Deadline]:
    """Read what ``serialize`` wrote.

    Args:
        text: the JSON text.
        session: of the credential that finishes the sign-in.

    Raises:
        ValueError: it is no sign-in, of another version, or of another application or authority.
    """
    try:
        fields = json.loads(text)
        if fields["version"] != VERSION:
            message = f"This sign-in has version {fields['version']!r}; this package reads version {VERSION}."
            raise ValueError(message)
        return _read(fields, session)
    except (KeyError, TypeError, RecursionError, json.JSONDecodeError):
        message = "This is no pending sign-in. Pass what serialize() returned."
        raise ValueError(message) from None


def _read(fields: Mapping[str, Any], session: Session) -> tuple[TokenRequest, DeviceCode, Deadline]:
    for name, own in (("client_id", session.config.client_id), ("authority", session.config.authority.netloc)):
        if fields[name] != own:
            message = f"This sign-in has {name} {fields[name]!r}, but the credential has {own!r}."
            raise ValueError(message)
    scopes = check_scopes(tuple(fields["scopes"]), "resume")
    request = TokenRequest(scopes, check_tenant(fields["tenant_id"]), fields["claims"], fields["enable_cae"] is True)
    merge_claims(request.claims, request.enable_cae)
    now = time.time()
    # As careful as with the authority's own reply: the text was somewhere else meanwhile.
    code = device_code(fields, now)
    if not isinstance(code, DeviceCode) or instant(fields["expires_on"]) is None:
        raise TypeError
    code = replace(code, expires_on=float(fields["expires_on"]), correlation_id=vschars(fields["correlation_id"]) or "")
    age = code.expires_in - (code.expires_on - now)
    return request, code, device.until_lapse(code, time.monotonic() - age)
