"""InteractiveBrowserCredential, with threads and with asyncio, against the emulator, with a user made of HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import re
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError

import doorcode.aio
from doorcode import CredentialUnavailableError, errors
from doorcode._browser import local
from doorcode._session import reply_storage
from doorcode.emulator import Emulator, Html, Refuse, Reset
from support.held_reply import HeldReply
from support.loops import in_a_loop, until
from support.person import Person, free_port, get, is_free, post, query_of, sent_on
from support.signing import ADA, AGES, GRACE, OTHER, PATIENCE, SCOPE, changed, outcome, start, together
from support.tracebacks import MOST, frames_of_ours


def test_a_sign_in(make: Any, authority: Emulator, person: Person) -> None:
    """The page opens, the user signs in, the token is there, and what follows is silent."""
    credential = make()
    token = credential.get_token(SCOPE)
    assert authority.verify(token.token)["name"] == authority.users[ADA].name
    assert credential.get_token(OTHER).token != token.token
    assert credential.authenticate(scopes=[SCOPE]).username == ADA
    assert len(person.urls) == 1


CALLS: dict[str, Callable[[Any], Any]] = {
    "get_token": lambda credential: credential.get_token(SCOPE),
    "authenticate": lambda credential: credential.authenticate(scopes=[SCOPE]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_policy_refuses(make: Any, authority: Emulator, person: Person, call: Callable[[Any], Any]) -> None:
    """The advice is not to use the browser that was used, and few frames of the error are this package's."""
    authority.faults.always("token:authorization_code", Refuse("access_denied", 53003))
    error = outcome(lambda: call(make()))
    assert isinstance(error, errors.SignInDeclinedError)
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    for text in (str(error), errors.explain(error), errors.explain(twin)):
        assert "show an administrator the correlation ID" in text
        assert "InteractiveBrowserCredential" not in text
        assert "device code" not in text
    assert 1 <= len(frames_of_ours(error)) <= MOST, frames_of_ours(error)


