from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorcode._core.replies.device_code import DeviceCode
from doorcode._core.replies.faults import LARGEST_BODY, Endpoint, Fault, FaultKind, RawReply
from doorcode._core.replies.parse import read, read_device_code
from doorcode._core.replies.service_errors import ServiceError
from doorcode._core.secret import Secret, SecretDict

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_700_000_000.0
JSON = "application/json; charset=utf-8"
OK = {"token_type": "Bearer", "scope": "r", "expires_in": 3600, "access_token": "HIDDEN-AT"}
DEVICE = {
    "device_code": "HIDDEN-DC",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://microsoft.com/devicelogin",
    "expires_in": 900,
    "interval": 5,
    "message": "To sign in, open https://microsoft.com/devicelogin and enter the code ABCD-EFGH to authenticate.",
}
METADATA = {
    "authorization_endpoint": "https://h/t/oauth2/v2.0/authorize",
    "token_endpoint": "https://h/t/oauth2/v2.0/token",
    "device_authorization_endpoint": "https://h/t/oauth2/v2.0/devicecode",
    "issuer": "https://h/{tenantid}/v2.0",
}
INSTANCE = {"tenant_discovery_endpoint": "https://h/t/v2.0/.well-known/openid-configuration"}
PENDING = {"error": "authorization_pending", "error_description": "AADSTS70016: pending", "error_codes": [70016]}


def raw(
    body: object,
    status: int = 200,
    endpoint: Endpoint = Endpoint.TOKEN,
    headers: Mapping[str, str] | None = None,
    content_type: str = JSON,
) -> RawReply:
    """Return a reply as it was read; a body that is no bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return RawReply(endpoint, "h:8443", status, {"content-type": content_type, **(headers or {})}, data, NOW)


def fault(reply: object) -> Fault:
    """Return a reply that has to be a fault."""
    assert isinstance(reply, Fault)
    return reply


def error(reply: object) -> ServiceError:
    """Return a reply that has to be the authority's error."""
    assert isinstance(reply, ServiceError)
    return reply


def reply_to(endpoint: Endpoint) -> dict[str, object]:
    """Return what an endpoint should answer."""
    return {
        Endpoint.TOKEN: dict[str, object](OK),
        Endpoint.DEVICE: dict[str, object](DEVICE),
        Endpoint.DISCOVERY: dict[str, object](METADATA),
        Endpoint.INSTANCE: dict[str, object](INSTANCE),
    }[endpoint]


@pytest.mark.parametrize("endpoint", Endpoint)
def test_good_replies(endpoint: Endpoint) -> None:
    """What an authority should answer is handed on."""
    body = reply_to(endpoint)
    found = read(raw(body, endpoint=endpoint))
    assert isinstance(found, SecretDict)
    assert found == body


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize(
    ("status", "body", "content_type", "words"),
    [
        pytest.param(
            200, b"<html><title>Wi-Fi</title>", "text/html", "a page (Wi-Fi), which looks like", id="200 HTML"
        ),
        pytest.param(
            200, b" <!DOCTYPE html>", "", "a page, which looks like a proxy or login page", id="HTML, no type"
        ),
        pytest.param(
            200,
            b"<html><TITLE lang=en>Wi-Fi</TITLE><p>Hello",
            "text/html",
            "a page (Wi-Fi), which",
            id="200 title and text",
        ),
        pytest.param(404, b"<p>No such page", "text/html", "a page (No such page), which looks", id="404 HTML"),
        pytest.param(200, b"", JSON, "nothing in it", id="200 empty"),
        pytest.param(204, b"", "", "answered 204: nothing in it", id="204"),
        pytest.param(200, b" \r\n", JSON, "nothing in it", id="200 blank"),
        pytest.param(200, b"[1]", JSON, "a list instead of an object", id="200 list"),
        pytest.param(200, b"null", JSON, "null instead of an object", id="200 null"),
        pytest.param(200, b"17", JSON, "a number instead of an object", id="200 number"),
        pytest.param(200, b"{", JSON, "not JSON", id="200 cut off"),
        pytest.param(200, b'{"a": "\x00"}', JSON, "not JSON", id="200 NUL"),
        pytest.param(200, b"\x1f\x8b\x08\x00\x99", JSON, "not UTF-8", id="200 gzip garbage"),
        pytest.param(200, b'{"a":' * 100_000, JSON, "nested too deeply", id="200 nesting bomb"),
        pytest.param(200, b"{}", JSON, "with application/json: ", id="200 empty object"),
        pytest.param(200, b" " * LARGEST_BODY + b"{}", JSON, "more than 1048576 bytes", id="too large"),
        pytest.param(400, b"{}", JSON, "JSON without an error in it", id="400 empty object"),
        pytest.param(400, b'{"error": null}', JSON, "JSON without an error in it", id="400 error null"),
        pytest.param(403, b"Blocked by policy 7", "text/plain", "not JSON (Blocked by policy 7)", id="403 text"),
        pytest.param(
            403, b"Stop\x1b[31m\x07\r\n it", "text/plain", "not JSON (Stop[31m it)", id="403 escape sequences"
        ),
        pytest.param(302, b"<html>", "text/html", "a redirect, which looks like", id="302 to nowhere"),
    ],
)
def test_what_is_not_the_protocols(endpoint: Endpoint, status: int, body: bytes, content_type: str, words: str) -> None:
    """Anything else is a fault that is worth another try, and says who answered what."""
    found = fault(read(raw(body, status, endpoint, content_type=content_type)))
    assert (found.kind, found.endpoint, found.status) == (FaultKind.NOT_PROTOCOL, endpoint, status)
    assert not found.kind.permanent
    assert f"the {endpoint.value} of h:8443 answered {status}" in found.message
    assert words in found.message
    assert found.message.isprintable()


