from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from doorcode.emulator import AZURE_CLI_CLIENT_ID
from emulator.client import SCOPE, Client, Page, body, text, visit

if TYPE_CHECKING:
    from doorcode.testing import FakeClock

REDIRECT = "http://localhost:8400"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SCRIPT_HASH = base64.b64encode(hashlib.sha256(b"document.forms[0].submit()").digest()).decode()


def authorize(client: Client, **changes: str) -> Page:
    """Open the authorization endpoint as a browser does; an empty parameter is left out."""
    parameters = {
        "client_id": client.client_id,
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": SCOPE,
        "state": "a state",
        "nonce": "a nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "client_info": "1",
    }
    query = {name: value for name, value in {**parameters, **changes}.items() if value}
    return visit(client, f"/{client.tenant}/oauth2/v2.0/authorize", **query)


def sent_back(page: Page) -> dict[str, str]:
    """Return what the redirect tells the application."""
    assert page.response.status_code == 302
    location = page.response.headers["Location"]
    assert location.startswith(f"{REDIRECT}?")
    return dict(parse_qsl(urlsplit(location).query))


def redeem(client: Client, code: str, **changes: str) -> dict[str, object]:
    """Redeem an authorization code; an empty parameter is left out."""
    form = {"code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER, **changes}
    return body(client.redeem("authorization_code", **{name: value for name, value in form.items() if value}))


def code_for(client: Client, **changes: str) -> str:
    """Let the first user accept at once."""
    client.authority.approve_all()
    return sent_back(authorize(client, **changes))["code"]


def test_a_user_signs_in_with_the_browser(client: Client) -> None:
    """Account, consent, and back to the application with a code that gives tokens."""
    page = authorize(client)
    assert page.heading == "Choose an account"
    page = page.submit(username="grace@contoso.example")
    assert page.heading == "Let this application in?"
    answer = sent_back(page.submit(action="accept"))
    assert set(answer) == {"code", "session_state", "client_info", "state"}
    assert answer["state"] == "a state"
    tokens = redeem(client, answer["code"])
    assert client.authority.verify(text(tokens, "access_token"))["upn"] == "grace@contoso.example"
    payload = text(tokens, "id_token").split(".")[1]
    assert b'"nonce":"a nonce"' in base64.urlsafe_b64decode(payload + "==").replace(b": ", b":")


def test_a_user_cancels(client: Client) -> None:
    """The application gets access_denied, and why."""
    answer = sent_back(authorize(client).submit(action="cancel"))
    assert (answer["error"], answer["error_subcode"], answer["state"]) == ("access_denied", "cancel", "a state")
    assert answer["error_description"].startswith("AADSTS65004: ")


@pytest.mark.parametrize(
    ("parameters", "heading"),
    [
        ({"login_hint": "ada@contoso.example"}, "Let this application in?"),
        ({"login_hint": "ada@contoso.example", "prompt": "select_account"}, "Choose an account"),
        ({"login_hint": "nobody@contoso.example"}, "Sign in"),
        ({"prompt": "select_account"}, "Choose an account"),
        ({"prompt": "login"}, "Choose an account"),
    ],
)
def test_hint_and_prompt_choose_the_first_page(client: Client, parameters: dict[str, str], heading: str) -> None:
    """A known hint skips the choice, unless the application asks for one."""
    assert authorize(client, **parameters).heading == heading


@pytest.mark.parametrize(
    ("parameters", "error", "number"),
    [
        ({"prompt": "none"}, "login_required", "AADSTS50058"),
        ({"response_type": "token"}, "unsupported_response_type", "AADSTS70005"),
        ({"response_type": ""}, "invalid_request", "AADSTS900144"),
        ({"scope": ""}, "invalid_request", "AADSTS900144"),
        ({"claims": "{"}, "invalid_request", "AADSTS9002313"),
        ({"code_challenge_method": "plain"}, "invalid_request", "AADSTS50149"),
        ({"code_challenge_method": ""}, "invalid_request", "AADSTS50149"),
    ],
)
def test_the_application_is_told_what_is_wrong(
    client: Client, parameters: dict[str, str], error: str, number: str
) -> None:
    """Errors go back by redirect, with the state (RFC 6749 4.1.2.1)."""
    answer = sent_back(authorize(client, **parameters))
    assert (answer["error"], answer["state"]) == (error, "a state")
    assert answer["error_description"].startswith(f"{number}: ")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://evil.example",
        "https://evil.example/back",
        "https://localhost.evil.example/back",
        "https://[::1].evil.example/back",
        "javascript:alert(1)",
        "http://[",
        "https://a b/",
        "http://localhost:1/#x",
        "/relative",
    ],
)
def test_the_browser_is_not_sent_to_a_bad_address(client: Client, uri: str) -> None:
    """An invalid redirect URI is told to the user, on a page without links (RFC 6749 4.1.2.1)."""
    page = authorize(client, redirect_uri=uri)
    assert (page.heading, page.response.status_code) == ("The sign-in cannot go on", 400)
    assert "AADSTS50011" in page.words


