"""What the library says in the program's log."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from doorcode.emulator import Decline, Emulator, Pass, Pending, Refuse, Reset, ServerError
from support.signing import PATIENCE, SCOPE, outcome
from support.tracebacks import MOST, SOURCE


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return level and text of what doorcode said."""
    return [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name.split(".")[0] == "doorcode" and record.levelno > logging.DEBUG
    ]


@pytest.mark.parametrize("method", ["get_token", "get_token_info"])
def test_success(make: Any, caplog: pytest.LogCaptureFixture, method: str) -> None:
    """One line at INFO for each call, from memory too."""
    caplog.set_level(logging.INFO)
    credential = make()
    for _ in range(2):
        getattr(credential, method)(SCOPE)
    assert lines(caplog) == [("INFO", f"DeviceCodeCredential.{method} succeeded")] * 2


def test_authenticate(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Authenticate says the same of itself."""
    caplog.set_level(logging.INFO)
    make().authenticate(scopes=[SCOPE])
    assert lines(caplog) == [("INFO", "DeviceCodeCredential.authenticate succeeded")]


def test_failure(make: Any, authority: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """One line at WARNING with the reason, which is two lines in the error: logs are read line by line."""
    authority.faults.queue("token", Decline())
    error = outcome(lambda: make().get_token(SCOPE))
    reason, step = str(error).split("\n")
    assert lines(caplog) == [("WARNING", f"DeviceCodeCredential.get_token failed: {reason}. {step}")]


def test_a_warning(
    make: Any, authority: Emulator, caplog: pytest.LogCaptureFixture, shift: Callable[[float], None]
) -> None:
    """What a token is used on in spite of is one line as well, with the next step in it."""
    authority.configure(refresh_in=1800)
    credential = make()
    credential.get_token(SCOPE)
    caplog.clear()
    shift(2000)
    authority.faults.queue("token:refresh_token", Refuse("invalid_grant", 53003, "No."))
    credential.get_token(SCOPE)
    (warning,) = [text for level, text in lines(caplog) if level == "WARNING"]
    assert "\n" not in warning
    assert warning.startswith("DeviceCodeCredential: A token could not be refreshed and is used on")
    assert "Sign in on a machine" in warning


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda credential: credential.get_token(), "get_token failed: 'get_token' requires at least one scope"),
        (lambda credential: credential.get_token(SCOPE, claims="x"), "get_token failed: claims must be the text of"),
        (lambda credential: credential.authenticate(), "authenticate failed: authenticate() at"),
    ],
    ids=["no scope", "bad claims", "no scopes known"],
)
def test_a_call_that_cannot_be_right(make: Any, caplog: pytest.LogCaptureFixture, call: Any, words: str) -> None:
    """Wrong arguments are in the log as well."""
    error = outcome(lambda: call(make(authority="login.example")))
    assert isinstance(error, Exception)
    ((level, text),) = lines(caplog)
    assert level == "WARNING"
    assert text.startswith(f"DeviceCodeCredential.{words}")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda credential: credential.begin(), "begin failed: begin() at"),
        (lambda credential: credential.begin(scopes=[SCOPE]), "begin failed: Couldn't begin authentication: "),
        (lambda credential: credential.resume("{}"), "resume failed: This is no pending sign-in"),
    ],
    ids=["no scopes known", "the authority is down", "no sign-in"],
)
def test_a_sign_in_in_two_steps_that_does_not_begin(
    make: Any, authority: Emulator, caplog: pytest.LogCaptureFixture, call: Any, words: str
) -> None:
    """It is in the log as a call of any other method is, under its own name."""
    authority.faults.always("devicecode", ServerError(500))
    elsewhere = {"authority": "login.example"} if "begin()" in words else {}
    assert isinstance(outcome(lambda: call(make(retry_total=0, **elsewhere))), Exception)
    ((level, text),) = lines(caplog)
    assert level == "WARNING"
    assert text.startswith(f"DeviceCodeCredential.{words}")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Pass(), ("INFO", "PendingSignIn succeeded")),
        (Decline(), ("WARNING", "PendingSignIn failed: The user declined to sign in: ")),
    ],
    ids=["well", "badly"],
)
def test_how_a_sign_in_in_two_steps_ends(
    make: Any, authority: Emulator, caplog: pytest.LogCaptureFixture, reply: Any, expected: tuple[str, str]
) -> None:
    """One line when it has ended, however often it is looked at."""
    credential = make(disable_automatic_authentication=True, prompt_callback=None)
    pending = credential.begin(scopes=[SCOPE])
    caplog.set_level(logging.INFO)
    authority.faults.queue("token:device_code", reply)
    authority.approve(pending.user_code)
    for _ in range(2):
        outcome(lambda: credential._done(pending.wait()) if make.kind == "aio" else pending.wait())
    ((level, text),) = lines(caplog)
    assert (level, text[: len(expected[1])]) == expected
    assert len(text.splitlines()) == 1


def test_a_sign_in_that_the_program_cancels_is_no_warning(
    make: Any, authority: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """A server cancels for each visitor who closes the page."""
    pending = make(prompt_callback=None).begin(scopes=[SCOPE])
    caplog.set_level(logging.INFO)
    pending.cancel()
    assert lines(caplog) == [("INFO", "PendingSignIn failed: Authentication failed: the program cancelled the sign-in")]


def test_polls_that_fail_are_in_the_log(make: Any, authority: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """Each at DEBUG, with its number, what went wrong and how long the next wait is."""
    caplog.set_level(logging.DEBUG, "doorcode")
    authority.faults.queue("token:device_code", Pending(), ServerError(503), Reset())
    make().get_token(SCOPE)
    failed = [record for record in caplog.records if "Poll " in record.getMessage()]
    assert [record.levelname for record in failed] == ["DEBUG"] * 2
    assert [record.getMessage().split()[2] for record in failed] == ["2", "3"]
    assert all("The next poll is due in" in record.getMessage() for record in failed)


def test_a_subclass_is_named(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A program's own class stands in its log lines under its own name."""
    outcome(lambda: make(credential_class=make.asking(lambda *_, **__: {})).get_token(SCOPE))
    assert lines(caplog)[0][1].startswith("Own.get_token failed")


OWN_HANDLERS = {"doorcode": [logging.NullHandler]}


def test_nobodys_logger_is_touched() -> None:
    """No handler, no filter, no level on any logger but what the program set."""
    import doorcode._session.session  # noqa: F401

    for name in ("doorcode", "msal", "msal.token_cache", "azure", "azure.core", "requests.sessions"):
        logger = logging.getLogger(name)
        assert (logger.filters, [type(handler) for handler in logger.handlers]) == ([], OWN_HANDLERS.get(name, []))


def test_every_logger_is_below_the_quiet_one() -> None:
    """A module that asks logging itself may be the first to log, and then nothing has made it quiet.

    The command line is a program: it sets up logging as any program does.
    """
    modules = (path for path in SOURCE.rglob("*.py") if "_cli" not in path.parts)
    asking = {path.name for path in modules if "logging.getLogger" in path.read_text("utf-8")}
    assert asking == {"_log.py"}


UNCAUGHT = """
import doorcode

credential = doorcode.DeviceCodeCredential(disable_automatic_authentication=True)
{}
credential.get_token("https://r.example/.default")
"""


@pytest.mark.parametrize(
    ("setting", "times"), [("", 1), ("import logging; logging.basicConfig()", 2)], ids=["no logging", "logging"]
)
def test_an_error_that_nobody_catches_is_printed_once(setting: str, times: int) -> None:
    """Where the program configured no logging, the traceback says it, and nothing else does."""
    ended = subprocess.run(
        [sys.executable, "-c", UNCAUGHT.format(setting)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.count("Interactive authentication is required") == times
    assert len(re.findall(r'File ".*doorcode.*", line', ended.stderr)) <= MOST