@pytest.mark.parametrize(
    ("status", "body", "content_type", "tail"),
    [
        pytest.param(
            200,
            b"Sign in",
            "text/html",
            " with text/html: a page (Sign in), which looks like a proxy or login page",
            id="HTML by type",
        ),
        pytest.param(403, b"a <b> c", "text/plain", " with text/plain: not JSON (a <b> c)", id="text with a tag in it"),
        pytest.param(
            403, b"<title> </title>x", "", ": a page, which looks like a proxy or login page", id="blank title"
        ),
        pytest.param(200, b"Hello there", "text/plain", " with text/plain: not JSON", id="a success may hold a token"),
        pytest.param(403, b"x " * 100, "", ": not JSON (" + "x " * 59 + "x…)", id="long"),
        pytest.param(
            403, b"[1]", "Text/\x1bX; charset=x", " with Text/X: JSON, but a list instead of an object", id="odd type"
        ),
    ],
)
def test_what_is_shown_of_a_reply(status: int, body: bytes, content_type: str, tail: str) -> None:
    """A little of a page or of a text is shown, on one line."""
    found = fault(read(raw(body, status, content_type=content_type)))
    assert found.message == f"the token endpoint of h:8443 answered {status}{tail}"


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://Portal.example/x?device_code=HIDDEN", "a redirect to portal.example, which"),
        ("https://joe:HIDDEN@h/", "a redirect to h, which"),
        ("/login?HIDDEN", "a redirect, which"),
        ("http://[HIDDEN", "a redirect, which"),
        ("http://a\x1bb/", "a redirect to ab, which"),
    ],
)
def test_redirects_are_not_followed(location: str, words: str) -> None:
    """A redirect is a fault that names the host it points to, and nothing else of it."""
    found = fault(read(raw(b"", 307, headers={"location": location})))
    assert words in found.message
    assert "HIDDEN" not in found.message


def test_a_cut_body_is_a_fault() -> None:
    """A body that was too long to be read is not looked at."""
    cut = RawReply(Endpoint.TOKEN, "h", 200, {}, json.dumps(OK).encode(), NOW, truncated=True)
    assert "more than 1048576 bytes" in fault(read(cut)).message


def test_a_byte_order_mark_is_skipped() -> None:
    """Some gateways put a byte order mark before JSON."""
    assert isinstance(read(raw(b"\xef\xbb\xbf" + json.dumps(OK).encode())), dict)


@pytest.mark.parametrize("body", [b"", b"<title>Hotel</title>", b"{}", json.dumps(PENDING).encode()], ids=ascii)
def test_a_network_that_wants_a_sign_in_of_its_own(body: bytes) -> None:
    """511 comes from a captive portal (RFC 6585 6): to wait and call again would not help."""
    found = fault(read(raw(body, 511)))
    assert found.kind is FaultKind.NOT_PROTOCOL
    assert "answered 511 with application/json: the network wants a sign-in of its own" in found.message


