"""The pages that people see: as somebody looked at them (docs/images), on a phone too, and without a fault to axe."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from doorcode.emulator import Emulator
from support import chromium
from support.chromium import LAB, LOOKS, Look, context, device_code, enter, press
from support.signing import PATIENCE, SCOPE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def authority(doorcode_emulator: Emulator) -> Emulator:
    """Give the authority, as new; a user has to do everything themself."""
    doorcode_emulator.add_application(LAB, name="Backup of the lab")
    return doorcode_emulator


def sign_in_page(authority: Emulator, page: Page) -> None:
    """Open the sign-in page."""
    query = f"client_id={LAB}&response_type=code&redirect_uri=http://localhost:8400&scope={SCOPE}+openid+profile"
    page.goto(f"{authority.url}/{authority.tenant_id}/oauth2/v2.0/authorize?{query}")


def account(authority: Emulator, page: Page) -> None:
    """Be asked which account."""
    sign_in_page(authority, page)


def name(authority: Emulator, page: Page) -> None:
    """Be asked for a name."""
    sign_in_page(authority, page)
    press(page, "Use another account")


def wrong_name(authority: Emulator, page: Page) -> None:
    """Type a name that nobody has."""
    name(authority, page)
    page.get_by_label("User name").fill("nobody@contoso.example")
    press(page, "Next")


def consent(authority: Emulator, page: Page) -> None:
    """Be asked whether the application may."""
    sign_in_page(authority, page)
    press(page, "Ada Lovelace")


def code(authority: Emulator, page: Page) -> None:
    """Be asked for a code."""
    page.goto(f"{authority.url}/devicelogin")


def wrong_code(authority: Emulator, page: Page) -> None:
    """Type a code that nobody waits for."""
    code(authority, page)
    enter(page, "WRONG-CODE")


def device_consent(authority: Emulator, page: Page) -> None:
    """Be asked whether one started this oneself."""
    code(authority, page)
    enter(page, device_code(authority)["user_code"])
    press(page, "Ada Lovelace")


def done(authority: Emulator, page: Page) -> None:
    """Finish."""
    device_consent(authority, page)
    press(page, "Continue")


def declined(authority: Emulator, page: Page) -> None:
    """Decline."""
    device_consent(authority, page)
    press(page, "Cancel")


def expired(authority: Emulator, page: Page) -> None:
    """Come too late."""
    authority.configure(expires_in=0)
    code(authority, page)
    enter(page, device_code(authority)["user_code"])


def error(authority: Emulator, page: Page) -> None:
    """Open a page that an application asked for wrongly."""
    page.goto(
        f"{authority.url}/{authority.tenant_id}/oauth2/v2.0/authorize?client_id={LAB}&redirect_uri=http://x.example"
    )
    # These differ every time.
    page.evaluate("""() => {
        const shown = document.querySelector(".details");
        shown.textContent = shown.textContent.replace(/[0-9a-f-]{36}/g, "00000000-0000-4000-8000-000000000000")
            .replace(/[0-9-]{10} [0-9:]{8}Z/, "2030-01-01 00:00:00Z");
    }""")


def finished(authority: Emulator, page: Page) -> None:
    """End on the program's page, well."""
    from doorcode._browser.result_page import finished as words

    last_page(page, words("ada@contoso.example", "backup.py", "Microsoft Azure CLI"))


def failed(authority: Emulator, page: Page) -> None:
    """End on the program's page, without a token."""
    from doorcode._browser.result_page import failed as words
    from doorcode._core.messages.failures import refused
    from doorcode._core.replies.service_errors import ServiceError

    ids = "00000000-0000-4000-8000-000000000000"
    description = (
        f"AADSTS65004: User declined to consent to access the app. Trace ID: {ids} Correlation ID: {ids} "
        "Timestamp: 2030-01-01 00:00:00Z"
    )
    declined_by = ServiceError("access_denied", description, (65004,))
    last_page(page, words(refused(declined_by)))


def last_page(page: Page, words: Any) -> None:
    """Show a page of the listener's, from the listener."""
    from doorcode._browser.redirect_server import Listener
    from doorcode._core.secret import Secret

    listener = Listener()
    listener.answers.expect(
        Secret("s"), lambda: threading.Thread(target=listener.conclude, args=(words, PATIENCE)).start()
    )
    try:
        page.goto(f"{listener.redirect_uri}/?state=s&code=c")
    finally:
        listener.close()


SCENES: dict[str, Callable[[Emulator, Page], None]] = {
    "account": account,
    "name": name,
    "wrong-name": wrong_name,
    "consent": consent,
    "code": code,
    "wrong-code": wrong_code,
    "device-consent": device_consent,
    "done": done,
    "declined": declined,
    "expired": expired,
    "error": error,
    "finished": finished,
    "failed": failed,
}


def screenshot(page: Page) -> bytes:
    """Return what the page looks like, without a blinking caret."""
    return bytes(page.screenshot(full_page=True, caret="hide", animations="disabled", scale="css"))


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
@pytest.mark.parametrize("scene", SCENES)
def test_the_pages(authority: Emulator, browser: Browser, page: Page, scene: str, look: Look) -> None:
    """Each looks as somebody saw it and liked it, fits the width, and axe-core finds no fault with it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not here")
    with context(browser, look) as looking:
        looked_at = looking.new_page()
        SCENES[scene](authority, looked_at)
        results = axe.Axe().run(looked_at)
        assert results.violations_count == 0, results.generate_report()
        assert looked_at.evaluate("document.documentElement.scrollWidth") <= look.width
        seen = screenshot(looked_at)
    image = chromium.IMAGES / f"{scene}-{look.name}.png"
    if os.environ.get(chromium.KEEP):
        image.write_bytes(seen)
    assert chromium.difference(page, seen, image.read_bytes()) <= chromium.BLOCKS_OFF


CHANGES = {
    "a button is gone": "document.querySelector('.actions').remove()",
    "the heading is gone": "document.querySelector('h1').remove()",
    "no style sheet": "document.querySelector('link[rel=stylesheet]').remove()",
    "other colours": "document.documentElement.style.setProperty('--card', '#d0d0ff')",
    "wider": "document.body.style.maxWidth = '38rem'",
    "no warning": "document.querySelector('.caution').remove()",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_real_change_is_seen(authority: Emulator, browser: Browser, page: Page, change: str) -> None:
    """The comparison forgives how a letter is drawn, and no more."""
    with context(browser) as looking:
        changed = looking.new_page()
        device_consent(authority, changed)
        before = screenshot(changed)
        changed.evaluate(change)
        assert chromium.difference(page, screenshot(changed), before) > chromium.BLOCKS_OFF


def test_axe_finds_faults(authority: Emulator, page: Page) -> None:
    """The check is one: a page that is made worse does not pass."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not here")
    code(authority, page)
    page.evaluate("document.querySelector('label').remove()")
    page.evaluate("document.querySelector('main p').style.color = '#d8d6d0'")
    found = {violation["id"] for violation in axe.Axe().run(page).response["violations"]}
    assert {"label", "color-contrast"} <= found


def test_the_pages_ask_nobody_else(authority: Emulator, page: Page) -> None:
    """Everything that a page needs comes from where it came from, and nothing is refused by its policy."""
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    device_consent(authority, page)
    finished(authority, page)
    assert [url for url in asked if not url.startswith((authority.url, "http://localhost:", "data:"))] == []
    assert [text for text in said if "Content Security Policy" in text] == []
