from __future__ import annotations

import base64
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorcode._core import json_values


def encoded(text: str) -> str:
    """Return text in unpadded base64url."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"{}", {}, id="empty"),
        pytest.param(b' {"a": [1, {"b": null}]} \n', {"a": [1, {"b": None}]}, id="nested"),
        pytest.param(b'\xef\xbb\xbf{"a": "\xc3\xa9"}', {"a": "é"}, id="byte order mark"),
        pytest.param(b'{"a": 1, "a": 2}', {"a": 2}, id="the last of two names counts"),
        pytest.param(b'{"a": NaN, "b": -Infinity, "c": 1e999}', {"a": None, "b": None, "c": None}, id="not finite"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", {"a": None}, id="5000 digits"),
        pytest.param(b'{"a": -12345, "b": 1.5}', {"a": -12345, "b": 1.5}, id="numbers"),
    ],
)
def test_json_object(body: bytes, expected: dict[str, object]) -> None:
    """A JSON object comes out as one, with numbers that can be numbers."""
    assert json_values.json_object(body) == expected


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"a": 1} tail', "not JSON"),
        (b'{"a": 1\x00}', "not JSON"),
        (b'{"a": "\x1b"}', "not JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b"\x1f\x8b\x08\x00", "not UTF-8"),
        (b"[1]", "a list instead of an object"),
        (b"null", "null instead"),
        (b"true", "a boolean instead"),
        (b'"x"', "a string instead"),
        (b"3", "a number instead"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a":' + b"[" * 33 + b"]" * 33 + b"}", "nested too deeply"),
    ],
)
def test_what_is_no_json_object(body: bytes, words: str) -> None:
    """Anything else is a ValueError that says what it is instead."""
    with pytest.raises(ValueError, match=words):
        json_values.json_object(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(encoded('{"uid": "a"}'), {"uid": "a"}, id="without padding"),
        pytest.param(base64.urlsafe_b64encode(b'{"uid": "a"}').decode(), {"uid": "a"}, id="with padding"),
        pytest.param(base64.b64encode('{"a": "???>>>ÿ"}'.encode()).decode(), {"a": "???>>>ÿ"}, id="standard alphabet"),
        pytest.param(encoded("[]"), None, id="list"),
        pytest.param(encoded("nonsense"), None, id="not JSON"),
        pytest.param(encoded('\ufeff{"a": 1}'), None, id="byte order mark, on which MSAL fails"),
        pytest.param(encoded('{"a": ' + "9" * 5000 + "}"), None, id="5000 digits, on which MSAL fails"),
        pytest.param(encoded('{"a":' * 5000), None, id="nesting bomb"),
        pytest.param(encoded('{"a":' + "[" * 40 + "]" * 40 + "}"), None, id="deep nesting"),
        pytest.param(base64.urlsafe_b64encode(b'{"a": "\xff"}').decode(), None, id="not UTF-8"),
        pytest.param("e30.", None, id="another alphabet"),
        pytest.param("e30 ", None, id="space"),
        pytest.param("e", None, id="impossible length"),
        pytest.param("", None, id="empty"),
        pytest.param("é", None, id="not ASCII"),
        pytest.param(None, None, id="None"),
        pytest.param(b"e30", None, id="bytes"),
        pytest.param({"a": 1}, None, id="decoded already"),
    ],
)
def test_decode_part(text: object, expected: dict[str, object] | None) -> None:
    """A part of a JWT decodes to a JSON object, or to nothing."""
    assert json_values.decode_part(text) == expected


@settings(deadline=None)
@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()) | st.text("eyJ-_=0aA"))
def test_what_we_decode_msal_decodes(text: str) -> None:
    """Whatever decodes here decodes in MSAL, to the same."""
    from msal.oauth2cli.oidc import decode_part

    found = json_values.decode_part(text)
    if found is not None:
        assert json.loads(decode_part(text)) == found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3600, 3600.0),
        (1.5, 1.5),
        ("3600", 3600.0),
        (" 3600.0 ", 3600.0),
        ("-5", -5.0),
        ("+5.", 5.0),
        ("1e3", None),
        ("soon", None),
        ("", None),
        ("١٢", None),
        ("0x10", None),
        ("1_000", None),
        ("9" * 19, None),
        (10**18, None),
        (-(10**18), None),
        (1e300, None),
        (math.inf, None),
        (math.nan, None),
        (True, None),
        (None, None),
        ([], None),
    ],
    ids=repr,
)
def test_number(value: object, expected: float | None) -> None:
    """Numbers are read from numbers and from text, and nothing else is one."""
    assert json_values.number(value) == expected


@pytest.mark.parametrize(("value", "expected"), [("10", 10.0), (0, 0.0), (-1, None), (10**12, 1e9), (None, None)])
def test_duration(value: object, expected: float | None) -> None:
    """A duration is not negative, and not longer than dates can bear."""
    assert json_values.duration(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("1700000000", 1700000000), (1.9, 1), (-1, None), (10**11, None), ("x", None)]
)
def test_instant(value: object, expected: int | None) -> None:
    """An instant is a whole second of an era that clocks show."""
    assert json_values.instant(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("é x", "é x"), ("", None), ("a\n", None), ("\u202e", None), ("\ud800", None), (3, None)]
)
def test_word(value: object, expected: str | None) -> None:
    """A word can be printed as it is."""
    assert json_values.word(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("a.b-c ~", "a.b-c ~"), ("", None), ("a\n", None), ("é", None), (b"a", None)]
)
def test_vschars(value: object, expected: str | None) -> None:
    """A token is printable ASCII."""
    assert json_values.vschars(value) == expected


def test_is_shallow_ends() -> None:
    """Nesting is followed to a limit."""
    value: object = 1
    for _ in range(100_000):
        value = [value]
    assert not json_values.is_shallow(value)
    assert json_values.is_shallow([[1], {"a": [2]}], 3)
    assert not json_values.is_shallow([[1], {"a": [2]}], 2)
