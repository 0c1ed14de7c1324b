"""Whatever an endpoint answers: a token, or ClientAuthenticationError that names the endpoint and what was wrong."""

from __future__ import annotations

import json
from typing import Any

import msal
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from doorcode import errors
from doorcode.emulator import (
    Decline,
    Emulator,
    Garbage,
    Html,
    LostReply,
    Pending,
    Refuse,
    Reply,
    Reset,
    ServerError,
    SlowDown,
    TooManyRequests,
)
from support.clock import Clock
from support.signing import SCOPE, changed, raw

JSON = "application/json"
PAGE = b"<html><title>Sign in to Hotel Wi-Fi</title></html>"
MALFORMED = {
    "502 with a page": (Html(502), "502"),
    "200 with a page": (Html(200), "answered 200"),
    "200, empty": (Reply(200, b"", JSON), "nothing in it"),
    "204": (Reply(204), "204"),
    "a list": (Reply(200, b"[1]", JSON), "a list"),
    "null": (Reply(200, b"null", JSON), "null"),
    "a number": (Reply(200, b"5", JSON), "a number"),
    "an empty object": (Reply(200, b"{}", JSON), "answered 200"),
    "no UTF-8": (Reply(200, b'{"a": "\xff"}', JSON), "not UTF-8"),
    "cut off": (Reply(200, b'{"access_token": "', JSON), "not JSON"),
    "nested without end": (Reply(200, b"[" * 200_000, JSON), "nested too deeply"),
    "2 MB": (Reply(200, b'{"a": "' + b"x" * 2**21 + b'"}', JSON), "more than"),
    "broken gzip": (Reply(200, b"\x1f\x8b garbage", JSON, {"Content-Encoding": "gzip"}), "decompressed"),
    "a redirect": (Reply(302, PAGE, "text/html", {"Location": "https://portal.example/login"}), "redirect to portal"),
    "a redirect to http": (Reply(307, b"", None, {"Location": "http://portal.example/"}), "redirect to portal"),
    "a proxy's 407": (Reply(407, PAGE, "text/html"), "a proxy on the way asks for credentials"),
    "400 without an error": (Reply(400, b"{}", JSON), "400"),
    "garbage": (Garbage(), "127.0.0.1"),
}  # fmt: skip
NAMES = {"discovery": "OpenID configuration", "devicecode": "device authorization endpoint"}


@pytest.mark.parametrize("endpoint", NAMES)
@pytest.mark.parametrize(("fault", "words"), MALFORMED.values(), ids=MALFORMED)
def test_before_the_prompt(make: Any, authority: Emulator, endpoint: str, fault: Any, words: str) -> None:
    """Discovery and the request for a code: an error that names endpoint, host, status and trouble."""
    authority.faults.always(endpoint, fault)
    with pytest.raises(ClientAuthenticationError, match=words) as caught:
        make(retry_total=0).get_token(SCOPE)
    assert isinstance(caught.value, errors.AuthorityUnreachableError)
    assert authority.host in str(caught.value)
    assert NAMES[endpoint] in str(caught.value)
    assert make.approver.prompts == []


@pytest.mark.parametrize("fault", [fault for fault, _ in MALFORMED.values()], ids=MALFORMED)
def test_while_polling(make: Any, authority: Emulator, fault: Any) -> None:
    """While polling nothing of this ends the sign-in, in which the user may be typing the code just now."""
    authority.faults.queue("token", Pending(), fault, Pending())
    assert make().get_token(SCOPE).token
    assert (authority.count("devicecode"), len(make.approver.prompts)) == (1, 1)


TROUBLE = {
    "ten lost connections": [Reset()] * 10,
    "pages, ten times": [Html(200)] * 10,
    "an outage": [ServerError(503)] * 6 + [ServerError(500)] * 6,
    "too many requests": [TooManyRequests(), TooManyRequests(0)],
    "busy": [Refuse("temporarily_unavailable", None, "Busy."), Reply(408)],
    "429 with a pending body": [Reply(429, b'{"error": "authorization_pending"}', JSON, {"Retry-After": "0"})],
    "slow_down, with an interval and without": [SlowDown(), SlowDown(9)],
    "all of it": [Reset(), Html(502), Pending(), ServerError(503), SlowDown()],
}