@pytest.mark.parametrize(
    ("registered", "asked", "allowed"),
    [
        ("http://localhost", "http://localhost:8431", True),
        ("http://localhost", "http://localhost:8431/", True),
        ("http://localhost/back", "http://localhost:8431/other", False),
        ("http://localhost", "http://127.0.0.1:8431", False),
        ("https://app.example/back", "https://app.example/back", True),
        ("https://app.example/back", "https://app.example/back/more", False),
    ],
)
def test_registered_addresses_are_compared(client: Client, registered: str, asked: str, *, allowed: bool) -> None:
    """A loopback address may have any port (RFC 8252 7.3); everything else has to be the same."""
    client.authority.add_application(client.client_id, redirect_uris=(registered,))
    page = authorize(client, redirect_uri=asked)
    assert (page.response.status_code == 200) is allowed


@pytest.mark.parametrize("approve", [None, "ada@contoso.example"])
def test_codes_go_to_no_other_machine(client: Client, approve: str | None) -> None:
    """With approval on, a page of somebody else's would get a code to its own address otherwise."""
    client.authority.approve_all(approve)
    page = authorize(client, redirect_uri="https://evil.example/back")
    assert (page.response.status_code, "AADSTS50011" in page.words) == (400, True)
    assert authorize(client, redirect_uri="https://127.0.0.1:8443/back").response.status_code == 302


@pytest.mark.parametrize("prompt", ["", "select_account", "login"])
def test_an_unknown_hint_with_approval_on(client: Client, prompt: str) -> None:
    """The page asks which user it is, and says what is wrong with the hint."""
    client.authority.approve_all()
    page = authorize(client, login_hint="nobody@contoso.example", prompt=prompt)
    assert page.heading == "Sign in"
    assert "There is no such account in this emulator." in page.words
    page = page.submit(username="grace@contoso.example")
    assert "code" in sent_back(page.submit(action="accept"))


def test_a_hint_of_another_tenants_user_with_approval_on(client: Client) -> None:
    """The page asks which user it is; a user whom the test named is told to the application, at the token endpoint."""
    client.authority.add_tenant("fabrikam.example", name="Fabrikam")
    client.authority.add_user("eve@fabrikam.example", tenant="fabrikam.example")
    client.authority.approve_all()
    page = authorize(client, login_hint="eve@fabrikam.example")
    assert "This account may not sign in at contoso.example." in page.words
    client.authority.approve_all("eve@fabrikam.example")
    assert redeem(client, sent_back(authorize(client))["code"])["error_codes"] == [50020]


def test_approval_without_users(client: Client) -> None:
    """Where nobody may sign in, the page asks for a name, and a silent request is told that nobody is signed in."""
    client.authority.add_tenant("empty.example", name="Empty")
    client.tenant = "empty.example"
    client.authority.approve_all()
    assert authorize(client).heading == "Sign in"
    assert sent_back(authorize(client, prompt="none"))["error"] == "login_required"


