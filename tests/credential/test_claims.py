"""Claims: checked before any request, and in every request of a sign-in."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from doorcode import AuthenticationRequiredError
from doorcode.emulator import Emulator, Pending
from support.signing import OTHER, SCOPE

CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
CP1 = {"xms_cc": {"values": ["CP1"]}}


@pytest.mark.parametrize("cae", [False, True], ids=["plain", "CAE"])
def test_they_stand_in_every_request(make: Any, authority: Emulator, cae: bool) -> None:  # noqa: FBT001 - a parameter
    """The request for the code, each poll and the refresh carry the same claims, merged with CP1 for CAE."""
    authority.faults.queue("token:device_code", Pending(), Pending())
    credential = make()
    credential.get_token(SCOPE, claims=CLAIMS, enable_cae=cae)
    credential.get_token(OTHER, claims=CLAIMS, enable_cae=cae)
    sent = [request.form["claims"] for request in authority.requests if request.method == "POST"]
    expected = json.loads(CLAIMS)
    if cae:
        expected["access_token"] |= CP1
    else:
        assert set(sent) == {CLAIMS}
    assert [json.loads(text) for text in sent] == [expected] * 5
    assert authority.count("token:refresh_token") == 1


def test_without_any_none_are_sent(make: Any, authority: Emulator) -> None:
    """No claims, no parameter; an empty text is none."""
    make().get_token(SCOPE, claims="")
    assert all("claims" not in request.form for request in authority.requests)


def test_cae_alone_sends_the_capability(make: Any, authority: Emulator) -> None:
    """enable_cae says CP1 at once, in the request for the code too."""
    token = make().get_token(SCOPE, enable_cae=True)
    for request in authority.requests_to("devicecode") + authority.requests_to("token"):
        assert json.loads(request.form["claims"]) == {"access_token": CP1}
    assert authority.verify(token.token)["xms_cc"] == ["CP1"]


def test_a_challenge_passes_over_tokens_at_hand(make: Any, authority: Emulator) -> None:
    """With claims the cached token is not returned, and the refresh token is tried before the user."""
    credential = make()
    first = credential.get_token(SCOPE, enable_cae=True)
    challenge = authority.claims_challenge().claims
    second = credential.get_token(SCOPE, claims=challenge, enable_cae=True)
    assert second != first
    assert credential.get_token(SCOPE, enable_cae=True) == second
    assert (authority.count("token:refresh_token"), len(make.approver.prompts)) == (1, 1)
    info = credential.get_token_info(SCOPE, options={"claims": challenge, "enable_cae": True})
    assert info.token != second.token


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "not JSON": ("not json", ValueError, "JSON object"),
    "still base64": (base64.b64encode(CLAIMS.encode()).decode(), ValueError, "still base64"),
    "a list": ("[]", ValueError, "not of a list"),
    "a number": ("5", ValueError, "not of a number"),
    "access_token of a wrong type": ('{"access_token": []}', ValueError, "'access_token'"),
    "NaN": ('{"a": NaN}', ValueError, "JSON object"),
    "nested without end": ('{"a":' * 5000 + "1" + "}" * 5000, ValueError, "nested too deeply"),
    "a dict": ({"access_token": {}}, TypeError, "must be a string, not dict"),
}


@pytest.mark.parametrize("cae", [False, True], ids=["plain", "CAE"])
@pytest.mark.parametrize(("claims", "kind", "words"), BAD.values(), ids=BAD)
def test_bad_claims(
    make: Any,
    authority: Emulator,
    claims: Any,
    kind: type[Exception],
    words: str,
    cae: bool,  # noqa: FBT001 - a parameter
) -> None:
    """What is no JSON object is refused before any request, with CAE and without."""
    credential = make()
    with pytest.raises(kind, match=words):
        credential.get_token(SCOPE, claims=claims, enable_cae=cae)
    with pytest.raises(kind, match=words):
        credential.get_token_info(SCOPE, options={"claims": claims, "enable_cae": cae})
    with pytest.raises(kind, match=words):
        credential.authenticate(scopes=[SCOPE], claims=claims, enable_cae=cae)
    assert authority.requests == []


def test_what_a_failed_call_says_feeds_authenticate(make: Any, authority: Emulator) -> None:
    """AuthenticationRequiredError's scopes and claims go to authenticate as they are."""
    credential = make(disable_automatic_authentication=True)
    with pytest.raises(AuthenticationRequiredError) as caught:
        credential.get_token(SCOPE, claims=CLAIMS, enable_cae=True)
    credential.authenticate(scopes=caught.value.scopes, claims=caught.value.claims, enable_cae=True)
    assert json.loads(authority.requests_to("devicecode")[0].form["claims"]) == {
        "access_token": {**json.loads(CLAIMS)["access_token"], **CP1}
    }
