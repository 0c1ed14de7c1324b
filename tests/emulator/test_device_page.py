from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from doorcode.emulator import Reply
from emulator.client import Client, Page, body, text, visit

if TYPE_CHECKING:
    from doorcode.testing import FakeClock

CSP = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def enter_code(client: Client, user_code: str) -> Page:
    """Open the page and type a code."""
    return visit(client, "/devicelogin").submit(user_code=user_code)


def test_a_user_signs_in(client: Client) -> None:
    """Code, account, consent, done: and the device has its tokens."""
    client.authority.add_application(client.client_id, name="Payroll")
    device = body(client.ask_device_code())
    page = visit(client, "/devicelogin")
    assert page.heading == "Enter your code"
    page = page.submit(user_code=text(device, "user_code"))
    assert page.heading == "Choose an account"
    assert "Ada Lovelace" in page.words
    assert "grace@contoso.example" in page.words
    page = page.submit(username="grace@contoso.example")
    assert page.heading == "Is this you, signing in on another device?"
    for shown in ("Payroll", client.client_id, "Grace Hopper", "https://storage.azure.com/.default"):
        assert shown in page.words
    page = page.submit(action="accept")
    assert (page.heading, page.response.status_code) == ("You are signed in", 200)
    for shown in ("grace@contoso.example", "Payroll", "You can close this window"):
        assert shown in page.words
    access = client.authority.verify(text(body(client.poll(device)), "access_token"))
    assert access["upn"] == "grace@contoso.example"


@pytest.mark.parametrize("steps", [[], ["ada@contoso.example"]], ids=["at the account", "at the consent"])
def test_a_user_declines(client: Client, steps: list[str]) -> None:
    """Cancel on any page tells the device."""
    device = body(client.ask_device_code())
    page = enter_code(client, text(device, "user_code"))
    for username in steps:
        page = page.submit(username=username)
    assert page.submit(action="cancel").heading == "You declined"
    assert body(client.poll(device))["error"] == "authorization_declined"


def test_a_wrong_code_can_be_corrected(client: Client) -> None:
    """The page says so, keeps what was typed, and takes the right one."""
    device = body(client.ask_device_code())
    page = enter_code(client, "WRONG")
    assert page.response.status_code == 400
    assert 'role="alert">No sign-in is waiting for this code' in page.response.text
    assert 'value="WRONG"' in page.response.text
    assert page.submit(user_code=text(device, "user_code")).heading == "Choose an account"


def test_another_account_can_be_typed(client: Client) -> None:
    """A name that nobody has, or that may not sign in here, is explained and can be corrected."""
    client.authority.add_user("me@outlook.example", tenant="consumers")
    device = body(client.ask_device_code())
    page = enter_code(client, text(device, "user_code")).submit(action="other")
    assert page.heading == "Sign in"
    page = page.submit(username="nobody@contoso.example")
    assert "There is no such account" in page.words
    page = page.submit(username="me@outlook.example")
    assert "may not sign in at contoso.example" in page.words
    page = page.submit(username=" ADA@contoso.example ")
    assert page.heading == "Is this you, signing in on another device?"
    assert page.submit(action="accept").heading == "You are signed in"


def test_a_tenant_without_users_asks_for_a_name(client: Client) -> None:
    """With no account to choose from the user types one."""
    client.authority.add_tenant("empty.example")
    client.tenant = "empty.example"
    device = body(client.ask_device_code())
    assert enter_code(client, text(device, "user_code")).heading == "Sign in"


def test_an_accept_without_an_account_asks_for_one(client: Client) -> None:
    """Nobody can approve before an account was chosen."""
    device = body(client.ask_device_code())
    page = enter_code(client, text(device, "user_code"))
    assert page.submit(action="accept").heading == "Sign in"
    assert body(client.poll(device))["error"] == "authorization_pending"


