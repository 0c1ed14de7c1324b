"""A browser on another machine: the user carries the address that it ends on back to the program."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from azure.core.exceptions import ClientAuthenticationError

import doorcode.aio
from doorcode import CredentialUnavailableError, errors
from doorcode._browser import paste, terminal
from doorcode._core.flows.browser_steps import SignInPage
from doorcode._core.secret import Secret, SecretDict
from doorcode.emulator import Emulator
from doorcode.prompts import PasteRequest
from support.person import Person, free_port, is_free, query_of
from support.signing import ADA, AGES, PATIENCE, SCOPE, outcome, start

DESCRIPTORS = Path("/dev/fd")


class Elsewhere:
    """A prompt: the user signs in on another machine and brings the address, or something else first."""

    def __init__(self, person: Person, *before: Callable[[str], str]) -> None:
        self._person = person
        self._before = list(before)
        self.requests: list[PasteRequest] = []

    def __call__(self, request: PasteRequest) -> str:
        """Bring an address."""
        self.requests.append(request)
        if self._before:
            return self._before.pop(0)(request.url)
        return self.address(request.url)

    def address(self, url: str) -> str:
        """Sign in, and return the address that the browser ends on."""
        return f"{self._person.redirect_uri(url)}/?{urlencode(self._person.answer(url))}"


def test_a_sign_in(make: Any, authority: Emulator, person: Person) -> None:
    """The address that is pasted brings the token; no browser opens here, nothing listens, nothing is printed."""
    prompt = Elsewhere(person)
    token = make(paste=prompt).get_token(SCOPE)
    assert authority.verify(token.token)["name"] == authority.users[ADA].name
    (request,) = prompt.requests
    asked = query_of(request.url)
    assert (asked["response_mode"], asked["redirect_uri"]) == ("query", "http://localhost:8400")
    assert asked["code_challenge_method"] == "S256"
    assert person.urls == []


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="only Unix lists a process's descriptors")
def test_descriptors_are_closed(make: Any, person: Person) -> None:
    """Many sign-ins leave no descriptor open, without any help of the garbage collector."""
    credential = make(paste=Elsewhere(person))
    credential.get_token(SCOPE)
    gc.disable()
    try:
        before = len(list(DESCRIPTORS.iterdir()))
        for _ in range(5):
            credential.authenticate(scopes=[SCOPE], force_prompt=True)
        assert len(list(DESCRIPTORS.iterdir())) <= before + 1
    finally:
        gc.enable()


def test_nobody_is_asked_again_after_the_end(person: Person) -> None:
    """An answer that comes after the end, and is wrong, brings no second question."""
    asked: list[PasteRequest] = []
    pasting = paste.Paste(lambda request: asked.append(request) or pasting.close() or "wrong", None, "id", "host")
    page = SignInPage("https://login.example/?state=s", paste.REDIRECT_URI, Secret("s"), SecretDict())
    assert pasting.wait(page, PATIENCE) is None
    assert len(asked) == 1


@pytest.mark.parametrize("answer", [None, b"http://localhost:8400/?code=c"])
def test_an_answer_that_is_no_text(make: Any, answer: object) -> None:
    """A dialog that the user closes returns None: the sign-in ends with an error that names what was returned."""
    with pytest.raises(ClientAuthenticationError, match=rf"paste returned (None|{type(answer).__name__}), and must"):
        make(paste=lambda _: answer).get_token(SCOPE)


def test_nothing_listens(make: Any, person: Person) -> None:
    """The port of the redirect URI belongs to the other machine."""
    port = free_port()
    free: list[bool] = []

    def prompt(request: PasteRequest) -> str:
        free.append(is_free(port))
        return Elsewhere(person).address(request.url)

    make(paste=prompt, redirect_uri=f"http://localhost:{port}").get_token(SCOPE)
    assert free == [True]


def test_what_the_user_is_told(make: Any, authority: Emulator, person: Person) -> None:
    """First application, host and the warning, then the address, then until when."""
    prompt = Elsewhere(person)
    make(paste=prompt, client_id="11111111-1111-4111-8111-111111111111", timeout=600).get_token(SCOPE)
    (request,) = prompt.requests
    words = str(request)
    order = [words.index(each) for each in (request.application, request.host, request.warning, request.url)]
    assert order == sorted(order)
    assert (request.application, request.host) == ("11111111-1111-4111-8111-111111111111", authority.host)
    assert "give it to no one else" in request.warning
    assert 600 - PATIENCE < (request.expires_on - datetime.now(timezone.utc)).total_seconds() <= 600
    assert f"{request.expires_on.astimezone():%H:%M:%S}" in words
    assert request.url not in repr(request)


def test_the_default_application_has_a_name(make: Any, person: Person) -> None:
    """People know Microsoft's own application by its name."""
    prompt = Elsewhere(person)
    make(paste=prompt).get_token(SCOPE)
    assert "Azure CLI" in prompt.requests[0].application


