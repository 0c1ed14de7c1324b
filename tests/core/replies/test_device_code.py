from __future__ import annotations

import pytest

from doorcode._core.replies.device_code import DeviceCode, device_reply
from doorcode._core.secret import Secret

NOW = 1_700_000_000.0
URI = "https://microsoft.com/devicelogin"
FULL: dict[str, object] = {
    "device_code": "dc",
    "user_code": "ABCD",
    "verification_uri": URI,
    "message": f"Open {URI} and enter ABCD.",
    "interval": 7,
    "expires_in": 600,
}
BUILT = f"To sign in, open {URI} in a web browser and enter the code ABCD"


def without(*names: str, **changed: object) -> dict[str, object]:
    """Return the full one without some fields, and with others changed."""
    return {**{name: value for name, value in FULL.items() if name not in names}, **changed}


def test_a_full_reply() -> None:
    """Each field has its place, and secrets are not shown."""
    code = device_reply({**FULL, "verification_uri_complete": f"{URI}?c=ABCD"}, NOW)
    assert code == DeviceCode(
        Secret("dc"), "ABCD", URI, f"{URI}?c=ABCD", f"Open {URI} and enter ABCD.", 7.0, 600.0, NOW + 600
    )
    assert "ABCD" not in repr(code)
    assert "dc" not in repr(code).replace("device_code", "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(5, 5.0, id="int"),
        pytest.param(2.5, 2.5, id="float"),
        pytest.param("9", 9.0, id="text"),
        pytest.param(0, 1.0, id="zero"),
        pytest.param(0.2, 1.0, id="less than one"),
        pytest.param(-3, 5.0, id="negative"),
        pytest.param("x", 5.0, id="garbage"),
        pytest.param(None, 5.0, id="null"),
        pytest.param(True, 5.0, id="boolean"),
        pytest.param([5], 5.0, id="list"),
    ],
)
def test_interval(value: object, expected: float) -> None:
    """An interval that cannot be read is 5 s (RFC 8628 3.2), and none is under 1 s."""
    assert device_reply(without(interval=value), NOW).interval == expected


def test_no_interval() -> None:
    """A missing interval is 5 s (RFC 8628 3.2)."""
    assert device_reply(without("interval"), NOW).interval == 5.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [(600, 600.0), ("600", 600.0), (0.5, 0.5), ("x", 900.0), (None, 900.0), (True, 900.0), (10**17, 1e9)],
    ids=repr,
)
def test_expires_in(value: object, expected: float) -> None:
    """A lifetime that cannot be read is Entra's."""
    code = device_reply(without(expires_in=value), NOW)
    assert (code.expires_in, code.expires_on) == (expected, NOW + expected)


@pytest.mark.parametrize("value", [0, -5, "0"], ids=repr)
def test_a_code_that_has_run_out(value: object) -> None:
    """Nobody is shown a code that is of no use."""
    with pytest.raises(ValueError, match="already run out"):
        device_reply(without(expires_in=value), NOW)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(without("message"), BUILT, id="missing"),
        pytest.param(without(message=""), BUILT, id="empty"),
        pytest.param(without(message=3), BUILT, id="number"),
        pytest.param(without(message="Go to the page."), BUILT, id="without the code"),
        pytest.param(without(message="x" * 5000 + "ABCD"), BUILT, id="too long to reach the code"),
        pytest.param(without(message="Enter\x1b[31m ABCD\r\nnow\x07"), "Enter[31m ABCD now", id="control characters"),
        pytest.param(
            without(message="Geben Sie ABCD ein, für Zürich"), "Geben Sie ABCD ein, für Zürich", id="localized"
        ),
    ],
)
def test_message(body: dict[str, object], expected: str) -> None:
    """A user is always told the code, on one line that a terminal prints as it is."""
    assert device_reply(body, NOW).message == expected


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(without("device_code"), r"\(missing device_code\)", id="no device_code"),
        pytest.param(without("user_code"), r"\(missing user_code\)", id="no user_code"),
        pytest.param(without("verification_uri"), r"\(missing verification_uri\)", id="no URI"),
        pytest.param({}, r"\(missing device_code, user_code, verification_uri\)", id="nothing"),
        pytest.param(without(user_code=None, device_code=" "), r"\(missing device_code, user_code\)", id="null, blank"),
        pytest.param(without(user_code=1234), r"\(missing user_code\)", id="a number"),
        pytest.param(without(device_code="a\x00"), "device_code with control", id="NUL in device_code"),
        pytest.param(without(user_code="A\x1b[31m"), "user_code that must not be shown", id="escape in user_code"),
        pytest.param(without(user_code="A\u202eB"), "user_code that must not be shown", id="direction in user_code"),
        pytest.param(without(user_code="A" * 200), "user_code that must not be shown", id="long user_code"),
        pytest.param(without(verification_uri="http://contoso.com/"), "verification_uri that must not", id="http"),
        pytest.param(without(verification_uri=f"{URI}\n"), "verification_uri that must not", id="newline in the URI"),
        pytest.param(without(verification_uri="javascript:x"), "verification_uri that must not", id="script"),
        pytest.param(
            without(verification_uri="https://m@evil"), "verification_uri that must not", id="user in the URI"
        ),
    ],
)
def test_replies_that_end_the_flow(body: dict[str, object], words: str) -> None:
    """What is incomplete, or must not be shown, ends the flow before anybody is asked."""
    with pytest.raises(ValueError, match=words):
        device_reply(body, NOW)


@pytest.mark.parametrize("uri", [URI, "http://localhost:8080/d", "http://127.0.0.1/", "http://[::1]:1/"])
@pytest.mark.parametrize("name", ["verification_uri", "verification_url"])
def test_uris(uri: str, name: str) -> None:
    """Https and this machine may be shown, under the RFC's name and under Google's."""
    assert device_reply(without("verification_uri", **{name: uri}), NOW).verification_uri == uri


@pytest.mark.parametrize("value", [None, 3, "", "http://contoso.com/?c=1", "x\n"])
def test_a_complete_uri_that_must_not_be_shown_is_left_out(value: object) -> None:
    """The complete URI is an extra, so the flow goes on without it (RFC 8628 3.3.1)."""
    assert device_reply(without(verification_uri_complete=value), NOW).verification_uri_complete is None
