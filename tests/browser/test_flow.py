"""The authorization code flow as a generator: no socket, no clock, every answer written down."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest

from doorcode._core.flows import auth_code
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
from doorcode._core.messages.failures import unavailable
from doorcode._core.model import Failure, Reason, Tokens
from doorcode._core.replies.faults import Endpoint, Fault, FaultKind
from doorcode._core.replies.service_errors import ServiceError
from doorcode._core.secret import Secret, SecretDict
from doorcode._core.steps import PromptLives, Sleep, Step
from support.virtual import REFUSED, REQUEST, busy, tokens

URI = "http://localhost:8400"
PAGE = SignInPage("https://login.example/authorize?state=s", URI, Secret("s"), SecretDict())
CODE = Redirect(Secret("c"))
UNTRUSTED = Fault(FaultKind.CERTIFICATE, Endpoint.TOKEN, "The certificate is not trusted")
SPENT = ServiceError("invalid_grant", "Already redeemed.", codes=(54005,))


@dataclass
class Script:
    """Answer the steps of a flow from lists, each after some virtual seconds."""

    listen: Any = URI
    begin: Any = PAGE
    open: Any = None
    redirect: Any = CODE
    replies: list[Any] = field(default_factory=lambda: [tokens()])
    take: dict[type[Step[Any]], float] = field(default_factory=dict)
    steps: list[Step[Any]] = field(default_factory=list)

    def drive(self, *, timeout: float | None = 300.0) -> Tokens | Failure:
        """Perform every step until the flow returns."""
        now = 0.0
        flow = auth_code.sign_in(REQUEST, started=now, timeout=timeout, login_hint="ada")
        try:
            step = next(flow)
            while True:
                self.steps.append(step)
                now += step.seconds if isinstance(step, Sleep) else self.take.get(type(step), 0.0)
                step = flow.send((now, self._answer(step)))
        except StopIteration as stop:
            outcome: Tokens | Failure = stop.value
            return outcome

    def _answer(self, step: Step[Any]) -> Any:
        match step:
            case Listen():
                return self.listen
            case BeginBrowser():
                return self.begin
            case OpenPage():
                return self.open
            case AwaitRedirect():
                return self.redirect
            case RedeemCode():
                return self.replies.pop(0)
            case _:
                return None

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the steps of one kind."""
        return [step for step in self.steps if isinstance(step, kind)]