WRONG: dict[str, tuple[Callable[[str], str], str]] = {
    "nothing": (lambda _url: "  \n", "Nothing was pasted"),
    "the page itself": (lambda url: url, "not the address that the sign-in ends on"),
    "another port": (lambda url: f"http://localhost:8401/?code=x&state={query_of(url)['state']}", "not the address"),
    "another host": (lambda url: f"http://evil.example:8400/?code=x&state={query_of(url)['state']}", "not the address"),
    "another path": (lambda url: f"http://localhost:8400/x?code=x&state={query_of(url)['state']}", "not the address"),
    "https": (lambda url: f"https://localhost:8400/?code=x&state={query_of(url)['state']}", "not the address"),
    "the code alone": (lambda _url: "0.AXkA-code", "not the address"),
    "no address": (lambda _url: "http://[", "not the address"),
    "another state": (lambda _url: "http://localhost:8400/?code=x&state=other", "belongs to another sign-in"),
    "no state": (lambda _url: "http://localhost:8400/?code=x", "belongs to another sign-in"),
    "half of a surrogate": (lambda _url: "http://localhost:8400/?code=x&state=\udc80", "another sign-in"),
    "cut off": (lambda url: f"http://localhost:8400/?code=x&state={query_of(url)['state'][:-1]}", "is not whole"),
}


@pytest.mark.parametrize(("wrong", "words"), WRONG.values(), ids=WRONG)
def test_something_else_is_pasted(make: Any, person: Person, wrong: Callable[[str], str], words: str) -> None:
    """The user is told what is wrong with it, and asked again."""
    prompt = Elsewhere(person, wrong)
    assert make(paste=prompt).get_token(SCOPE).token
    problem = prompt.requests[1].problem
    assert problem is not None
    assert words in problem
    assert str(prompt.requests[1]).startswith(problem)


def test_what_a_terminal_does_to_an_address(make: Any, person: Person) -> None:
    """Line breaks, spaces, quotes and brackets around it are passed over."""
    prompt = Elsewhere(person)
    broken = Elsewhere(person, lambda url: f" <{prompt.address(url)[:60]}\n  {prompt.address(url)[60:]}> ")
    person.answer = answer_once(person)  # type: ignore[assignment,method-assign]
    assert make(paste=broken).get_token(SCOPE).token
    assert len(broken.requests) == 1


def answer_once(person: Person) -> Callable[[str], dict[str, str]]:
    """Return the same answer however often one page is signed in at."""
    original, answers = person.answer, dict[str, dict[str, str]]()

    def answer(url: str) -> dict[str, str]:
        if url not in answers:
            answers[url] = original(url)
        return answers[url]

    return answer


def test_nobody_asks_for_ever(make: Any, person: Person) -> None:
    """After a few tries the sign-in ends."""
    prompt = Elsewhere(person, *[lambda _url: "x"] * 9)
    with pytest.raises(ClientAuthenticationError, match="not pasted in 5 tries"):
        make(paste=prompt).get_token(SCOPE)
    assert len(prompt.requests) == 5


def test_an_error_is_pasted(make: Any, person: Person) -> None:
    """The authority's own words end the sign-in."""

    def declined(url: str) -> str:
        return f"http://localhost:8400/?error=access_denied&error_description=No.&state={query_of(url)['state']}"

    with pytest.raises(errors.SignInDeclinedError, match="No"):
        make(paste=Elsewhere(person, declined)).get_token(SCOPE)


def test_one_use(make: Any, authority: Emulator, person: Person) -> None:
    """An address that was used does not answer the next sign-in: its state is another."""
    prompt = Elsewhere(person)
    credential = make(paste=prompt)
    used: list[str] = []
    prompt._before = [lambda url: used.append(prompt.address(url)) or used[0], lambda _url: used[0]]
    credential.get_token(SCOPE)
    credential.authenticate(scopes=[SCOPE], force_prompt=True)
    assert prompt.requests[-1].problem == "This address belongs to another sign-in, or is not whole."


