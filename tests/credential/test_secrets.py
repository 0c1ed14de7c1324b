"""No token and no code in any log, text, traceback or pickle; the user code goes to the prompt and nowhere else."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from doorcode.emulator import Decline, Edit, Emulator, Html, Pending, Refuse, Reply, Reset
from support.signing import ADA, OTHER, PATIENCE, SCOPE, outcome

SECRET_FIELDS = ("access_token", "refresh_token", "id_token", "device_code", "user_code")


class Spy:
    """Know every secret that the authority gave out."""

    def __init__(self, authority: Emulator) -> None:
        self.secrets: set[str] = set()
        self.refused: list[Any] = []
        for endpoint in ("token", "devicecode"):
            authority.faults.always(endpoint, Edit(self._note))

    def _note(self, content: dict[str, object]) -> None:
        for name in SECRET_FIELDS:
            value = content.get(name)
            if isinstance(value, str):
                self.secrets.add(value)

    def found_in(self, text: str) -> list[str]:
        """Return the secrets that a text has, whole or the middle of one."""
        parts = {secret[4:-4] if len(secret) > 20 else secret for secret in self.secrets}
        return [part for part in parts if part in text]


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Log everything that anybody logs, and give all of it, arguments included, as one text."""
    caplog.set_level(logging.DEBUG)
    for name in ("doorcode", "msal", "azure", "urllib3", "requests"):
        caplog.set_level(logging.DEBUG, name)

    def everything() -> str:
        return "\n".join(f"{record.getMessage()} {record.__dict__!r}" for record in caplog.records)

    return everything


@pytest.fixture(params=[False, True], ids=["plain", "support logging"])
def logging_options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give the options that log the most, with MSAL's personal data and without."""
    return {"enable_support_logging": request.param, "logging_enable": True}


def scenario(make: Any, authority: Emulator, options: dict[str, Any]) -> tuple[list[Any], list[BaseException]]:
    """Sign in, refresh, fail in every way; return what was made and what was raised."""
    credential = make(**options)
    raised: list[Any] = []
    body = {"access_token": "x", "device_code": "y"}
    page = Reply(200, f"<html>{json.dumps(body)}".encode(), "text/html")
    authority.faults.queue("token:device_code", Pending(), Reset(), Html(502), page)
    made = [credential, credential.get_token(SCOPE), credential.get_token_info(SCOPE)]
    made.append(credential.authenticate(scopes=[SCOPE]))
    made.append(credential.get_token(OTHER, enable_cae=True))
    authority.faults.queue("token:refresh_token", Html(200))
    raised.append(outcome(lambda: credential.get_token("https://t.example/.default")))
    authority.revoke(ADA)
    authority.faults.queue("token:device_code", Decline())
    raised.append(outcome(lambda: credential.get_token("https://t.example/.default")))
    authority.faults.queue("token:device_code", Refuse("invalid_grant", 50020, "No."))
    raised.append(outcome(lambda: credential.authenticate(scopes=[SCOPE], force_prompt=True)))
    raised.append(outcome(lambda: make(timeout=0.1, prompt_callback=lambda *_: None, **options).get_token(SCOPE)))
    raised.append(outcome(lambda: make(prompt_callback=broken, **options).get_token(SCOPE)))
    raised.append(outcome(lambda: make(raw_response_hook=broken, **options).get_token(SCOPE)))
    assert all(isinstance(error, BaseException) for error in raised), raised
    return made, raised


def broken(*_: object) -> None:
    """Raise, as a program's own code may."""
    message = "broken"
    raise RuntimeError(message)


