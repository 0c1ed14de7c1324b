"""A web application, as docs/servers.md has it, that shows the code to its visitor and streams what happens."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from doorcode.aio.pending import PendingSignIn
from doorcode.emulator import Decline, Emulator, Hang, ServerError
from support import chromium, web
from support.examples import ROOT, examples, take_the_clouds_place
from support.signing import ADA, GRACE, PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def example(doorcode_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give what the page defines, with the emulator as its authority."""
    take_the_clouds_place(doorcode_emulator, tmp_path, monkeypatch)
    doorcode_emulator.approve_none()
    doorcode_emulator.configure(interval=1)
    (found,) = (each for each in examples(ROOT / "docs" / "servers.md") if "Starlette(" in str(each.parsed))
    found.evaluate()
    namespace: dict[str, Any] = found.namespace
    namespace["KEEP_ALIVE"] = 0.2
    return namespace


@pytest.fixture
def site(example: dict[str, Any]) -> Generator[str, None, None]:
    """Give the URL of the running application."""
    with web.serving(example["app"]) as url:
        yield url


@pytest.fixture
def visitor(site: str) -> Generator[requests.Session, None, None]:
    """Give a visitor who has opened the page."""
    with requests.Session() as session:
        assert "Sign in" in session.get(site, timeout=PATIENCE).text
        yield session


def stream(visitor: requests.Session, site: str) -> requests.Response:
    """Begin to sign in, and return what the page is told as it comes."""
    answer = visitor.get(f"{site}/sign-in", stream=True, timeout=PATIENCE)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    return answer


def events(answer: requests.Response) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield server-sent events: their names and data."""
    name = ""
    for line in answer.iter_lines(decode_unicode=True):
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_the_prompt_comes_while_the_handler_waits(
    site: str, visitor: requests.Session, example: dict[str, Any], doorcode_emulator: Emulator
) -> None:
    """First the code, then, once the user has entered it, who signed in; the credential has the tokens then."""
    with stream(visitor, site) as answer:
        told = events(answer)
        name, prompt = next(told)
        assert name == "prompt"
        assert prompt["verification_uri"] == f"{doorcode_emulator.url}/devicelogin"
        doorcode_emulator.approve(prompt["user_code"], GRACE)
        assert list(told) == [("signed-in", {"username": GRACE})]
    (credential,) = example["credentials"].values()
    assert credential._session.record.username == GRACE


def test_visitors_sign_in_side_by_side(site: str, example: dict[str, Any], doorcode_emulator: Emulator) -> None:
    """Each has a code and a credential of their own."""
    with requests.Session() as one, requests.Session() as other:
        answers = []
        for session in (one, other):
            session.get(site, timeout=PATIENCE)
            answers.append(events(stream(session, site)))
        codes = [next(told)[1]["user_code"] for told in answers]
        for code, user in zip(codes, (GRACE, ADA), strict=True):
            doorcode_emulator.approve(code, user)
        assert [next(told)[1]["username"] for told in answers] == [GRACE, ADA]
    assert len(example["credentials"]) == 2


def test_a_page_that_is_closed_ends_the_polls(
    site: str, visitor: requests.Session, doorcode_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sign-in is cancelled once the visitor has left; another one begins anew, and only its code is polled."""
    given_up = threading.Event()
    cancel = PendingSignIn.cancel

    def cancelled(pending: PendingSignIn) -> None:
        cancel(pending)
        given_up.set()

    monkeypatch.setattr(PendingSignIn, "cancel", cancelled)
    doorcode_emulator.faults.queue("token:device_code", Hang())  # no other poll is on its way when the visitor leaves
    with stream(visitor, site) as answer:
        told = events(answer)
        next(told)
        doorcode_emulator.wait_for("token:device_code", timeout=PATIENCE)
    assert given_up.wait(PATIENCE)
    before = doorcode_emulator.requests_to("token:device_code")
    with stream(visitor, site) as answer:
        told = events(answer)
        doorcode_emulator.approve(next(told)[1]["user_code"], ADA)
        assert list(told) == [("signed-in", {"username": ADA})]
    polls = [request.form["device_code"] for request in doorcode_emulator.requests_to("token:device_code")]
    assert polls[0] not in polls[len(before) :]


@pytest.mark.parametrize("endpoint", ["devicecode", "token:device_code"])
def test_a_failure_reaches_the_page(
    site: str, visitor: requests.Session, doorcode_emulator: Emulator, endpoint: str
) -> None:
    """In the words of the error, without a secret."""
    doorcode_emulator.faults.always(endpoint, ServerError(500) if endpoint == "devicecode" else Decline())
    with stream(visitor, site) as answer:
        name, told = list(events(answer))[-1]
    assert name == "failed"
    assert told["message"]


def test_who_has_not_opened_the_page(site: str, doorcode_emulator: Emulator) -> None:
    """Nobody begins a sign-in by a link alone."""
    assert requests.get(f"{site}/sign-in", timeout=PATIENCE).status_code == 403
    assert doorcode_emulator.requests == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give the system's Chromium."""
    with chromium.running() as running:
        yield running


def keep(page: Page, name: str) -> None:
    """Write a screenshot where the environment asks for it, for somebody to look at."""
    folder = os.environ.get("DOORCODE_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.browser
def test_in_a_browser(site: str, doorcode_emulator: Emulator, browser: Browser) -> None:
    """A user presses the button, follows the link, enters the code, and the first page knows who they are."""
    with browser.new_context(ignore_https_errors=True, viewport={"width": 900, "height": 640}) as context:
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        page.goto(site)
        keep(page, "page")
        page.get_by_role("button", name="Sign in").click()
        link = page.get_by_role("status").get_by_role("link")
        link.wait_for()
        code = page.locator("output strong").inner_text()
        keep(page, "prompt")
        with context.expect_page() as opened:
            link.click()
        assert opened.value.url.startswith(f"{doorcode_emulator.url}/devicelogin")
        doorcode_emulator.approve(code, ADA)
        page.get_by_text(f"Signed in as {ADA}.").wait_for()
        keep(page, "signed-in")