def test_after_a_browser_that_can_neither_open_nor_close(
    make: Any, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails at the end of a call, the next one does not wait for its sign-in."""
    credential, genuine = make(), local.LocalBrowser.close

    def fails(_: Any, *_args: Any) -> Any:
        message = "no display"
        raise OSError(message)

    def close(browser: local.LocalBrowser) -> None:
        genuine(browser)
        fails(browser)

    with monkeypatch.context() as patch:
        patch.setattr(local.LocalBrowser, "show", fails)
        patch.setattr(local.LocalBrowser, "close", close)
        assert start(lambda: credential.get_token(SCOPE)).exception(PATIENCE) is not None
    assert start(lambda: credential.get_token(SCOPE)).result(PATIENCE).token


def test_what_the_page_is_asked(make: Any, authority: Emulator, person: Person) -> None:
    """Authorization code with PKCE, a form as the answer, a choice of accounts, the hint, a port of 8400 to 8999."""
    make(login_hint=ADA).get_token(SCOPE)
    asked = query_of(person.urls[0])
    expected = {
        "response_type": "code",
        "response_mode": "form_post",
        "prompt": "select_account",
        "code_challenge_method": "S256",
        "login_hint": ADA,
    }
    assert expected.items() <= asked.items()
    host, _, port = asked["redirect_uri"].rpartition(":")
    assert host == "http://localhost"
    assert int(port) in range(8400, 9000)
    (redeemed,) = authority.requests_to("token:authorization_code")
    assert len(redeemed.form["code_verifier"]) >= 43
    assert redeemed.form["redirect_uri"] == asked["redirect_uri"]


def test_claims_stand_in_the_address(make: Any, person: Person) -> None:
    """The claims of a challenge, merged with the capability, are in the page's address."""
    claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'
    make().get_token(SCOPE, claims=claims, enable_cae=True)
    asked = json.loads(query_of(person.urls[0])["claims"])
    assert asked == {"access_token": {"nbf": {"essential": True, "value": "1"}, "xms_cc": {"values": ["CP1"]}}}


def test_the_user_ends_on_a_page_that_says_so(make: Any, person: Person) -> None:
    """The last page comes once the token is there, and needs nothing but itself."""
    make().get_token(SCOPE)
    page = person.last_page()
    assert (page.status_code, "You are signed in" in page.text) == (200, True)
    assert f"<dt>Account</dt><dd>{ADA}</dd>" in page.text
    assert "<dt>Application</dt><dd>Microsoft Azure CLI</dd>" in page.text


def test_an_answer_in_the_query(make: Any, person: Person) -> None:
    """A redirect with a query is an answer as well as a form is."""
    person.does = lambda url: get(person.redirect_uri(url), person.answer(url))
    assert make().get_token(SCOPE).token


def test_a_redirect_uri_of_the_programs_own(make: Any, person: Person) -> None:
    """Host, port and path are used as they are given, and freed."""
    port = free_port()
    make(redirect_uri=f"http://127.0.0.1:{port}/signed-in").get_token(SCOPE)
    assert query_of(person.urls[0])["redirect_uri"] == f"http://127.0.0.1:{port}/signed-in"
    assert is_free(port)


def test_an_error_instead_of_a_code(make: Any, person: Person) -> None:
    """The authority's own words reach the program and the page; without a token the port is free all the same."""
    port = free_port()

    def decline(url: str) -> requests.Response:
        words = "AADSTS65004: User declined <b>consent</b>."
        fields = {"error": "access_denied", "error_description": words, "state": query_of(url)["state"]}
        return post(person.redirect_uri(url), fields)

    person.does = decline
    with pytest.raises(errors.SignInDeclinedError, match="AADSTS65004: User declined") as caught:
        make(redirect_uri=f"http://localhost:{port}").get_token(SCOPE)
    assert (caught.value.error, caught.value.error_codes) == ("access_denied", (65004,))
    page = person.last_page()
    assert (page.status_code, "&lt;b&gt;consent" in page.text, "<b>" in page.text) == (400, True, False)
    assert is_free(port)


def test_neither_code_nor_error(make: Any, person: Person) -> None:
    """An answer with the right state and nothing in it ends the sign-in, with words for it."""
    person.does = lambda url: post(person.redirect_uri(url), {"state": query_of(url)["state"]})
    with pytest.raises(ClientAuthenticationError, match="neither a code nor an error"):
        make().get_token(SCOPE)
    assert person.last_page().status_code == 400


STRANGERS: dict[str, dict[str, str]] = {
    "no state": {"code": "stolen"},
    "another state": {"code": "stolen", "state": "guessed"},
    "an empty state": {"code": "stolen", "state": ""},
    "an error of somebody else's": {"error": "access_denied", "state": "guessed"},
}


@pytest.mark.parametrize("fields", STRANGERS.values(), ids=STRANGERS)
def test_a_strangers_answer_is_passed_over(
    make: Any, authority: Emulator, person: Person, fields: dict[str, str]
) -> None:
    """What does not carry this sign-in's state is answered 404, and the wait goes on for the user's own answer."""
    seen: list[int] = []

    def bothered(url: str) -> requests.Response:
        seen.append(post(person.redirect_uri(url), fields).status_code)
        seen.append(get(person.redirect_uri(url), fields).status_code)
        return person.sign_in(url)

    person.does = bothered
    assert make().get_token(SCOPE).token
    assert seen == [404, 404]
    assert authority.count("token:authorization_code") == 1


@pytest.mark.usefixtures("nobody_comes")
def test_a_closed_tab(make: Any, person: Person, capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody comes back: the deadline was shown, and at it the sign-in ends; the port is free."""
    port = free_port()
    person.does = lambda _url: None
    with pytest.raises(errors.SignInTimedOutError, match=r"Timed out waiting for user to authenticate, after 62\.5 s"):
        make(timeout=62.5, redirect_uri=f"http://localhost:{port}").get_token(SCOPE)
    assert is_free(port)
    out, err = capfd.readouterr()
    assert out == ""
    assert " before " in err
    (shown,) = re.findall(r"\bhttp\S+", err)
    assert shown.startswith(f"http://localhost:{port}/")
    assert shown != person.links[0]


def test_no_time_at_all(make: Any, authority: Emulator, person: Person) -> None:
    """A timeout of 0 asks nobody."""
    with pytest.raises(errors.SignInTimedOutError):
        make(timeout=0).get_token(SCOPE)
    assert (person.urls, authority.requests) == ([], [])


@pytest.mark.parametrize("name", ["get_token", "get_token_info", "authenticate"])
def test_a_port_that_is_taken_is_told_before_any_request(make: Any, authority: Emulator, name: str) -> None:
    """The port comes first, as with azure-identity: with the authority away it is still the port that is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        uri = f"http://localhost:{taken.getsockname()[1]}"
        credential = make(redirect_uri=uri, retry_total=0)
        authority.go_offline()
        options: dict[str, Any] = {"scopes": [SCOPE]} if name == "authenticate" else {}
        with pytest.raises(CredentialUnavailableError, match=uri):
            getattr(credential, name)(*([] if options else [SCOPE]), **options)
    assert authority.count() == 0


def test_a_port_that_is_taken(make: Any, person: Person) -> None:
    """The redirect URI that the program insists on is somebody else's: the credential is not available, at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CredentialUnavailableError, match=f"HTTP server on http://localhost:{port}") as raised:
            make(redirect_uri=f"http://localhost:{port}").get_token(SCOPE)
    assert isinstance(raised.value.__cause__, OSError)
    assert person.urls == []


WRONG_REDIRECTS = {
    "no port": ("http://localhost", ValueError),
    "another host": ("http://contoso.example:8400", ValueError),
    "every address": ("http://0.0.0.0:8400", ValueError),
    "https, where nobody could listen": ("https://localhost:8400", ValueError),
    "a query": ("http://localhost:8400?x=y", ValueError),
    "no URL": ("8400", ValueError),
    "a number": (8400, TypeError),
}


@pytest.mark.parametrize(("uri", "error"), WRONG_REDIRECTS.values(), ids=WRONG_REDIRECTS)
def test_redirect_uris_that_cannot_be_right(make: Any, uri: Any, error: type[Exception]) -> None:
    """The constructor refuses what this machine cannot listen on."""
    with pytest.raises(error, match="redirect_uri"):
        make(redirect_uri=uri)


@pytest.mark.parametrize("options", [{"login_hint": 5}, {"paste": "yes"}, {"timeout": "300"}])
def test_options_of_a_wrong_type(make: Any, options: dict[str, Any]) -> None:
    """The constructor refuses them by name."""
    with pytest.raises(TypeError, match=next(iter(options))):
        make(**options)


def test_many_at_once(make: Any, person: Person) -> None:
    """One page for everybody."""
    credential = make()
    tokens = together(8, lambda _: credential.get_token(SCOPE).token)
    assert len(set(tokens)) == 1
    assert len(person.urls) == 1


def test_cancel(make: Any, person: Person) -> None:
    """Giving up ends the wait at once; the port is free, and the next call opens a new page."""
    port = free_port()
    opened = threading.Event()
    person.does = lambda _url: opened.set()
    credential = make(redirect_uri=f"http://localhost:{port}")
    call = start(lambda: credential.get_token(SCOPE))
    assert opened.wait(PATIENCE)
    credential.cancel()
    with pytest.raises((errors.SignInCancelledError, CancelledError)):
        call.result(PATIENCE)
    person.does = person.sign_in
    assert credential.get_token(SCOPE).token


def test_a_page_that_other_tasks_wait_for(authority: Emulator, person: Person) -> None:
    """If the task that opened the page is cancelled, the page stays valid for the tasks that wait."""
    opened, go = threading.Event(), threading.Event()

    def signs_in_later(url: str) -> requests.Response:
        opened.set()
        assert go.wait(PATIENCE)
        return person.sign_in(url)

    person.does = signs_in_later

    async def main() -> Any:
        credential = doorcode.aio.InteractiveBrowserCredential(**authority.credential_options)
        leader, *others = [asyncio.create_task(credential.get_token(SCOPE)) for _ in range(3)]
        await until(opened)
        (flight,) = credential._session.flights._led.values()
        while flight.waiting < len(others):  # noqa: ASYNC110 - nobody tells when a task has begun to wait
            await asyncio.sleep(0)
        leader.cancel()
        await asyncio.wait([leader])
        go.set()
        return await asyncio.gather(*others)

    assert len({token.token for token in in_a_loop(main)}) == 1
    assert len(person.urls) == 1


def test_a_browser_that_waits_when_the_program_gives_up(make: Any, authority: Emulator, person: Person) -> None:
    """A user who came back too late reads that nobody waits any more, instead of waiting with the page."""
    hung = threading.Event()
    authority.faults.always("token:authorization_code", Reset())
    person.does = lambda url: hung.set() or person.sign_in(url)
    credential = make()
    call = start(lambda: outcome(lambda: credential.get_token(SCOPE)))
    assert hung.wait(PATIENCE)
    authority.wait_for("token:authorization_code")
    credential.cancel()
    call.result(PATIENCE)
    assert person.last_page().status_code in {400, 410}


def test_a_token_that_comes_too_late(
    make: Any, authority: Emulator, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code was sent when the program gave up: the token of its late reply is kept, and the next call is silent."""
    held, stored, accept = HeldReply(), threading.Event(), reply_storage.accept_sign_in

    def accepted(*args: Any, **options: Any) -> Any:
        result = accept(*args, **options)
        stored.set()
        return result

    monkeypatch.setattr(reply_storage, "accept_sign_in", accepted)
    authority.faults.queue("token:authorization_code", held.fault)
    credential = make()
    call = start(lambda: outcome(lambda: credential.get_token(SCOPE)))
    authority.wait_for("token:authorization_code")
    credential.cancel()
    call.result(PATIENCE)
    held.release()
    assert stored.wait(PATIENCE)
    assert credential.get_token(SCOPE).token
    assert len(person.urls) == 1


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="only where a signal can be sent to a thread")
def test_ctrl_c(authority: Emulator, person: Person) -> None:
    """KeyboardInterrupt passes as it is, at once, and the port is free."""
    import doorcode

    port = free_port()
    person.does = lambda _url: os.kill(os.getpid(), signal.SIGINT)
    options: Any = authority.credential_options
    with (
        doorcode.InteractiveBrowserCredential(redirect_uri=f"http://localhost:{port}", **options) as credential,
        pytest.raises(KeyboardInterrupt),
    ):
        credential.get_token(SCOPE)
    assert is_free(port)


def test_a_network_that_fails_while_the_code_is_redeemed(make: Any, authority: Emulator, person: Person) -> None:
    """The user has done their part: the code is redeemed as soon as the network is back."""
    authority.faults.queue("token:authorization_code", Reset(), Html(502), Html(200))
    assert make().get_token(SCOPE).token
    assert (len(person.urls), authority.count("token:authorization_code")) == (1, 4)


def test_a_network_that_stays_away(make: Any, authority: Emulator, person: Person) -> None:
    """After a few tries the error says what was wrong, and so does the page."""
    authority.faults.always("token:authorization_code", Html(502))
    with pytest.raises(errors.AuthorityUnreachableError, match="502"):
        make().get_token(SCOPE)
    assert "502" in person.last_page().text


def test_an_answer_that_was_lost(make: Any, authority: Emulator, person: Person) -> None:
    """A code is good for one request: when its reply is lost, the loss is reported, not the code's end."""
    authority.faults.queue("token:authorization_code", Reset(), Refuse("invalid_grant", 54005, "Already redeemed."))
    with pytest.raises(errors.AuthorityUnreachableError):
        make().get_token(SCOPE)


def test_a_refusal(make: Any, authority: Emulator, person: Person) -> None:
    """What the token endpoint refuses is refused, with its words and its response."""
    authority.faults.queue("token:authorization_code", Refuse("invalid_grant", 53003, "Blocked by policy."))
    with pytest.raises(ClientAuthenticationError, match="Blocked by policy") as caught:
        make().get_token(SCOPE)
    assert caught.value.response is not None
    assert caught.value.response.status_code == 400


def test_an_id_token_of_another_sign_in(make: Any, authority: Emulator, person: Person) -> None:
    """A nonce that is not ours means that somebody put their sign-in in the place of this one (OIDC Core 3.1.3.7)."""
    answers: list[dict[str, str]] = []

    def with_anothers_page(url: str) -> requests.Response:
        answers.append(person.answer(url.replace("&nonce=", "&nonce=0")))
        return post(person.redirect_uri(url), answers[0])

    person.does = with_anothers_page
    with pytest.raises(ClientAuthenticationError, match="nonce"):
        make().get_token(SCOPE)
    assert answers[0]["code"]


@pytest.mark.parametrize("without", ["id_token", "client_info"])
def test_a_reply_that_lacks_something(make: Any, authority: Emulator, person: Person, without: str) -> None:
    """A sign-in that the user finished is not thrown away for what its reply lacks."""
    authority.faults.queue("token:authorization_code", changed(**{without: None}))
    credential = make()
    assert credential.get_token(SCOPE).token
    assert credential.get_token(SCOPE).token
    assert len(person.urls) == 1


def test_another_account(make: Any, authority: Emulator, person: Person) -> None:
    """A credential that is for one account does not take another's token; authenticate changes the account."""
    record = make().authenticate(scopes=[SCOPE])
    authority.approve_all(GRACE)
    credential = make(authentication_record=record)
    with pytest.raises(errors.OtherAccountError):
        credential.get_token(SCOPE)
    assert "The sign-in did not work" in person.last_page().text
    assert credential.authenticate(scopes=[SCOPE], force_prompt=True).username == GRACE


def test_nobody_may_be_asked(make: Any, person: Person) -> None:
    """disable_automatic_authentication holds for a browser too."""
    with pytest.raises(errors.AuthenticationRequiredError):
        make(disable_automatic_authentication=True).get_token(SCOPE)
    assert person.urls == []


def test_a_browser_that_is_its_own_user(
    make: Any, authority: Emulator, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ``open`` that only returns when the sign-in is over does not stop the sign-in."""
    monkeypatch.setattr(local, "FOREGROUND", AGES)  # what such a browser is waited for when nothing comes of it
    monkeypatch.setattr("doorcode._core.flows.auth_code.LONGEST_OPENING", AGES)

    def open_and_sign_in(url: str) -> bool:
        person.sign_in(sent_on(url))
        return True

    import webbrowser

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(webbrowser, "open", open_and_sign_in)
        credential = make(timeout=AGES)
        assert start(lambda: credential.get_token(SCOPE)).result(PATIENCE).token


def test_pickling(authority: Emulator, person: Person) -> None:
    """A credential travels with its options and without its tokens."""
    import doorcode

    options: Any = authority.credential_options
    credential = doorcode.InteractiveBrowserCredential(login_hint=ADA, **options)
    token = credential.get_token(SCOPE).token
    data = pickle.dumps(credential)
    assert token.encode() not in data
    again: Any = pickle.loads(data)  # noqa: S301 - made above
    assert again.get_token(SCOPE).token
    assert query_of(person.urls[1])["login_hint"] == ADA
    for each in (credential, again):
        each.close()