def test_a_prompt_that_raises(make: Any, person: Person) -> None:
    """Its error is the cause of ours."""
    trouble = RuntimeError("no screen")

    def prompt(_request: PasteRequest) -> str:
        raise trouble

    with pytest.raises(ClientAuthenticationError, match="paste raised RuntimeError: no screen") as caught:
        make(paste=prompt).get_token(SCOPE)
    assert caught.value.__cause__ is trouble


def test_a_prompt_with_other_parameters(make: Any, person: Person) -> None:
    """The error says what a prompt is called with."""
    with pytest.raises(ClientAuthenticationError, match=r"paste is called with one argument, a PasteRequest\.$"):
        make(paste=lambda: "").get_token(SCOPE)


@pytest.mark.usefixtures("nobody_comes")
def test_the_deadline(make: Any, person: Person) -> None:
    """A user who does not come back is not waited for."""
    done = threading.Event()

    def prompt(_request: PasteRequest) -> str:
        done.wait(AGES)
        return ""

    with pytest.raises(errors.SignInTimedOutError, match=r"after 62\.5 s"):
        make(paste=prompt, timeout=62.5).get_token(SCOPE)
    done.set()


def test_a_coroutine_function(authority: Emulator, person: Person) -> None:
    """With asyncio the prompt may be a coroutine function, or an object that is called as one; it runs on the loop."""
    loops: list[asyncio.AbstractEventLoop] = []

    class Prompt:
        async def __call__(self, request: PasteRequest) -> str:
            return await prompt(request)

    async def prompt(request: PasteRequest) -> str:
        loops.append(asyncio.get_running_loop())
        return await asyncio.to_thread(Elsewhere(person).address, request.url)

    async def sign_in(paste: Any) -> None:
        options: Any = authority.credential_options
        async with doorcode.aio.InteractiveBrowserCredential(paste=paste, **options) as credential:
            assert (await credential.get_token(SCOPE)).token
        assert loops[-1] is asyncio.get_running_loop()

    asyncio.run(sign_in(prompt))
    asyncio.run(sign_in(Prompt()))
    assert len(loops) == 2


@pytest.mark.usefixtures("nobody_comes")
def test_a_coroutine_that_is_left_alone(authority: Emulator, person: Person) -> None:
    """At the deadline the coroutine is cancelled."""
    ended: list[str] = []

    async def prompt(_request: PasteRequest) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return ""

    async def sign_in() -> None:
        options: Any = authority.credential_options
        async with doorcode.aio.InteractiveBrowserCredential(paste=prompt, **options) as credential:
            with pytest.raises(errors.SignInTimedOutError):
                await credential.get_token(SCOPE)
        await asyncio.sleep(0)

    asyncio.run(sign_in())
    assert ended == ["cancelled"]


def test_it_is_never_chosen_by_itself(make: Any, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without paste=, nobody is asked for an address, browser or not."""
    monkeypatch.setattr(paste, "Paste", None)
    monkeypatch.setattr("doorcode._browser.local.open_page", lambda *_: False)
    with pytest.raises(CredentialUnavailableError):
        make().get_token(SCOPE)


class Screen(StringIO):
    """Standard error on a terminal."""

    def isatty(self) -> bool:
        """Return that it is one."""
        return True

    def fileno(self) -> int:
        """Return a descriptor, which is asked for its size alone."""
        return 2


def test_the_end_of_a_terminals_input(make: Any, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says so; what the user reads before has no word broken at a line's end, but the address is whole."""

    def read(_: object, show: Callable[[], object]) -> str:
        show()
        raise EOFError

    screen = Screen()
    monkeypatch.setattr(paste, "is_there", lambda: True)
    monkeypatch.setattr(terminal.Terminal, "read", read)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((60, 24)))
    with pytest.raises(ClientAuthenticationError, match="the input has ended before the address was pasted") as caught:
        make(paste=True).get_token(SCOPE)
    assert "EOFError" not in str(caught.value)
    long = [line for line in screen.getvalue().splitlines() if len(line) > 60]
    assert [line.startswith("https://") for line in long] == [True]


def test_without_a_terminal(make: Any, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """paste=True needs one; without, the credential is not available."""
    monkeypatch.setattr(paste, "is_there", lambda: False)
    call = start(lambda: outcome(lambda: make(paste=True).get_token(SCOPE)))
    error = call.result(PATIENCE)
    assert isinstance(error, CredentialUnavailableError)
    assert "needs a terminal" in str(error)
