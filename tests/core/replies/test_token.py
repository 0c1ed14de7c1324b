from __future__ import annotations

import base64
import json

import pytest

from doorcode._core.replies.token import token_reply

NOW = 1_700_000_000.0
OK: dict[str, object] = {"access_token": "at", "token_type": "Bearer", "expires_in": 3600}


def part(value: object) -> str:
    """Return a value as a part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


INFO = part({"uid": "u", "utid": "t"})
IDT = f"e30.{part({'sub': 's', 'oid': 'o', 'preferred_username': 'joe'})}.sig"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"expires_in": 3600}, 3600, id="int"),
        pytest.param({"expires_in": "3600"}, 3600, id="text"),
        pytest.param({"expires_in": 3600.0}, 3600, id="float"),
        pytest.param({"expires_in": "3600.0"}, 3600, id="text of a float"),
        pytest.param({}, 600, id="missing"),
        pytest.param({"expires_on": 1_700_000_090}, 90, id="expires_on"),
        pytest.param({"expires_on": "1700000090"}, 90, id="expires_on as text"),
        pytest.param({"expires_on": "soon"}, 600, id="expires_on garbage"),
        pytest.param({"expires_on": 1_600_000_000}, 0, id="expires_on past"),
        pytest.param({"expires_in": 0}, 0, id="zero"),
        pytest.param({"expires_in": -5}, 0, id="negative"),
        pytest.param({"expires_in": "soon"}, 0, id="garbage"),
        pytest.param({"expires_in": None}, 0, id="null"),
        pytest.param({"expires_in": None, "expires_on": "1700000090"}, 90, id="null and expires_on"),
        pytest.param({"expires_in": True}, 0, id="boolean"),
        pytest.param({"expires_in": 10**17}, 10**9, id="huge"),
    ],
)
def test_expires_in(body: dict[str, object], expected: int) -> None:
    """A lifetime comes in many forms and leaves as an int."""
    reply = token_reply({"access_token": "at", **body}, NOW)
    assert reply == {"access_token": "at", "token_type": "Bearer", "expires_in": expected}
    assert type(reply["expires_in"]) is int


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("refresh_in", 1800, 1800),
        ("refresh_in", "1800", 1800),
        ("refresh_in", "1800.5", 1800),
        ("refresh_in", 0, None),
        ("refresh_in", 0.5, None),
        ("refresh_in", -1, None),
        ("refresh_in", None, None),
        ("refresh_in", "x", None),
        ("ext_expires_in", "7200", 7200),
        ("ext_expires_in", 0, 0),
        ("ext_expires_in", None, None),
        ("scope", "a b", "a b"),
        ("scope", "", None),
        ("scope", " ", None),
        ("scope", None, None),
        ("scope", ["a"], None),
        ("scope", "a\x00", None),
        ("token_type", "pop", "pop"),
        ("refresh_token", "r", "r"),
        ("refresh_token", "", None),
        ("refresh_token", "r\n", None),
        ("refresh_token", 3, None),
        ("foci", "1", "1"),
        ("foci", 1, None),
        ("client_info", INFO, INFO),
        ("client_info", "", None),
        ("client_info", "%", None),
        ("client_info", part([]), None),
        ("client_info", part({"uid": "u"}), None),
        ("client_info", part({"uid": "u", "utid": 3}), None),
        ("client_info", part({"uid": "u", "utid": ""}), None),
        ("client_info", {"uid": "u", "utid": "t"}, None),
        ("id_token", IDT, IDT),
        ("id_token", "", None),
        ("id_token", "abc", None),
        ("id_token", "a.b", None),
        ("id_token", "a.%.c", None),
        ("id_token", f"e30.{part([])}.x", None),
        ("id_token", f"e30.{part({'oid': 'o'})}.x", None),
        ("id_token", f"e30.{part({'sub': 3})}.x", None),
        ("id_token", f"e30.{part({'sub': 's', 'upn': ['x']})}.x", None),
        ("id_token", f"e30.{part({'sub': 's', 'oid': None})}.x", None),
        ("id_token", f"e30.{part({'sub': 's', 'upn': None})}.x", f"e30.{part({'sub': 's', 'upn': None})}.x"),
        ("id_token", None, None),
        ("id_token_claims", {"sub": "forged"}, None),
        ("id_token_claims", "x", None),
        ("refresh_on", 5, None),
        ("expires_on", "x", None),
        ("token_source", "x", None),
        ("error", None, None),
        ("error_description", "x", None),
        ("_msalruntime_telemetry", "x", None),
        ("extra", "x", "x"),
        ("extra", 1.5, 1.5),
        ("extra", [1], None),
        ("extra", {}, None),
    ],
    ids=repr,
)
def test_fields(name: str, value: object, expected: object) -> None:
    """What can be read is kept, what cannot is left out, and nothing is taken that MSAL makes itself."""
    assert token_reply({**OK, name: value}, NOW).get(name) == expected


@pytest.mark.parametrize("value", [None, "", 3, "a\n", [], "\ud800"], ids=repr)
def test_token_type_is_bearer_unless_it_is_a_word(value: object) -> None:
    """A token without a readable type is a bearer token."""
    assert token_reply({**OK, "token_type": value}, NOW)["token_type"] == "Bearer"


def test_an_id_token_needs_no_sub_beside_client_info() -> None:
    """With client_info the account is known."""
    token = f"e30.{part({'oid': 'o'})}.x"
    assert token_reply({**OK, "id_token": token, "client_info": INFO}, NOW)["id_token"] == token


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, "no access_token in it"),
        ("", "no access_token in it"),
        (3, "cannot be one"),
        (["at"], "cannot be one"),
        ("a\nb", "cannot be one"),
        ("é", "cannot be one"),
        ("\ud800", "cannot be one"),
    ],
    ids=repr,
)
def test_no_usable_access_token(token: object, words: str) -> None:
    """A success without a token that can be sent is none, and the token is not repeated."""
    with pytest.raises(ValueError, match=words):
        token_reply({**OK, "access_token": token}, NOW)