def test_unknown_tenants_and_applications_are_told_to_the_user(client: Client) -> None:
    """Nothing can be sent back before both are known."""
    assert "AADSTS900144" in authorize(client, client_id="").words
    client.authority.configure(strict=True)
    assert "AADSTS700016" in authorize(client).words
    client.client_id = AZURE_CLI_CLIENT_ID
    assert authorize(client).heading == "Choose an account"
    client.tenant = "nowhere.example"
    assert "AADSTS90002" in authorize(client).words


def test_a_form_post_carries_the_answer(client: Client) -> None:
    """The page sends itself on, by the one script that its policy allows, or by its button."""
    page = authorize(client, response_mode="form_post", login_hint="ada@contoso.example").submit(action="accept")
    assert page.response.status_code == 200
    assert page.hidden()["state"] == "a state"
    assert f'action="{REDIRECT}"' in page.response.text
    policy = page.response.headers["Content-Security-Policy"]
    assert f"script-src 'sha256-{SCRIPT_HASH}'" in policy
    assert f"form-action 'self' {REDIRECT};" in policy
    scripts = re.findall(r"<script>(.*?)</script>", page.response.text)
    assert [html.unescape(script) for script in scripts] == ["document.forms[0].submit()"]
    assert "access_token" in redeem(client, page.hidden()["code"])


def test_an_answer_can_stand_in_the_fragment(client: Client) -> None:
    """``response_mode=fragment`` is known too."""
    client.authority.approve_all()
    location = authorize(client, response_mode="fragment").response.headers["Location"]
    assert location.startswith(f"{REDIRECT}#code=")


def test_a_query_in_the_address_is_kept(client: Client) -> None:
    """RFC 6749 3.1.2: the redirect URI's own query MUST be retained."""
    client.authority.approve_all()
    location = authorize(client, redirect_uri=f"{REDIRECT}/?a=b").response.headers["Location"]
    assert location.startswith(f"{REDIRECT}/?a=b&code=")


def test_state_and_client_info_come_only_when_asked_for(client: Client) -> None:
    """What the application did not send does not come back."""
    client.authority.approve_all("grace@contoso.example")
    assert set(sent_back(authorize(client, state="", client_info=""))) == {"code", "session_state"}


def test_the_pages_may_lead_back_to_the_application_only(client: Client) -> None:
    """The policy of each page names the application's origin, since browsers check redirects against it."""
    page = authorize(client)
    assert f"form-action 'self' {REDIRECT};" in page.response.headers["Content-Security-Policy"]


def test_a_form_is_good_once(client: Client) -> None:
    """The same form sent again is out of date, and a ticket of this page opens no other."""
    page = authorize(client)
    ticket = page.hidden()["ticket"]
    assert Page(client, client.post("/devicelogin", {"ticket": ticket})).heading == "This page is out of date"
    assert page.submit(username="ada@contoso.example").heading == "This page is out of date"


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"code_verifier": "w" * 43}, 501481),
        ({"code_verifier": ""}, 501481),
        ({"redirect_uri": "http://localhost:8401"}, 50011),
        ({"redirect_uri": ""}, 900144),
        ({"client_id": "another"}, 70000),
    ],
)
def test_a_code_is_bound_to_its_request(client: Client, changes: dict[str, str], number: int) -> None:
    """Verifier, redirect URI and client have to be those of the request (RFC 6749 4.1.3, RFC 7636 4.6)."""
    code = code_for(client)
    assert redeem(client, code, **changes)["error_codes"] == [number]
    assert "access_token" in redeem(client, code)


def test_a_code_is_good_once(client: Client) -> None:
    """A second use is refused (RFC 6749 4.1.2)."""
    code = code_for(client)
    redeem(client, code)
    assert redeem(client, code)["error_codes"] == [54005]


def test_a_code_without_challenge_needs_no_verifier(client: Client) -> None:
    """PKCE is checked where it was begun."""
    code = code_for(client, code_challenge="", code_challenge_method="")
    assert "access_token" in redeem(client, code, code_verifier="")


def test_a_code_expires(timed: Client, clock: FakeClock) -> None:
    """After ten minutes it is 70008."""
    code = code_for(timed)
    clock.advance(600)
    assert redeem(timed, code)["error_codes"] == [70008]