@pytest.fixture(autouse=True)
def real_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the waits be as they are: nobody waits for them here."""
    monkeypatch.setattr(auth_code, "BACK_OFF", (1.0, 2.0, 4.0))


def test_the_order() -> None:
    """Listen, make the address, open it, wait, redeem, tell the user."""
    script = Script()
    outcome = script.drive()
    assert isinstance(outcome, Tokens)
    assert [type(step) for step in script.steps] == [
        Listen, BeginBrowser, PromptLives, OpenPage, AwaitRedirect, RedeemCode, Conclude,
    ]  # fmt: skip
    assert script.of(BeginBrowser)[0].redirect_uri == URI
    assert script.of(BeginBrowser)[0].login_hint == "ada"
    assert script.of(Conclude)[0].outcome == outcome


def test_the_deadline_runs_from_the_beginning() -> None:
    """What discovery and the browser's start took is not the user's any more."""
    script = Script(redirect=None, take={BeginBrowser: 20.0, OpenPage: 5.0})
    outcome = script.drive(timeout=60.0)
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.TIMED_OUT
    assert script.of(OpenPage)[0].left == 40.0
    assert script.of(AwaitRedirect)[0].within == 35.0
    assert script.of(Conclude)[0].outcome == outcome


@pytest.mark.parametrize("timeout", [None, float(sys.maxsize)])
def test_no_timeout(timeout: float | None) -> None:
    """None waits for a day, and so does a number that stands for no limit: no date is as late as that."""
    script = Script()
    script.drive(timeout=timeout)
    assert script.of(AwaitRedirect)[0].within == auth_code.NO_LIMIT


@pytest.mark.parametrize(("timeout", "lives"), [(None, 900.0), (3000.0, 900.0), (300.0, 280.0)])
def test_other_processes_learn_how_long_the_page_is_waited_for(timeout: float | None, lives: float) -> None:
    """No longer than a quarter of an hour: they would wait for a process that is stopped."""
    script = Script(take={BeginBrowser: 20.0})
    script.drive(timeout=timeout)
    assert script.of(PromptLives)[0].seconds == lives


def test_a_deadline_before_anybody_is_asked() -> None:
    """When making the address took all the time, nothing opens."""
    script = Script(begin=REFUSED, take={BeginBrowser: 1.0})
    outcome = script.drive(timeout=1.0)
    assert isinstance(outcome, Failure)
    assert (outcome.reason, outcome.fault) == (Reason.TIMED_OUT, REFUSED)
    assert "before the user could be asked" in outcome.message
    assert script.of(OpenPage) == []


NOWHERE = unavailable("no", "yes")
ENDS: dict[str, tuple[dict[str, Any], Reason]] = {
    "no port": ({"listen": NOWHERE}, Reason.UNAVAILABLE),
    "no discovery": ({"begin": REFUSED}, Reason.UNREACHABLE),
    "refused at once": ({"begin": ServiceError("invalid_request")}, Reason.REFUSED),
    "no browser": ({"open": NOWHERE}, Reason.UNAVAILABLE),
    "no prompt": ({"redirect": NOWHERE}, Reason.UNAVAILABLE),
    "declined": ({"redirect": Redirect(error=ServiceError("access_denied"))}, Reason.DECLINED),
    "an empty answer": ({"redirect": Redirect()}, Reason.REFUSED),
    "refused": ({"replies": [SPENT]}, Reason.REFUSED),
    "untrusted": ({"replies": [UNTRUSTED]}, Reason.UNREACHABLE),
    "away": ({"replies": [REFUSED] * 4}, Reason.UNREACHABLE),
    "an answer that was lost": ({"replies": [REFUSED, SPENT]}, Reason.UNREACHABLE),
}


@pytest.mark.parametrize(("answers", "reason"), ENDS.values(), ids=ENDS)
def test_ends(answers: dict[str, Any], reason: Reason) -> None:
    """Each end has its reason, and whoever has been brought to a page is told."""
    given: dict[str, Any] = {name: list(value) if name == "replies" else value for name, value in answers.items()}
    script = Script(**given)
    outcome = script.drive()
    assert isinstance(outcome, Failure)
    assert outcome.reason is reason
    told = [step.outcome for step in script.of(Conclude)]
    assert told == ([] if {"listen", "begin"} & answers.keys() or (outcome == NOWHERE and "redirect" in answers)
                    else [outcome])  # fmt: skip


def test_back_off() -> None:
    """Tries to redeem the code grow apart, and end after half a minute however long each takes."""
    script = Script(replies=[REFUSED, busy(503), REFUSED, tokens()])
    assert isinstance(script.drive(), Tokens)
    assert [step.seconds for step in script.of(Sleep)] == [1.0, 2.0, 4.0]
    slow = Script(replies=[REFUSED] * 4, take={RedeemCode: 10.0})
    assert isinstance(slow.drive(), Failure)
    assert [step.within for step in slow.of(RedeemCode)] == [math.inf] * 3


def test_the_user_is_done_at_the_deadline() -> None:
    """An answer that comes at the last moment is redeemed after it."""
    script = Script(take={AwaitRedirect: 299.9, RedeemCode: 5.0})
    assert isinstance(script.drive(), Tokens)


STATE = Secret("the-state")
READ: dict[str, tuple[str, Redirect | None]] = {
    "a code": ("code=c&state=the-state", Redirect(Secret("c"))),
    "with more": ("code=c&state=the-state&session_state=x&client_info=y", Redirect(Secret("c"))),
    "nothing else": ("state=the-state", Redirect()),
    "an empty code": ("code=&state=the-state", Redirect()),
    "no state": ("code=c", None),
    "another state": ("code=c&state=the-statf", None),
    "a state with more": ("code=c&state=the-state2", None),
    "an empty state": ("code=c&state=", None),
    "a state twice": ("code=c&state=the-state&state=the-state", None),
    "a code twice": ("code=c&code=d&state=the-state", None),
    "many fields": ("state=the-state" + "&a=b" * 50, None),
    "nothing": ("", None),
    "not ASCII": ("code=c&state=%C3%A9", None),
}


@pytest.mark.parametrize(("fields", "expected"), READ.values(), ids=READ)
def test_reading_an_answer(fields: str, expected: Redirect | None) -> None:
    """It carries this very state, each parameter once."""
    assert auth_code.read_redirect(fields, STATE) == expected


def test_reading_an_error() -> None:
    """Error, words and finer code, as one line each, without what a terminal acts on; nothing but these."""
    fields = "error=access_denied&error_description=AADSTS65004%3A+No%0A%1B%5B31m&error_subcode=cancel&state=the-state"
    redirect = auth_code.read_redirect(f"{fields}&claims=%7B%7D", STATE)
    assert redirect is not None
    assert redirect.error is not None
    assert redirect.error.error == "access_denied"
    assert redirect.error.description == "AADSTS65004: No [31m"
    assert (redirect.error.codes, redirect.error.suberror, redirect.error.claims) == ((65004,), "cancel", None)