@pytest.mark.parametrize("body", [b"<html>", b"{}", json.dumps(OK).encode()], ids=["HTML", "JSON", "a success"])
def test_a_proxy_that_wants_credentials_is_permanent(body: bytes) -> None:
    """407 is not worth another try (RFC 9110 15.5.8)."""
    found = fault(read(raw(body, 407)))
    assert found.kind is FaultKind.PROXY
    assert found.kind.permanent
    assert "a proxy on the way asks for credentials" in found.message


@pytest.mark.parametrize(
    ("status", "body", "headers", "words", "retry_after"),
    [
        pytest.param(503, b"<title>Down</title>", {"retry-after": "7"}, "(Down), which looks", 7.0, id="503 HTML"),
        pytest.param(500, b"", {}, "answered 500 with", None, id="500 empty"),
        pytest.param(502, PENDING, {}, "authorization_pending: AADSTS70016: pending", None, id="502 pending"),
        pytest.param(504, {}, {}, "answered 504 with application/json", None, id="504 no error"),
        pytest.param(999, b"x", {}, "answered 999 with application/json (x)", None, id="999"),
        pytest.param(408, b"", {}, "answered 408", None, id="408"),
        pytest.param(429, b"slow", {"retry-after": "Tue, 14 Nov 2023 22:13:30 GMT"}, "(slow)", 10.0, id="429, a date"),
        pytest.param(429, {"error": "too_many"}, {"retry-after": "1"}, ": too_many", 1.0, id="429 and an error"),
        pytest.param(429, {}, {"retry-after": "99999"}, "answered 429", 3600.0, id="429 for long"),
        pytest.param(
            400, {"error": "temporarily_unavailable"}, {}, ": temporarily_unavailable", None, id="RFC 6749 name"
        ),
    ],
)
def test_a_service_that_is_busy(
    status: int, body: object, headers: Mapping[str, str], words: str, retry_after: float | None
) -> None:
    """A service that cannot answer now is a fault that says for how long to leave it alone."""
    found = fault(read(raw(body, status, headers=headers)))
    assert (found.kind, found.status, found.retry_after) == (FaultKind.STATUS, status, retry_after)
    assert words in found.message
    assert not found.kind.permanent


@pytest.mark.parametrize("name", ["authorization_pending", "slow_down"])
def test_too_many_polls_still_pend(name: str) -> None:
    """A 429 that says "not yet" is an answer, with its wait."""
    found = error(read(raw({"error": name, "interval": "9"}, 429, headers={"retry-after": "3"})))
    assert (found.error, found.status, found.interval, found.retry_after) == (name, 429, 9.0, 3.0)


@pytest.mark.parametrize("endpoint", Endpoint)
@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_errors_of_the_authority(endpoint: Endpoint, status: int) -> None:
    """An error is an error at any endpoint and with any status that is not the network's."""
    assert error(read(raw({"error": "invalid_instance"}, status, endpoint))).error == "invalid_instance"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"access_token=HIDDEN-AT&token_type=bearer", id="form"),
        pytest.param(b'"HIDDEN-AT"', id="a JSON string"),
        pytest.param(b'[{"access_token": "HIDDEN-AT"}]', id="a JSON list"),
        pytest.param(b'\xef\xbb\xbf{"access_token": "HIDDEN-AT"', id="cut JSON"),
        pytest.param(b')]}\',{"x": "HIDDEN-AT", "access_token": 1}', id="guarded JSON"),
        pytest.param(b"<title>HIDDEN-AT is your code</title>", id="a title"),
        pytest.param(b"your Secret is HIDDEN-AT", id="text that says so"),
        pytest.param(b"<p onclick='HIDDEN-AT'>Hello", id="an attribute"),
        pytest.param(b"<p>" + b"HIDDEN-AT" * 4, id="a long word of a page"),
        pytest.param(b"<p>HIDDEN-AT\xe2\x80\x8bHIDDEN-AT\xe2\x80\x8bHIDDEN-AT", id="a word with invisible characters"),
        pytest.param(b"<p>" + b"x " * 2000 + b"HIDDEN-AT", id="further down"),
    ],
)
@pytest.mark.parametrize("status", [200, 403, 503])
@pytest.mark.parametrize("content_type", ["text/html", "text/plain", JSON])
def test_no_secret_is_shown(body: bytes, status: int, content_type: str) -> None:
    """What may be a secret in a reply that could not be read is not in the message."""
    reply = raw(body, status, content_type=content_type)
    assert "HIDDEN" not in fault(read(reply)).message
    assert "HIDDEN" not in repr(reply)