def test_logs(
    make: Any,
    authority: Emulator,
    records: Callable[[], str],
    logging_options: dict[str, Any],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """With every logger at DEBUG and every option that logs more, no record has a secret, nor has stdout or stderr."""
    spy = Spy(authority)
    scenario(make, authority, logging_options)
    assert len(spy.secrets) > 10
    assert spy.found_in(records()) == []
    out, err = capfd.readouterr()
    assert out == ""
    assert spy.found_in(err) == []


def test_msal_logs_the_secrets_that_ours_does_not(authority: Emulator, records: Callable[[], str]) -> None:
    """The plain call shows that the check above finds what is there: MSAL's token cache logs the device code."""
    import requests

    spy = Spy(authority)
    session = requests.Session()
    session.verify = authority.ca_file
    with session:
        application = msal_application(authority, session)
        flow = application.initiate_device_flow([SCOPE])
        authority.approve(flow["user_code"])
        application.acquire_token_by_device_flow(flow)
    assert spy.found_in(records()) != []


def msal_application(authority: Emulator, session: Any) -> Any:
    """Return MSAL's own application for the emulator."""
    import msal

    return msal.PublicClientApplication(
        "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
        authority=f"{authority.url}/{authority.tenant_id}",
        instance_discovery=False,
        http_client=session,
    )


def texts(thing: Any) -> str:
    """Return every text that an object shows of itself and of what it holds."""
    held = list(getattr(thing, "__dict__", {}).items())
    session = getattr(thing, "_session", None)
    inner = [] if session is None else [*vars(session).items(), *vars(session.application).items()]
    return "\n".join(repr(value) for value in [thing, str(thing), *held, *inner] if not isinstance(value, str))


def test_representations(make: Any, authority: Emulator, logging_options: dict[str, Any]) -> None:
    """Repr and str of credentials, tokens, records, exceptions, and of all that they hold, show no secret."""
    spy = Spy(authority)
    made, raised = scenario(make, authority, logging_options)
    for thing in [*made, *raised]:
        own = getattr(thing, "credential", thing)
        shown = texts(own)
        if hasattr(own, "token"):  # azure-core's classes: the token is their content, and not in their repr
            shown = repr(own)
        assert spy.found_in(shown) == [], type(own)


def frames(captured: traceback.TracebackException | None) -> Iterator[traceback.FrameSummary]:
    """Yield the frames of an exception and of its causes, but those of these tests."""
    while captured is not None:
        yield from (frame for frame in captured.stack if frame.filename != __file__)
        captured = captured.__cause__ or captured.__context__


def test_tracebacks(make: Any, authority: Emulator, logging_options: dict[str, Any]) -> None:
    """Error reporters collect the locals of every frame: no frame of ours, MSAL's or azure-core's has a secret left."""
    spy = Spy(authority)
    _, raised = scenario(make, authority, logging_options)
    for error in raised:
        for frame in frames(traceback.TracebackException.from_exception(error, capture_locals=True)):
            assert spy.found_in(repr(frame.locals)) == [], (error, frame)


def test_pickles(make: Any, authority: Emulator, logging_options: dict[str, Any]) -> None:
    """Neither a credential nor an exception carries a secret to another process."""
    spy = Spy(authority)
    _, raised = scenario(make, authority, logging_options)
    credential = make(prompt_callback=None, disable_automatic_authentication=True)
    authority.approve_all()
    credential.authenticate(scopes=[SCOPE])
    own = getattr(credential, "credential", credential)
    for thing in [own, *(error for error in raised if not isinstance(error, RuntimeError))]:
        assert spy.found_in(pickle.dumps(thing).decode("latin-1")) == []


def test_the_response_of_an_error_has_no_token(make: Any, authority: Emulator) -> None:
    """What an exception keeps of a reply is the authority's error alone."""
    body = {"error": "invalid_grant", "access_token": "at-secret", "refresh_token": "rt-secret", "more": "x"}
    authority.faults.queue("token", Reply(400, json.dumps(body).encode(), "application/json"))
    error: Any = outcome(lambda: make().get_token(SCOPE))
    assert error.response.json() == {"error": "invalid_grant"}
    assert "secret" not in error.response.text() + repr(error.response)


@pytest.mark.usefixtures("over_after_two_replies")
def test_a_token_in_an_unreadable_reply_is_not_shown(
    make: Any, authority: Emulator, records: Callable[[], str]
) -> None:
    """A body that is not JSON is neither logged nor quoted, since a token may be in it."""
    authority.faults.always("token", Reply(200, b'{"access_token": "at-secret", ', "application/json"))
    error: Any = outcome(lambda: make(timeout=PATIENCE, logging_enable=True).get_token(SCOPE))
    assert "not JSON" in str(error)
    assert "at-secret" not in str(error) + records()