@pytest.mark.parametrize("faults", TROUBLE.values(), ids=TROUBLE)
def test_trouble_while_polling(make: Any, authority: Emulator, faults: list[Any]) -> None:
    """However often the network or the service fails, polling goes on with the same code."""
    authority.faults.queue("token", *faults)
    assert make().get_token(SCOPE).token
    assert (authority.count("token"), authority.count("devicecode")) == (len(faults) + 1, 1)
    assert len(make.approver.prompts) == 1


def test_the_authority_goes_away_and_comes_back(make: Any, authority: Emulator) -> None:
    """Connection refused while the user signs in is survived."""

    def callback(uri: str, user_code: str, expires_on: Any) -> None:
        make.approver(uri, user_code, expires_on)
        authority.go_offline()
        start_again.append(authority.go_online)

    start_again: list[Any] = []
    credential = make(prompt_callback=callback)
    exchange = credential._session.application.poll
    polls = 0

    def poll(*args: Any, **options: Any) -> Any:
        nonlocal polls
        polls += 1
        if polls == 4:
            start_again.pop()()
        return exchange(*args, **options)

    credential._session.application.poll = poll
    assert credential.get_token(SCOPE).token
    assert polls >= 4


def test_a_lost_token_reply_is_told(make: Any, authority: Emulator) -> None:
    """A code that was spent in a reply that got lost ends with the authority's own words."""
    authority.faults.queue("token", LostReply())
    with pytest.raises(ClientAuthenticationError, match="AADSTS54005"):
        make().get_token(SCOPE)


def test_a_byte_order_mark_is_tolerated(make: Any, authority: Emulator) -> None:
    """Some gateways put one before the JSON."""
    body = {
        "device_code": "unknown",
        "user_code": "ABCD",
        "verification_uri": f"{authority.url}/devicelogin",
        "expires_in": 900,
        "interval": 1,
    }
    authority.faults.queue("devicecode", Reply(200, b"\xef\xbb\xbf" + json.dumps(body).encode(), JSON))
    shown: list[str] = []
    with pytest.raises(ClientAuthenticationError, match="does not know this device code"):
        make(prompt_callback=lambda _uri, user_code, _on: shown.append(user_code)).get_token(SCOPE)
    assert shown == ["ABCD"]


LIVES: dict[str, tuple[dict[str, Any], int]] = {
    "as text": (dict(expires_in="3600"), 3600),
    "a float": (dict(expires_in=3600.0), 3600),
    "a float as text": (dict(expires_in="3600.0"), 3600),
    "nothing": (dict(expires_in=None), 600),
    "nothing but a far end": (dict(expires_in=None, expires_on="4102444800"), 10**9),
    "0": (dict(expires_in=0), 0),
    "negative": (dict(expires_in=-5), 0),
    "a word": (dict(expires_in="soon"), 0),
    "a number without end": (dict(expires_in=10**30), 0),
    "a list": (dict(expires_in=[1]), 0),
}


@pytest.mark.parametrize(("fields", "life"), LIVES.values(), ids=LIVES)
def test_expires_in(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], life: int
) -> None:
    """However the life of a token is written, the token is returned with whole seconds; never KeyError."""
    import time

    Clock(monkeypatch)
    authority.faults.queue("token", changed(**fields))
    token = make().get_token(SCOPE)
    secret, expires_on = token
    assert isinstance(token, AccessToken)
    assert secret
    assert type(expires_on) is int
    assert min(abs(expires_on - time.time() - life), abs(expires_on - 4102444800)) < 5


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1800, 1800), ("1800", 1800), ("1800.0", 1800), (None, None), ("x", None), ([], None), (0, None), (-1, None)],
    ids=["a number", "text", "a float as text", "null", "a word", "a list", "0", "negative"],
)
def test_refresh_in(make: Any, authority: Emulator, value: Any, expected: int | None) -> None:
    """refresh_on is whole seconds or None, whatever refresh_in was."""
    authority.faults.queue("token", raw(refresh_in=value))
    info = make().get_token_info(SCOPE)
    if expected is None:
        assert info.refresh_on is None
    else:
        assert type(info.refresh_on) is int
        assert info.refresh_on == info.expires_on - 3600 + expected