def test_replies_show_no_secret() -> None:
    """What was read shows no value of its own."""
    assert "HIDDEN" not in repr(read(raw(OK)))
    assert "HIDDEN" not in repr(read(raw(DEVICE, endpoint=Endpoint.DEVICE)))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({*OK, *DEVICE, *METADATA, *INSTANCE, *PENDING, "id_token", "client_info", "refresh_in", "expires_on"})
OBJECTS = st.builds(
    lambda base, changed: {**base, **changed},
    st.sampled_from([{}, OK, DEVICE, METADATA, INSTANCE, PENDING]),
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), JUNK, max_size=4),
)
BODIES = (
    st.binary(max_size=200)
    | OBJECTS.map(lambda body: json.dumps(body).encode())
    | JUNK.map(lambda body: json.dumps(body).encode())
    | st.builds(lambda body, cut: json.dumps(body).encode()[:cut], OBJECTS, st.integers(0, 200))
)
HEADERS = st.dictionaries(st.sampled_from(["content-type", "retry-after", "location"]), st.text(max_size=60))


@settings(deadline=None)
@given(st.sampled_from(Endpoint), st.integers(100, 999), HEADERS, BODIES, st.booleans())
def test_anything_becomes_a_typed_value(
    endpoint: Endpoint,
    status: int,
    headers: dict[str, str],
    body: bytes,
    truncated: bool,  # noqa: FBT001
) -> None:
    """Whatever comes, what comes out is one of three types, bounded and printable."""
    found = read(RawReply(endpoint, "h", status, headers, body, NOW, truncated))
    if isinstance(found, Fault):
        assert found.message.isprintable()
        assert len(found.message) < 2500
        assert found.retry_after is None or 0 <= found.retry_after <= 3600
    elif isinstance(found, ServiceError):
        assert (found.error + found.description).isprintable()
        assert len(found.description) <= 2000
        assert 0 <= (found.interval or 0) <= 1e9
    else:
        json.dumps(found, allow_nan=False)
        assert all(isinstance(value, (str, int, float, type(None))) for value in found.values())


@settings(deadline=None)
@given(OBJECTS)
def test_any_device_reply_becomes_a_code_or_a_fault(body: dict[str, object]) -> None:
    """What is shown to a user can be printed, and what is waited for is bounded."""
    found = read_device_code(body, NOW)
    if isinstance(found, DeviceCode):
        assert (found.user_code + found.verification_uri + found.message).isprintable()
        assert found.user_code in found.message
        assert 1 <= found.interval <= 1e9
        assert NOW < found.expires_on <= NOW + 1e9


def test_the_complete_uri_is_handed_on() -> None:
    """Where the authority has a URI with the code in it, it reaches the prompt (RFC 8628 3.3.1)."""
    body = {**DEVICE, "verification_uri_complete": "https://microsoft.com/devicelogin?c=ABCD-EFGH"}
    assert read(raw(body, endpoint=Endpoint.DEVICE)) == body


def test_device_code_of_a_flow() -> None:
    """A reply that went through MSAL is read as the one that came."""
    flow = {**DEVICE, "expires_at": NOW + 900, "_correlation_id": "c"}
    assert read_device_code(flow, NOW, host="h") == DeviceCode(
        device_code=Secret("HIDDEN-DC"),
        user_code="ABCD-EFGH",
        verification_uri="https://microsoft.com/devicelogin",
        verification_uri_complete=None,
        message=str(DEVICE["message"]),
        interval=5.0,
        expires_in=900.0,
        expires_on=NOW + 900,
    )


def test_device_code_names_who_answered() -> None:
    """A fault found after MSAL says who answered, as one found before."""
    found = fault(read_device_code({}, NOW, host="h:8443"))
    assert found == fault(read(raw({}, endpoint=Endpoint.DEVICE, content_type="")))
    assert "(missing device_code, user_code, verification_uri)" in found.message


def test_client_info_and_id_token_survive() -> None:
    """A normal sign-in's reply reaches MSAL unchanged."""
    part = base64.urlsafe_b64encode(b'{"uid": "u", "utid": "t", "sub": "s"}').decode().rstrip("=")
    body = {
        **OK,
        "refresh_token": "r",
        "client_info": part,
        "id_token": f"e30.{part}.x",
        "foci": "1",
        "ext_expires_in": 1,
    }
    assert read(raw(body)) == body
