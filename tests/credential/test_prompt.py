"""How the code reaches the user: the callback, or the service's message on standard output."""

from __future__ import annotations

import asyncio
import io
import os
import struct
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from unicodedata import east_asian_width
from unittest.mock import MagicMock

import pytest
from azure.core.exceptions import ClientAuthenticationError

from doorcode import DeviceCodeCredential, errors
from doorcode.emulator import Emulator, Pending
from doorcode.prompts import stderr
from support.signing import PATIENCE, SCOPE, changed, raw, start


def test_the_callback_gets_what_the_page_promises(make: Any, authority: Emulator) -> None:
    """verification_uri and user_code as text, expires_on aware and in UTC."""
    before = datetime.now(timezone.utc)
    make().get_token(SCOPE)
    (prompt,) = make.approver.prompts
    assert prompt.verification_uri == f"{authority.url}/devicelogin"
    assert isinstance(prompt.user_code, str)
    assert prompt.expires_on.tzinfo is timezone.utc
    assert timedelta(seconds=895) < prompt.expires_on - before < timedelta(seconds=905)


def test_with_a_callback_nothing_is_printed(make: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The callback is the only output."""
    make().get_token(SCOPE)
    assert capsys.readouterr() == ("", "")


def test_without_one_the_services_message_is_printed(
    make: Any, authority: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service's own words, with address and code, on standard output, as one line."""
    authority.configure(message="Geh zu {verification_uri}, gib {user_code} ein: é")
    authority.approve_all()
    make(prompt_callback=None).get_token(SCOPE)
    out, err = capsys.readouterr()
    assert out.startswith(f"Geh zu {authority.url}/devicelogin, gib ")
    assert out.endswith(" ein: é\n")
    assert (out.count("\n"), err) == (1, "")


@pytest.mark.parametrize("columns", [24, 40, 80, 97, 200])
@pytest.mark.parametrize(
    "message",
    [
        "To sign in, use a web browser to open the page {verification_uri} and enter the code {user_code} to sign in.",
        "Web ブラウザーでページ {verification_uri} を開き、コード {user_code} を入力して認証します。",
    ],
    ids=["English", "Japanese"],
)
def test_a_terminal_never_breaks_the_code(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch, columns: int, message: str
) -> None:
    """The words are the service's; where the terminal's edge comes, the line ends between two of them."""
    fcntl: Any = pytest.importorskip("fcntl", reason="only Unix has terminals of this kind")
    termios: Any = pytest.importorskip("termios", reason="likewise")
    shown_message = message.format(verification_uri=f"{authority.url}/devicelogin", user_code="ABCD12345")
    authority.faults.queue("devicecode", changed(user_code="ABCD12345", message=shown_message))
    authority.approve_all()
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(slave, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        make(prompt_callback=None).get_token(SCOPE)
        shown = os.read(master, 4096).decode()
    os.close(master)
    rows = [row for line in shown.splitlines() for row in as_shown(line, columns)]
    assert any("ABCD12345" in row for row in rows), shown
    assert " ".join(shown.split()) == shown_message


def as_shown(line: str, columns: int) -> list[str]:
    """Return the rows of a terminal that show a line."""
    rows = [""]
    column = 0
    for character in line:
        width = 2 if east_asian_width(character) in "WF" else 1
        if column + width > columns:
            rows.append("")
            column = 0
        rows[-1] += character
        column += width
    return rows


class Watched(io.StringIO):
    """A stream that knows how many polls there had been when it was flushed."""

    def __init__(self, authority: Emulator) -> None:
        super().__init__()
        self._authority = authority
        self.polls_at_flush: list[int] = []

    def flush(self) -> None:
        self.polls_at_flush.append(self._authority.count("token"))


def test_it_is_flushed_before_the_first_poll(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code is not held back in a buffer until it has expired."""
    watched = Watched(authority)
    monkeypatch.setattr(sys, "stdout", watched)
    authority.approve_all()
    make(prompt_callback=None).get_token(SCOPE)
    assert watched.polls_at_flush == [0]


class Broken(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


class Odd:
    """A stream of a program's own that can do nothing but write."""

    encoding = "no-such-encoding"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)


def closed() -> io.StringIO:
    """Return a stream that was closed."""
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize(
    "stdout", [lambda: None, closed, Broken, io.BytesIO], ids=["None", "closed", "broken pipe", "bytes"]
)
def test_without_a_usable_stdout_it_goes_to_stderr(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch, stdout: Any
) -> None:
    """A service, a GUI program, a pipe that broke: standard error shows it then."""
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stdout())
    monkeypatch.setattr(sys, "stderr", stderr)
    authority.approve_all()
    make(prompt_callback=None).get_token(SCOPE)
    assert "/devicelogin" in stderr.getvalue()


def test_a_mocked_stdout(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that patches ``sys.stdout`` finds the code there."""
    monkeypatch.setattr(sys, "stdout", stdout := MagicMock())
    authority.approve_all()
    make(prompt_callback=None).get_token(SCOPE)
    assert any("/devicelogin" in str(written) for written in stdout.write.call_args_list)


def test_with_nothing_to_show_it_on_nobody_waits(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nothing can show the code the call fails before polling."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(ClientAuthenticationError, match="prompt_callback"):
        make(prompt_callback=None).get_token(SCOPE)
    assert authority.count("token") == 0


def test_a_stream_of_a_programs_own(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in for stdout need not be a file, nor have a method flush: the prompt is there, and only there."""
    odd, stderr = Odd(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", odd)
    monkeypatch.setattr(sys, "stderr", stderr)
    authority.approve_all()
    make(prompt_callback=None).get_token(SCOPE)
    assert ("/devicelogin" in odd.text, stderr.getvalue()) == (True, "")


def test_a_character_that_cannot_be_shown(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an ASCII terminal the odd character is replaced; address and code are whole."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    authority.configure(message="é {verification_uri} {user_code}")
    authority.approve_all()
    make(prompt_callback=None).get_token(SCOPE)
    out.seek(0)
    assert out.read().startswith(f"? {authority.url}/devicelogin ")


def test_control_characters_never_reach_the_terminal(
    make: Any, authority: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences, bells and line breaks in the service's message are taken out."""
    authority.configure(message="\x1b[2J\x1b]0;evil\x07{verification_uri}\r\n{user_code}\u202e")
    authority.approve_all()
    make(prompt_callback=None).get_token(SCOPE)
    out = capsys.readouterr().out.removesuffix("\n")
    assert out.isprintable()
    assert "/devicelogin" in out


def test_a_missing_message_is_made_up(make: Any, authority: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a message, address and code are shown all the same."""
    authority.faults.queue("devicecode", changed(message=None, user_code="ABCD-EFGH"))
    authority.approve_all()
    make(prompt_callback=None).get_token(SCOPE)
    out = capsys.readouterr().out
    assert f"{authority.url}/devicelogin" in out
    assert "ABCD-EFGH" in out


def test_the_complete_address_is_shown_beside_the_code(
    make: Any, authority: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """verification_uri_complete is an extra, never instead of the code (RFC 8628 3.3.1)."""
    complete = f"{authority.url}/devicelogin?user_code=ABCD"
    authority.faults.queue("devicecode", changed(verification_uri_complete=complete))
    authority.approve_all()
    make(prompt_callback=None).get_token(SCOPE)
    out = capsys.readouterr().out
    assert complete in out
    assert "enter the code" in out


def test_an_older_name_of_the_address(make: Any, authority: Emulator) -> None:
    """verification_url, as drafts and Google have it, is the address."""
    url = f"{authority.url}/devicelogin"
    authority.faults.queue("devicecode", changed(verification_uri=None, verification_url=url))
    make().get_token(SCOPE)
    assert make.approver.prompts[0].verification_uri == url


MUST_NOT_BE_SHOWN = {
    "escape sequence in the code": (dict(user_code="\x1b[31mAB"), "user_code that must not be shown"),
    "a code without end": (dict(user_code="A" * 5000), "user_code that must not be shown"),
    "http address": (dict(verification_uri="http://login.example/device"), "verification_uri that must not be shown"),
    "escape sequence in the address": (
        dict(verification_uri="https://login.example/\x1b[31m"), "verification_uri that must not be shown",
    ),
    "javascript": (dict(verification_uri="javascript:alert(1)"), "verification_uri that must not be shown"),
    "no device_code": (dict(device_code=None), "missing device_code"),
    "no user_code": (dict(user_code=None), "missing user_code"),
    "no address": (dict(verification_uri=None), "missing verification_uri"),
    "nothing": (dict(device_code=None, user_code=None, verification_uri=None), "missing device_code, user_code, ver"),
    "numbers": (dict(user_code=5), "missing user_code"),
    "already over": (dict(expires_in=0), "already run out"),
    "long over": (dict(expires_in=-5), "already run out"),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "words"), MUST_NOT_BE_SHOWN.values(), ids=MUST_NOT_BE_SHOWN)
def test_a_reply_that_must_not_be_shown(make: Any, authority: Emulator, fields: dict[str, Any], words: str) -> None:
    """An incomplete or dangerous device reply ends the flow before anybody is asked."""
    authority.faults.queue("devicecode", raw(**fields))
    with pytest.raises(ClientAuthenticationError, match=words):
        make().get_token(SCOPE)
    assert (make.approver.prompts, authority.count("token")) == ([], 0)


HARMLESS: dict[str, dict[str, Any]] = {
    "no interval": dict(interval=None),
    "interval as text": dict(interval="1"),
    "interval of nonsense": dict(interval="soon"),
    "interval of 0": dict(interval=0),
    "no expires_in": dict(expires_in=None),
    "expires_in as text": dict(expires_in="900"),
    "expires_in of an age": dict(expires_in=10**15),
    "message of a wrong type": dict(message=["x"]),
    "an odd complete address": dict(verification_uri_complete="http://evil.example"),
}


@pytest.mark.parametrize("fields", HARMLESS.values(), ids=HARMLESS)
def test_a_reply_that_is_only_odd(make: Any, authority: Emulator, fields: dict[str, Any]) -> None:
    """What has a default, or is an extra, does not end a sign-in."""
    authority.faults.queue("devicecode", changed(**fields))
    make().get_token(SCOPE)
    (prompt,) = make.approver.prompts
    assert prompt.expires_on > datetime.now(timezone.utc)


class ScreenError(RuntimeError):
    """What a program's own prompt raises."""


def test_what_the_callback_raises_ends_the_sign_in(make: Any, authority: Emulator) -> None:
    """Its error is the cause of ours; nothing is polled, and the next call is a new sign-in."""
    trouble = ScreenError("no screen")

    def callback(*_: object) -> None:
        if not called:
            called.append(1)
            raise trouble
        authority.approve(str(_[1]))

    called: list[int] = []
    credential = make(prompt_callback=callback)
    with pytest.raises(ClientAuthenticationError, match="prompt_callback raised ScreenError: no screen") as caught:
        credential.get_token(SCOPE)
    assert caught.value.__cause__ is trouble
    assert authority.count("token") == 0
    assert credential.get_token(SCOPE).token


@pytest.mark.parametrize("wrong", [lambda: None, lambda code: None, lambda *, code: None, dict], ids=range(4))
def test_a_callback_with_other_parameters(make: Any, wrong: Any) -> None:
    """Where the call itself fails, the error says what a callback is called with."""
    with pytest.raises(ClientAuthenticationError, match="prompt_callback raised TypeError: ") as caught:
        make(prompt_callback=wrong).get_token(SCOPE)
    says = "prompt_callback is called with three arguments: verification_uri, user_code and expires_on."
    assert str(caught.value).splitlines()[-1] == says


def test_a_type_error_of_the_callbacks_own(make: Any) -> None:
    """An error inside the callback says nothing about its parameters."""

    def callback(_uri: str, user_code: str, _expires_on: datetime) -> None:
        message = f"{user_code!r} is no number"
        raise TypeError(message)

    with pytest.raises(ClientAuthenticationError, match=r"is no number$"):
        make(prompt_callback=callback).get_token(SCOPE)


def test_a_coroutine_function(make_aio: Any, authority: Emulator) -> None:
    """An asyncio credential awaits its callback, and what it raises then is the cause as well."""

    async def callback(_uri: str, user_code: str, _expires_on: datetime) -> None:
        await asyncio.sleep(0)
        if not authority.count("token"):
            authority.approve(user_code)
        else:
            message = "no screen"
            raise ScreenError(message)

    credential = make_aio(prompt_callback=callback)
    assert credential.get_token(SCOPE).token
    with pytest.raises(ClientAuthenticationError, match="ScreenError: no screen"):
        credential.authenticate(scopes=[SCOPE], force_prompt=True)


def test_a_coroutine_function_that_nobody_would_await(make_sync: Any) -> None:
    """A sync credential would never show its prompt: it is refused in the constructor."""

    async def callback(*_: object) -> None:
        """Never run."""

    with pytest.raises(TypeError, match="coroutine function"):
        make_sync(prompt_callback=callback)


def test_a_coroutine_that_nobody_would_await(make_sync: Any, authority: Emulator) -> None:
    """A lambda around a coroutine function shows no code: the call ends at once, and Python warns of nothing."""

    async def show(*_: object) -> None:
        """Never run."""

    with pytest.raises(ClientAuthenticationError, match="returned a coroutine, which only"):
        make_sync(prompt_callback=lambda *shown: show(shown)).get_token(SCOPE)
    assert authority.count("token") == 0


def test_a_generator_function(make: Any, authority: Emulator) -> None:
    """The code in it does not run when it is called, so no user would see the code."""

    def callback(*shown: object) -> Iterator[object]:
        yield shown

    async def asynchronous(*shown: object) -> AsyncIterator[object]:
        yield shown

    for function in (callback, asynchronous):
        with pytest.raises(ClientAuthenticationError, match="prompt_callback is a generator function"):
            make(prompt_callback=function).get_token(SCOPE)
    assert authority.count("token") == 0


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_passes(authority: Emulator, exception: type[BaseException]) -> None:
    """KeyboardInterrupt and SystemExit of a callback pass as they are."""

    def callback(*_: object) -> None:
        raise exception

    credential = DeviceCodeCredential(**authority.credential_options, prompt_callback=callback)
    with credential, pytest.raises(exception):
        credential.get_token(SCOPE)
    assert authority.count("token") == 0


@pytest.mark.parametrize("method", ["get_token", "authenticate"])
def test_a_callback_that_asks_its_own_credential(make: Any, authority: Emulator, method: str) -> None:
    """A callback that needs the very token that it is called for gets a clear error instead of waiting for itself."""

    def callback(*_: object) -> object:
        # An asyncio credential waits for what its callback returns.
        own = getattr(credential, "credential", credential)
        return own.get_token(SCOPE) if method == "get_token" else own.authenticate(scopes=[SCOPE])

    credential = make(prompt_callback=callback)
    call = start(lambda: credential.get_token(SCOPE))
    with pytest.raises(errors.AuthenticationFailedError, match="would wait for itself") as caught:
        call.result(PATIENCE)
    assert isinstance(caught.value.__cause__, errors.AuthenticationFailedError)
    assert authority.count("devicecode") == 1


def test_a_callback_may_use_what_is_there(make: Any, authority: Emulator) -> None:
    """A token that is cached already can be had inside a callback."""
    seen: list[str] = []

    def callback(uri: str, user_code: str, expires_on: datetime) -> None:
        if make.approver.prompts:
            seen.append(credential.get_token(SCOPE).token)
        make.approver(uri, user_code, expires_on)

    with DeviceCodeCredential(**authority.credential_options, prompt_callback=callback) as credential:
        first = credential.get_token(SCOPE)
        credential.authenticate(scopes=[SCOPE], force_prompt=True)
    assert seen == [first.token]


def test_a_callback_may_cancel(authority: Emulator) -> None:
    """A "Cancel" button that is pressed at once ends the sign-in before the first poll."""

    def callback(*_: object) -> None:
        credential.cancel()

    credential = DeviceCodeCredential(**authority.credential_options, prompt_callback=callback)
    with credential, pytest.raises(errors.SignInCancelledError):
        credential.get_token(SCOPE)
    assert authority.count("token") == 0


def test_the_code_is_asked_for_once(make: Any, authority: Emulator) -> None:
    """However often the user is waited for, there is one code and one prompt."""
    authority.faults.queue("token:device_code", *[Pending()] * 5)
    make().get_token(SCOPE)
    assert (authority.count("devicecode"), authority.count("token"), len(make.approver.prompts)) == (1, 6, 1)


def own(*_code: object) -> None:
    """Show a code, as a program does."""


@pytest.mark.parametrize(
    ("prompt", "out", "err", "level"),
    [(None, "hello\n", "", "INFO"), (stderr, "", "hello\n", "INFO"), (own, "", "", "WARNING")],
    ids=["the default", "one of ours", "the program's own"],
)
def test_what_is_no_code_is_told_where_it_can_be(
    make: Any,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    prompt: Any,
    out: str,
    err: str,
    level: str,
) -> None:
    """A callback of the program's own takes codes alone: the log has the rest, loudly."""
    caplog.set_level("INFO", "doorcode")
    inner = getattr(make(prompt_callback=prompt), "_credential", None) or make(prompt_callback=prompt)
    inner._tell("hello")
    assert capsys.readouterr() == (out, err)
    assert [(record.levelname, "hello" in record.getMessage()) for record in caplog.records] == [(level, True)]