ODD: dict[str, dict[str, Any]] = {
    "scope null": dict(scope=None),
    "scope a list": dict(scope=["a"]),
    "token_type in lower case": dict(token_type="bearer"),
    "token_type null": dict(token_type=None),
    "an ID token that is no JWT": dict(id_token="x"),
    "an ID token of lists": dict(id_token="W10.W10.x"),
    "an ID token that is a number": dict(id_token=5),
    "client_info of nonsense": dict(client_info="%%%"),
    "client_info that is a list": dict(client_info=[]),
    "refresh_token null": dict(refresh_token=None),
    "refresh_token a number": dict(refresh_token=5),
    "foci a list": dict(foci=["1"]),
    "ext_expires_in of nonsense": dict(ext_expires_in="never"),
    "id_token_claims in the reply": dict(id_token_claims={"sub": "evil"}),
    "error null": dict(error=None),
    "an object more": dict(more={"deep": [1]}),
    "MSAL's own names": dict(token_source="cache", refresh_on="x", _msalruntime_telemetry=5),
}


@pytest.mark.parametrize("fields", ODD.values(), ids=ODD)
def test_an_odd_token_reply(make: Any, authority: Emulator, fields: dict[str, Any]) -> None:
    """With an access token in the reply the sign-in counts, whatever else is in it, and later calls are silent."""
    authority.faults.queue("token", raw(**fields))
    credential = make()
    first = credential.get_token(SCOPE)
    assert credential.get_token(SCOPE) == first
    assert credential.get_token_info(SCOPE).token_type.lower() == "bearer"
    assert len(make.approver.prompts) == 1


@pytest.mark.parametrize("value", [None, "", 5, [], {}, "a\nb", "é"], ids=repr)
def test_a_reply_without_a_usable_token(make: Any, authority: Emulator, value: Any) -> None:
    """Without an access token a reply is none: polling goes on, and the trouble is told in the end."""
    body = json.dumps({"token_type": "Bearer", "expires_in": 3600, "access_token": value})
    authority.faults.queue("token", Reply(200, body.encode(), JSON), Decline())
    with pytest.raises(errors.SignInDeclinedError, match="access_token"):
        make().get_token(SCOPE)


def test_a_reply_without_an_account_is_not_in_a_shared_cache(make: Any, authority: Emulator) -> None:
    """Its rows would stand under no account: they are kept in memory only."""
    authority.faults.queue("token", changed(client_info=None, id_token=None))
    cache = msal.TokenCache()
    make(_cache=cache).get_token(SCOPE)
    assert [list(cache.search(kind, query={})) for kind in ("AccessToken", "RefreshToken", "Account")] == [[], [], []]


@pytest.mark.parametrize("fault", [fault for fault, _ in MALFORMED.values()], ids=MALFORMED)
def test_a_malformed_refresh(make: Any, authority: Emulator, fault: Any) -> None:
    """A refresh that brings nothing usable is an error, no prompt; the next one works."""
    credential = make(retry_total=0)
    credential.get_token(SCOPE)
    authority.faults.queue("token:refresh_token", fault)
    with pytest.raises(errors.AuthorityUnreachableError, match="token endpoint"):
        credential.get_token("https://s.example/.default")
    assert credential.get_token("https://s.example/.default").token
    assert len(make.approver.prompts) == 1
