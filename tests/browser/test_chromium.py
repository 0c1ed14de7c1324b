"""A real browser: people sign in with it, in the page that a program opens and with a code."""

from __future__ import annotations

import queue
import re
import webbrowser
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from doorcode import errors
from doorcode._browser import answers
from doorcode._browser.loopback_peer import Peer
from doorcode.emulator import Emulator
from support.chromium import LAB, context, device_code, enter, heading, press
from support.signing import ADA, GRACE, PATIENCE, SCOPE, start

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PLACE = re.compile(r"http://localhost:\d+/.*")


@pytest.fixture
def authority(doorcode_emulator: Emulator) -> Emulator:
    """Give the authority, as new; a user has to do everything themself."""
    doorcode_emulator.add_application(LAB, name="Backup of the lab")
    return doorcode_emulator


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> queue.SimpleQueue[str]:
    """Give the addresses that the program opens."""
    addresses: queue.SimpleQueue[str] = queue.SimpleQueue()

    def take(url: str) -> bool:
        addresses.put(url)
        return True

    monkeypatch.setattr(webbrowser, "open", take)
    return addresses


def signing_in(make: Any, opened: queue.SimpleQueue[str], page: Page, credential: Any = None) -> Future[Any]:
    """Begin a sign-in and open its page."""
    chosen = credential or make(client_id=LAB)
    call = start(lambda: chosen.authenticate(scopes=[SCOPE], force_prompt=True))
    page.goto(opened.get(timeout=PATIENCE))
    return call


def test_a_sign_in(make: Any, authority: Emulator, opened: queue.SimpleQueue[str], page: Page) -> None:
    """Choose an account, let the application in, and read that the page may be closed."""
    call = signing_in(make, opened, page)
    assert heading(page) == "Choose an account"
    press(page, "Ada Lovelace")
    assert "Backup of the lab" in page.get_by_role("main").inner_text()
    press(page, "Accept")
    page.wait_for_url(PLACE)
    assert heading(page) == "You are signed in"
    assert call.result(PATIENCE).username == ADA
    assert "code=" not in page.url


