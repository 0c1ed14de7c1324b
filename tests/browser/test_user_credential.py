"""UserCredential: the way that fits, and the other when the first is not to be had."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from doorcode import CredentialUnavailableError, errors
from doorcode._browser import user_flow
from doorcode._browser.environment import SignInMethod
from doorcode._core.flows import fallback
from doorcode._core.model import Failure, Reason
from doorcode.emulator import Decline, Emulator, Refuse
from doorcode.prompts import PasteRequest
from support.person import Person, post, query_of
from support.signing import SCOPE


@pytest.fixture
def codes(authority: Emulator) -> Any:
    """Give a prompt whose user enters every code."""
    return authority.prompt_approver()


@pytest.fixture(params=list(SignInMethod))
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SignInMethod:
    """Give the way that fits here."""
    fitting: SignInMethod = request.param
    monkeypatch.setattr(user_flow, "choose_here", lambda: fitting)
    return fitting


def asked(person: Person, codes: Any) -> tuple[int, int]:
    """Return how many pages opened and how many codes were shown."""
    return len(person.urls), len(codes.prompts)


def test_the_way_that_fits(make: Any, person: Person, codes: Any, way: SignInMethod) -> None:
    """One way is enough, and afterwards it is silent."""
    credential = make("UserCredential", prompt_callback=codes)
    assert credential.get_token(SCOPE).token
    assert credential.get_token("https://s.example/.default").token
    assert asked(person, codes) == ((1, 0) if way is SignInMethod.BROWSER else (0, 1))


@pytest.mark.parametrize("prefer", ["browser", "device_code"])
def test_the_programs_choice(make: Any, person: Person, codes: Any, way: SignInMethod, prefer: Any) -> None:
    """``prefer`` overrides what fits."""
    make("UserCredential", prompt_callback=codes, prefer=prefer).get_token(SCOPE)
    assert asked(person, codes) == ((1, 0) if prefer == "browser" else (0, 1))


@pytest.mark.parametrize("prefer", ["Browser", "code", 1])
def test_no_such_choice(make: Any, prefer: Any) -> None:
    """There are two."""
    with pytest.raises(ValueError, match="prefer must be 'browser' or 'device_code'"):
        make("UserCredential", prefer=prefer)


@pytest.mark.parametrize("number", [53003, 53000, 530035])
def test_a_policy_against_codes(make: Any, authority: Emulator, person: Person, codes: Any, number: int) -> None:
    """Where Conditional Access refuses the code, the browser is next."""
    authority.faults.queue("token:device_code", Refuse("invalid_grant", number, "Blocked by policy."))
    credential = make("UserCredential", prompt_callback=codes, prefer="device_code")
    assert credential.get_token(SCOPE).token
    assert asked(person, codes) == (1, 1)


def test_a_policy_against_the_request_for_a_code(make: Any, authority: Emulator, person: Person, codes: Any) -> None:
    """Likewise when not even a code is given out."""
    authority.faults.queue("devicecode", Refuse("access_denied", 53003, "Blocked by policy."))
    assert make("UserCredential", prompt_callback=codes, prefer="device_code").get_token(SCOPE).token
    assert asked(person, codes) == (1, 0)


def test_a_policy_against_browsers(make: Any, authority: Emulator, person: Person, codes: Any) -> None:
    """Where it refuses the browser, the code is next."""

    def blocked(url: str) -> Any:
        words = "AADSTS53003: Blocked by policy."
        fields = {"error": "access_denied", "error_description": words, "state": query_of(url)["state"]}
        return post(person.redirect_uri(url), fields)

    person.does = blocked
    assert make("UserCredential", prompt_callback=codes, prefer="browser").get_token(SCOPE).token
    assert asked(person, codes) == (1, 1)


def test_no_browser(make: Any, person: Person, codes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no browser opens after all, the code is next."""
    monkeypatch.setattr("doorcode._browser.local.open_page", lambda *_: False)
    assert make("UserCredential", prompt_callback=codes, prefer="browser").get_token(SCOPE).token
    assert asked(person, codes) == (0, 1)


def test_the_user_is_told(
    make: Any, authority: Emulator, person: Person, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two ways there is a line that says so, where the code will stand."""
    monkeypatch.setattr("doorcode._browser.local.open_page", lambda *_: False)
    make("UserCredential", prefer="browser").get_token(SCOPE)
    out = capsys.readouterr().out
    assert out.startswith("A browser cannot be used for this sign-in, so a code is.\n")
    assert "/devicelogin" in out


def test_neither(make: Any, authority: Emulator, person: Person, codes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the other way cannot begin either, the first one's reason is what the program reads."""
    monkeypatch.setattr("doorcode._browser.local.open_page", lambda *_: False)
    authority.faults.queue("token:device_code", Refuse("invalid_grant", 53003, "Blocked by policy."))
    with pytest.raises(ClientAuthenticationError, match="Blocked by policy") as caught:
        make("UserCredential", prompt_callback=codes, prefer="device_code").get_token(SCOPE)
    assert not isinstance(caught.value, CredentialUnavailableError)


def test_paste_is_the_browser_of_another_machine(make: Any, authority: Emulator, person: Person, codes: Any) -> None:
    """Over SSH, where the code is refused, an address can be pasted if the program asked for that."""
    from urllib.parse import urlencode

    def paste(request: PasteRequest) -> str:
        return f"{request.redirect_uri}/?{urlencode(person.answer(request.url))}"

    authority.faults.queue("token:device_code", Refuse("invalid_grant", 53003, "Blocked by policy."))
    credential = make("UserCredential", prompt_callback=codes, prefer="device_code", paste=paste)
    assert credential.get_token(SCOPE).token
    assert asked(person, codes) == (0, 1)


@pytest.mark.usefixtures("nobody_comes")
def test_a_user_who_says_no(make: Any, authority: Emulator, person: Person, codes: Any) -> None:
    """A user who declines, or does not come, is not asked again in another way."""
    authority.faults.queue("token:device_code", Decline())
    with pytest.raises(errors.SignInDeclinedError):
        make("UserCredential", prompt_callback=codes, prefer="device_code").get_token(SCOPE)
    person.does = lambda _url: None
    with pytest.raises(errors.SignInTimedOutError):
        make("UserCredential", prompt_callback=codes, prefer="browser").get_token(SCOPE)
    assert asked(person, codes) == (1, 1)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.UNAVAILABLE])
def test_what_is_not_the_ways_fault(reason: Reason) -> None:
    """Without a policy's code, only what is not to be had here leads on."""
    assert not fallback.rules_out(Failure(reason, "words"))
