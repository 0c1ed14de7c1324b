from __future__ import annotations

import base64
import json
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msal.application import _merge_claims_challenge_and_capabilities as merge_as_msal

from doorcode._core.claims import merge_claims, parse_claims

CHALLENGE = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
DEEP = '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"

WRONG = [
    pytest.param("not json", "JSON object$", id="not JSON"),
    pytest.param(base64.b64encode(CHALLENGE.encode()).decode(), "still base64", id="base64"),
    pytest.param(base64.urlsafe_b64encode(CHALLENGE.encode()).decode().rstrip("="), "still base64", id="base64url"),
    pytest.param("[]", "not of a list", id="list"),
    pytest.param("null", "not of null", id="null"),
    pytest.param("true", "not of a boolean", id="boolean"),
    pytest.param('"x"', "not of a string", id="string"),
    pytest.param("1.5", "not of a number", id="number"),
    pytest.param("  ", "JSON object", id="blank"),
    pytest.param('{"a": NaN}', "JSON object", id="NaN"),
    pytest.param('{"a": ' + "9" * 5000 + "}", "JSON object", id="a number of 5000 digits"),
    pytest.param(DEEP, "nested too deeply", id="nesting bomb"),
    pytest.param('{"a":' + "[" * 40 + "]" * 40 + "}", "nested too deeply", id="deep nesting"),
    pytest.param('{"access_token": null}', "under 'access_token'", id="access_token null"),
    pytest.param('{"access_token": []}', "under 'access_token'", id="access_token a list"),
    pytest.param('{"access_token": "x"}', "under 'access_token'", id="access_token text"),
]


@pytest.mark.parametrize(("claims", "words"), WRONG)
@pytest.mark.parametrize("cae", [False, True])
def test_wrong_claims(claims: str, words: str, cae: bool) -> None:  # noqa: FBT001
    """What is no claims request is refused with and without CAE."""
    with pytest.raises(ValueError, match=words):
        merge_claims(claims, cae)


def test_claims_are_not_repeated() -> None:
    """A challenge may say things about a user, so no message holds its text."""
    with pytest.raises(ValueError, match="claims must be") as caught:
        parse_claims('{"sub": "joe@contoso.com"')
    assert caught.value.__suppress_context__
    assert "joe" not in str(caught.value)


@pytest.mark.parametrize("claims", [{}, b"{}", 1])
def test_claims_of_a_wrong_type(claims: object) -> None:
    """Claims are text."""
    with pytest.raises(TypeError, match="claims must be a string"):
        parse_claims(claims)


@pytest.mark.parametrize("claims", [None, ""])
def test_no_claims(claims: str | None) -> None:
    """Nothing and the empty string ask for nothing."""
    assert parse_claims(claims) is None
    assert merge_claims(claims, cae=False) is None
    assert merge_claims(claims, cae=True) == '{"access_token": {"xms_cc": {"values": ["CP1"]}}}'


def test_claims_stay_as_they_were_written() -> None:
    """Without a capability to add, not a byte changes."""
    written = ' {"id_token" : null, "access_token":{} } '
    assert merge_claims(written, cae=False) == written


def test_claims_are_merged_with_the_capability() -> None:
    """A challenge and CP1 stand in one request."""
    assert json.loads(merge_claims(CHALLENGE, cae=True) or "") == {
        "access_token": {"acrs": {"essential": True, "value": "c1"}, "xms_cc": {"values": ["CP1"]}}
    }


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), VALUES), st.none() | st.dictionaries(st.text() | st.just("xms_cc"), VALUES))
def test_merges_as_msal(claims: dict[str, object], access_token: dict[str, object] | None) -> None:
    """Whatever object is asked for, the merged text is MSAL's."""
    claims.pop("access_token", None)
    written = json.dumps(claims if access_token is None else {**claims, "access_token": access_token})
    merged = cast("Any", merge_as_msal)(["CP1"], written)
    assert json.loads(merge_claims(written, cae=True) or "") == json.loads(merged)