def test_a_sign_in_where_users_cannot_be_told_apart(
    make: Any, authority: Emulator, opened: queue.SimpleQueue[str], page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real browser keeps the cookie of its first visit back from the form, and shows it to the page that follows."""
    monkeypatch.setattr(answers, "peer_of", lambda _connection: Peer.UNKNOWN)
    call = signing_in(make, opened, page)
    press(page, "Ada Lovelace")
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url(PLACE)
    page.wait_for_selector("text=You are signed in")
    assert call.result(PATIENCE).username == ADA
    assert "code=" not in page.url


def test_two_people(make: Any, authority: Emulator, opened: queue.SimpleQueue[str], page: Page) -> None:
    """The account is the one that was chosen, each time."""
    credential = make(client_id=LAB)
    for name, username in (("Ada", ADA), ("Grace", GRACE)):
        call = signing_in(make, opened, page, credential)
        press(page, name)
        press(page, "Accept")
        page.wait_for_url(PLACE)
        assert call.result(PATIENCE).username == username


def test_a_name_is_typed(make: Any, authority: Emulator, opened: queue.SimpleQueue[str], page: Page) -> None:
    """Another account's name is typed; a wrong one is told at the field that it stands in."""
    call = signing_in(make, opened, page)
    press(page, "Use another account")
    page.get_by_label("User name").fill("nobody@contoso.example")
    press(page, "Next")
    field = page.get_by_label("User name")
    assert field.get_attribute("aria-invalid") == "true"
    assert page.get_by_role("alert").inner_text() == "There is no such account in this emulator."
    field.fill(GRACE)
    press(page, "Next")
    press(page, "Accept")
    page.wait_for_url(PLACE)
    assert call.result(PATIENCE).username == GRACE


@pytest.mark.parametrize("at", ["account", "consent"])
def test_a_user_who_cancels(
    make: Any, authority: Emulator, opened: queue.SimpleQueue[str], page: Page, at: str
) -> None:
    """The program reads the authority's words, and the user that it did not work."""
    call = signing_in(make, opened, page)
    if at == "consent":
        press(page, "Ada Lovelace")
    press(page, "Cancel")
    page.wait_for_url(PLACE)
    assert heading(page) == "The sign-in did not work"
    with pytest.raises(errors.SignInDeclinedError):
        call.result(PATIENCE)


def test_with_the_keyboard(make: Any, authority: Emulator, opened: queue.SimpleQueue[str], page: Page) -> None:
    """Tab and Enter are enough, and where one is can be seen."""
    call = signing_in(make, opened, page)
    page.keyboard.press("Tab")
    page.wait_for_function("getComputedStyle(document.activeElement).outlineStyle === 'solid'")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Let this application in?")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(PLACE)
    assert call.result(PATIENCE).username == ADA


def test_without_scripts(make: Any, authority: Emulator, opened: queue.SimpleQueue[str], browser: Browser) -> None:
    """Where scripts are off, the form that takes the answer to the program is sent with a button."""
    with context(browser, java_script_enabled=False) as plain:
        page = plain.new_page()
        call = signing_in(make, opened, page)
        press(page, "Ada Lovelace")
        press(page, "Accept")
        assert heading(page) == "Going back to the application"
        press(page, "Continue")
        assert heading(page) == "You are signed in"
    assert call.result(PATIENCE).username == ADA


def test_an_address_that_is_copied(make: Any, authority: Emulator, page: Page) -> None:
    """With paste=, the browser of another machine ends on an address that nothing answers, which brings the token."""
    shown: queue.SimpleQueue[str] = queue.SimpleQueue()
    pasted: queue.SimpleQueue[str] = queue.SimpleQueue()

    def paste(request: Any) -> str:
        shown.put(request.url)
        return pasted.get(timeout=PATIENCE)

    call = start(lambda: make(client_id=LAB, paste=paste).authenticate(scopes=[SCOPE]))
    page.goto(shown.get(timeout=PATIENCE))
    press(page, "Ada Lovelace")
    with page.expect_request(re.compile(r"http://localhost:8400/")) as ended:
        page.get_by_role("button", name="Accept").click()  # it leads to nothing
    pasted.put(ended.value.url)
    assert call.result(PATIENCE).username == ADA


# -- signing in with a code


@pytest.fixture
def codes() -> queue.SimpleQueue[tuple[str, str]]:
    """Give what a program shows its user."""
    return queue.SimpleQueue()


@pytest.fixture
def waiting(make: Any, authority: Emulator, codes: queue.SimpleQueue[tuple[str, str]], page: Page) -> Future[Any]:
    """Give a sign-in with a code that waits for its user, who has opened the page."""
    credential = make(
        "DeviceCodeCredential", client_id=LAB, prompt_callback=lambda uri, code, _until: codes.put((uri, code))
    )
    return start(lambda: credential.authenticate(scopes=[SCOPE]))


@pytest.mark.parametrize("typed", [str.upper, str.lower, lambda code: f" {code} "], ids=["as shown", "small", "spaces"])
def test_a_code(
    waiting: Future[Any], codes: queue.SimpleQueue[tuple[str, str]], page: Page, typed: Callable[[str], str]
) -> None:
    """The code is typed, the account chosen, the warning read, and the program has its token."""
    uri, code = codes.get(timeout=PATIENCE)
    page.goto(uri)
    enter(page, typed(code))
    press(page, "Grace Hopper")
    assert heading(page) == "Is this you, signing in on another device?"
    assert "Somebody who sent you a code would get into your account" in page.get_by_role("main").inner_text()
    press(page, "Continue")
    assert heading(page) == "You are signed in"
    assert waiting.result(PATIENCE).username == GRACE


def test_a_wrong_code(waiting: Future[Any], codes: queue.SimpleQueue[tuple[str, str]], page: Page) -> None:
    """It is told at the field, and the right one is taken afterwards."""
    uri, code = codes.get(timeout=PATIENCE)
    page.goto(uri)
    enter(page, "WRONG-CODE")
    assert page.get_by_role("alert").inner_text() == "No sign-in is waiting for this code. Check it and try again."
    assert page.get_by_label("Code").get_attribute("aria-invalid") == "true"
    page.wait_for_function("document.activeElement.id === 'user_code'")  # a browser focuses after it has drawn
    enter(page, code)
    press(page, "Ada Lovelace")
    press(page, "Continue")
    assert waiting.result(PATIENCE).username == ADA


def test_a_code_that_is_declined(waiting: Future[Any], codes: queue.SimpleQueue[tuple[str, str]], page: Page) -> None:
    """The program learns that the user said no."""
    uri, code = codes.get(timeout=PATIENCE)
    page.goto(uri)
    enter(page, code)
    press(page, "Ada Lovelace")
    press(page, "Cancel")
    assert heading(page) == "You declined"
    with pytest.raises(errors.SignInDeclinedError):
        waiting.result(PATIENCE)


def test_a_code_that_has_expired(authority: Emulator, page: Page) -> None:
    """Whoever comes too late reads where to get a new one."""
    authority.configure(expires_in=0)
    code = device_code(authority)
    page.goto(code["verification_uri"])
    enter(page, code["user_code"])
    assert heading(page) == "This code has expired"


def test_a_code_that_was_used(authority: Emulator, page: Page) -> None:
    """A code is good for one sign-in."""
    code = device_code(authority)
    authority.approve(code["user_code"])
    page.goto(code["verification_uri"])
    enter(page, code["user_code"])
    assert heading(page) == "This code was used already"