def test_an_expired_code_is_explained(timed: Client, clock: FakeClock) -> None:
    """The user learns that a new code is needed, before and after choosing the account."""
    device = body(timed.ask_device_code())
    page = enter_code(timed, text(device, "user_code"))
    clock.advance(900)
    assert page.submit(username="ada@contoso.example").heading == "This code has expired"
    late = enter_code(timed, text(device, "user_code"))
    assert (late.heading, late.response.status_code) == ("This code has expired", 410)


def test_an_answered_code_is_explained(client: Client) -> None:
    """A code is answered once."""
    device = body(client.ask_device_code())
    client.authority.decline(text(device, "user_code"))
    assert enter_code(client, text(device, "user_code")).heading == "This code was used already"


def test_a_form_is_good_once(client: Client) -> None:
    """Sent twice, without a ticket, or with one of another page, it does nothing (RFC 9700 4.7.1)."""
    device = body(client.ask_device_code())
    consent = enter_code(client, text(device, "user_code")).submit(username="ada@contoso.example")
    assert consent.submit(action="cancel").heading == "You declined"
    for page in (
        consent.submit(action="accept"),
        consent.submit(action="accept", ticket=""),
        Page(client, client.post("/devicelogin", {"user_code": text(device, "user_code")})),
    ):
        assert (page.heading, page.response.status_code) == ("This page is out of date", 400)
    assert body(client.poll(device))["error"] == "authorization_declined"


def test_the_code_can_come_with_the_address(client: Client) -> None:
    """It is filled in, and the user still sends it (RFC 8628 3.3.1)."""
    page = visit(client, "/devicelogin", user_code="BCDFGHJKL")
    assert 'name="user_code" value="BCDFGHJKL"' in page.response.text
    assert page.heading == "Enter your code"


@pytest.mark.parametrize("step", ["address", "code", "name", "application"])
def test_nothing_is_reflected_unescaped(client: Client, step: str) -> None:
    """What anybody sends or registers is shown as text."""
    attack = "\"><script>alert('x')</script>"
    client.authority.add_application(client.client_id, name=attack)
    device = body(client.ask_device_code())
    page = visit(client, "/devicelogin", user_code=attack)
    if step == "code":
        page = page.submit(user_code=attack)
    elif step != "address":
        page = page.submit(user_code=text(device, "user_code"))
        page = page.submit(username=attack if step == "name" else "ada@contoso.example")
    assert "<script" not in page.response.text
    assert "&lt;script&gt;" in page.response.text


def test_pages_are_locked_down(client: Client) -> None:
    """No script, no frame, no other origin, no cache, no referrer; the style sheet is the only other file."""
    page = visit(client, "/devicelogin").response
    assert page.headers["Content-Security-Policy"] == CSP
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store, no-cache"
    assert "set-cookie" not in page.headers
    assert set(re.findall(r'(?:href|src)="([^"]+)"', page.text)) == {"data:,", "/emulator.css"}
    style = client.get("/emulator.css")
    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "prefers-color-scheme: dark" in style.text


def test_pages_are_made_for_every_reader(client: Client) -> None:
    """Language, view port, landmarks, one heading and labelled fields are there."""
    html = visit(client, "/devicelogin").response.text
    for part in (
        '<html lang="en">',
        'name="viewport" content="width=device-width, initial-scale=1"',
        'name="color-scheme" content="light dark"',
        "<main>",
        '<label for="user_code">',
        'autocapitalize="characters"',
    ):
        assert part in html
    assert html.count("<h1>") == 1


def test_signing_out_has_a_page(client: Client) -> None:
    """There is no session to end, so the page only says so."""
    assert visit(client, "/common/oauth2/v2.0/logout").heading == "You are signed out"


def test_pages_misbehave_on_request_too(client: Client) -> None:
    """Faults can be queued for the pages."""
    client.authority.faults.queue("devicelogin", Reply(503, b"busy", "text/plain"))
    assert client.get("/devicelogin").text == "busy"
    assert visit(client, "/devicelogin").heading == "Enter your code"
