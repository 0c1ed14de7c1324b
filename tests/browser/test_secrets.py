"""No code, verifier, state, nonce or token in any log, text, traceback or pickle of a sign-in in a browser."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import Any
from urllib.parse import urlencode

import pytest

from doorcode._core.flows.browser_steps import Redirect, SignInPage
from doorcode._core.secret import Secret, SecretDict
from doorcode.emulator import Edit, Emulator, Html, Refuse
from doorcode.prompts import PasteRequest
from support.person import Person, post, query_of
from support.signing import SCOPE, outcome


class Spy:
    """Know every secret of the sign-ins that it sees."""

    def __init__(self, authority: Emulator, person: Person) -> None:
        self.secrets: set[str] = set()
        self._person = person
        self._authority = authority
        authority.faults.always("token", Edit(self._note))
        person.does = self.sign_in

    def sign_in(self, url: str) -> Any:
        """Sign in, and note what the program is told."""
        return post(self._person.redirect_uri(url), self.answer(url))

    def answer(self, url: str) -> dict[str, str]:
        """Return the authority's answer."""
        answer = self._person.answer(url)
        self.secrets |= {answer["code"], answer["state"]}
        return answer

    def _note(self, content: dict[str, object]) -> None:
        self.secrets |= {
            str(content[name]) for name in ("access_token", "refresh_token", "id_token") if name in content
        }

    def found_in(self, text: str) -> list[str]:
        """Return the secrets that a text holds, the verifiers among them."""
        verifiers = {each.form["code_verifier"] for each in self._authority.requests_to("token:authorization_code")}
        return [secret for secret in self.secrets | verifiers if secret[4:-4] in text]


@pytest.fixture
def spy(authority: Emulator, person: Person) -> Spy:
    """Give the spy."""
    return Spy(authority, person)


def scenario(make: Any, authority: Emulator, person: Person, spy: Spy) -> tuple[list[Any], list[Any]]:
    """Sign in in every way, fail in every way; return what was made and what was raised."""

    def paste(request: PasteRequest) -> str:
        return f"{request.redirect_uri}/?{urlencode(spy.answer(request.url))}"

    options: dict[str, Any] = {"enable_support_logging": True, "logging_enable": True}
    credentials = [make(**options), make(paste=paste, **options), make("UserCredential", prefer="browser", **options)]
    made = [*credentials, *(credential.get_token(SCOPE) for credential in credentials)]
    raised: list[Any] = []
    for fault in (Refuse("invalid_grant", 53003, "No."), Html(200), Edit(lambda content: {**content, "id_token": "x"})):
        authority.faults.always("token", fault)
        raised.append(outcome(lambda: made[0].authenticate(scopes=[SCOPE], force_prompt=True)))
    authority.faults.clear("token")
    person.does = lambda url: spy.sign_in(url.replace("&nonce=", "&nonce=0"))
    raised.append(outcome(lambda: made[0].authenticate(scopes=[SCOPE], force_prompt=True)))
    raised.append(
        outcome(lambda: make(paste=lambda _: "http://localhost:8400/?code=c0de-c0de&state=x").get_token(SCOPE))
    )
    return made, [error for error in raised if isinstance(error, BaseException)]


def test_logs(make: Any, authority: Emulator, person: Person, spy: Spy, caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at DEBUG and all that logs more switched on."""
    caplog.set_level(logging.DEBUG)
    for name in ("doorcode", "msal", "azure", "urllib3", "requests"):
        caplog.set_level(logging.DEBUG, name)
    scenario(make, authority, person, spy)
    # The user's browser and the authority, whose addresses hold state and code, log here too; they are not ours.
    ours = [record for record in caplog.records if not record.name.startswith(("urllib3", "uvicorn"))]
    text = "\n".join(f"{record.getMessage()} {record.__dict__!r}" for record in ours)
    assert ours
    assert spy.found_in(text) == []


def test_texts_and_pickles(make: Any, authority: Emulator, person: Person, spy: Spy) -> None:
    """Whatever a program can print, format, pickle or find in a traceback's frames."""
    made, raised = scenario(make, authority, person, spy)
    assert len(raised) >= 4
    for thing in [*made, *raised]:
        assert spy.found_in(f"{thing!r} {thing}" if isinstance(thing, BaseException) else repr(thing)) == []
    for error in raised:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        assert spy.found_in(shown) == []
        assert spy.found_in(pickle.dumps(error).decode("latin-1")) == []
    for credential in made[:1]:
        inner = getattr(credential, "credential", credential)
        assert spy.found_in(pickle.dumps(inner).decode("latin-1")) == []


def test_the_values_of_the_flow() -> None:
    """The types that hold state, verifier and code show none of them."""
    page = SignInPage(
        "https://x/?state=the-state", "http://localhost:1", Secret("the-state"), SecretDict(code_verifier="v3r")
    )
    text = repr(page) + repr(Redirect(Secret("the-code")))
    assert all(secret not in text for secret in ("the-state", "v3r", "the-code"))
    assert query_of(page.url)["state"] == "the-state"
