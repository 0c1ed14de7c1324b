from __future__ import annotations

import socket
import ssl
import time
from datetime import datetime, timedelta, timezone

import pytest
import requests

from doorcode.emulator import (
    Decline,
    Edit,
    Expire,
    Fault,
    Garbage,
    Hang,
    Html,
    Latency,
    LostReply,
    Pass,
    Pending,
    Refuse,
    Reply,
    Reset,
    ServerError,
    SlowDown,
    TooManyRequests,
)
from emulator.client import Client, Json, body, text
from support.signing import PATIENCE

TUESDAY = datetime(2026, 1, 6, 13, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("fault", "error", "more"),
    [
        (Pending(), "authorization_pending", {}),
        (SlowDown(), "slow_down", {}),
        (SlowDown(interval=9), "slow_down", {"interval": 9}),
        (Decline(), "authorization_declined", {}),
        (Expire(), "expired_token", {}),
        (Refuse("invalid_grant", 53003, suberror="x", claims={"a": 1}), "invalid_grant", {"claims": '{"a": 1}'}),
    ],
)
def test_a_poll_is_refused(client: Client, fault: Fault, error: str, more: Json) -> None:
    """An error is worded as the authority words it, and the code is good afterwards."""
    device = body(client.ask_device_code())
    client.authority.approve(text(device, "user_code"))
    client.authority.faults.queue("token:device_code", fault)
    response = client.poll(device)
    content = body(response)
    assert (response.status_code, content["error"]) == (400, error)
    assert content.items() >= more.items()
    assert client.poll(device).status_code == 200


def test_a_refusal_has_any_status_and_number(client: Client) -> None:
    """``Refuse`` takes what the test needs."""
    client.authority.faults.queue("discovery", Refuse("server_error", 90033, "Busy.", status=503))
    path = "/common/v2.0/.well-known/openid-configuration"
    response = client.session.get(
        f"{client.authority.url}{path}", headers={"client-request-id": "me"}, timeout=PATIENCE
    )
    content = body(response)
    assert (response.status_code, content["correlation_id"]) == (503, "me")
    assert text(content, "error_description").startswith("AADSTS90033: Busy. Trace ID: ")


@pytest.mark.parametrize(
    ("fault", "status", "retry_after", "content_type"),
    [
        (TooManyRequests(), 429, None, "application/json"),
        (TooManyRequests(3), 429, "3", "application/json"),
        (TooManyRequests("soon"), 429, "soon", "application/json"),
        (TooManyRequests(TUESDAY), 429, "Tue, 06 Jan 2026 12:00:00 GMT", "application/json"),
        (ServerError(), 503, None, "text/html; charset=utf-8"),
        (ServerError(500, retry_after=1.5), 500, "1.5", "text/html; charset=utf-8"),
        (Html(), 200, None, "text/html; charset=utf-8"),
        (Garbage(), 200, None, "application/json"),
        (Reply(204), 204, None, None),
        (Reply(200, b"x", "text/plain", {"Retry-After": "7"}), 200, "7", "text/plain"),
    ],
)
def test_a_reply_is_replaced(
    client: Client, fault: Fault, status: int, retry_after: str | None, content_type: str | None
) -> None:
    """Status, headers and bytes are as given, with nothing added."""
    client.authority.faults.queue("devicecode", fault)
    response = client.ask_device_code()
    headers = response.headers
    assert (response.status_code, headers.get("Retry-After"), headers.get("Content-Type")) == (
        status,
        retry_after,
        content_type,
    )
    assert isinstance(fault, Reply)
    assert response.content == fault.body
    assert client.ask_device_code().status_code == 200


def test_an_html_page_has_any_words_and_headers(client: Client) -> None:
    """A portal can say what it likes."""
    client.authority.faults.queue("keys", Html(407, "<p>Proxy</p>", {"Proxy-Authenticate": "Basic"}))
    response = client.get("/common/discovery/v2.0/keys")
    assert (response.status_code, response.headers["Proxy-Authenticate"]) == (407, "Basic")
    assert "<p>Proxy</p>" in response.text


def test_a_reply_is_edited(client: Client) -> None:
    """The change can be made in place, or be a new object."""

    def drop(content: Json) -> None:
        del content["expires_in"]

    client.authority.faults.queue("devicecode", Edit(drop), Edit(lambda content: {**content, "interval": "soon"}))
    assert "expires_in" not in body(client.ask_device_code())
    assert body(client.ask_device_code())["interval"] == "soon"


def test_a_connection_is_reset(client: Client) -> None:
    """The client sees RST; nothing was done, and the record has no status."""
    tokens = client.sign_in()
    client.authority.configure(rotation="reject")
    client.authority.faults.queue("token:refresh_token", Reset())
    with pytest.raises(requests.ConnectionError, match="Connection aborted"):
        client.refresh(tokens)
    assert client.authority.requests_to("token:refresh_token")[0].status is None
    assert client.refresh(tokens).status_code == 200


def drain(connection: socket.socket) -> None:
    """Receive until the stream ends."""
    while connection.recv(1 << 16):
        pass


def test_the_reset_is_one_of_tcp(client: Client) -> None:
    """Below TLS the client's socket gets RST, not the end of the stream."""
    client.authority.faults.queue("other", Reset())
    context = ssl.create_default_context(cafile=client.authority.ca_file)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", client.authority.port), timeout=PATIENCE) as connection:
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(1 << 16))
            else:
                break
        tls.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.sendall(outgoing.read())
        with pytest.raises(ConnectionResetError):
            drain(connection)


def test_a_reply_is_lost(client: Client) -> None:
    """What was asked is done, and the client does not learn of it."""
    tokens = client.sign_in()
    client.authority.configure(rotation="reject")
    client.authority.faults.queue("token:refresh_token", LostReply())
    with pytest.raises(requests.ConnectionError, match="Connection aborted"):
        client.refresh(tokens)
    assert body(client.refresh(tokens))["error_codes"] == [54005]


def test_a_request_hangs(client: Client) -> None:
    """The connection is accepted and never answered; the client's own timeout ends it."""
    client.authority.faults.queue("devicecode", Hang())
    url = f"{client.authority.url}/common/oauth2/v2.0/devicecode"
    with pytest.raises(requests.ReadTimeout):
        client.session.post(url, data={}, timeout=(PATIENCE, 0.1))
    client.authority.wait_for("devicecode")
    assert client.ask_device_code().status_code == 200


def test_a_reply_is_late(client: Client) -> None:
    """It takes so many seconds, and may be any other fault after that."""
    client.authority.faults.queue("devicecode", Latency(0.05), Latency(0.05, ServerError()), Latency(0.01, Reset()))
    begun = time.monotonic()
    assert client.ask_device_code().status_code == 200
    assert client.ask_device_code().status_code == 503
    assert time.monotonic() - begun >= 0.1
    with pytest.raises(requests.ConnectionError):
        client.ask_device_code()


def test_a_client_that_leaves_a_late_reply_is_let_go(client: Client) -> None:
    """Nothing is done for a client that hung up while it waited."""
    client.authority.faults.queue("devicecode", Latency(60))
    url = f"{client.authority.url}/common/oauth2/v2.0/devicecode"
    with pytest.raises(requests.ReadTimeout):
        client.session.post(url, data={"client_id": "x", "scope": "https://r/.default"}, timeout=(PATIENCE, 0.1))
    client.authority.wait_for("devicecode")
    assert client.ask_device_code().status_code == 200
    assert len(client.authority.user_codes) == 1


def test_queues_are_used_up_in_order(client: Client) -> None:
    """``Pass`` lets one through; then the endpoint behaves again."""
    faults = client.authority.faults
    faults.queue("devicecode", ServerError(), Pass())
    faults.queue("devicecode", ServerError(502))
    assert faults.left("devicecode") == 3
    assert [client.ask_device_code().status_code for _ in range(4)] == [503, 200, 502, 200]
    assert faults.left("devicecode") == 0


def test_the_most_exact_name_wins(client: Client) -> None:
    """A queue for a grant goes before that of the endpoint, that before the one for everything."""
    faults = client.authority.faults
    faults.queue("*", ServerError(501))
    faults.queue("token", ServerError(502))
    faults.queue("token:refresh_token", ServerError(503))
    answers = [client.redeem("refresh_token", refresh_token="x").status_code for _ in range(4)]
    assert answers == [503, 502, 501, 400]


def test_a_fault_can_stay(client: Client) -> None:
    """``always`` holds until ``clear``, and a queue goes before it."""
    faults = client.authority.faults
    faults.always("devicecode", ServerError())
    faults.queue("devicecode", Pass())
    assert [client.ask_device_code().status_code for _ in range(3)] == [200, 503, 503]
    faults.always("keys", ServerError())
    faults.clear("devicecode")
    assert client.ask_device_code().status_code == 200
    faults.clear()
    assert client.get("/common/discovery/v2.0/keys").status_code == 200


def test_a_misspelt_endpoint_is_an_error_of_the_test(client: Client) -> None:
    """The names that there are stand in the message; a count of 0 would let a test pass that counts nothing."""
    authority = client.authority
    with pytest.raises(ValueError, match=r"no endpoint 'device_code'; there are .*token:device_code"):
        authority.faults.queue("device_code", Pending())
    for use in (
        lambda name: authority.faults.always(name, Pending()),
        authority.faults.clear,
        authority.faults.left,
        authority.count,
        authority.requests_to,
        authority.wait_for,
    ):
        with pytest.raises(ValueError, match="no endpoint 'tokens'"):
            use("tokens")


def test_the_authority_goes_offline_and_comes_back(client: Client) -> None:
    """Connections are refused, then accepted on the same port, with the same state."""
    tokens = client.sign_in()
    port = client.authority.port
    with client.authority.offline(), pytest.raises(requests.ConnectionError, match="refused"):
        client.refresh(tokens)
    assert client.authority.port == port
    assert client.refresh(tokens).status_code == 200
    client.authority.go_offline()
    client.authority.go_offline()
    client.authority.reset()
    assert client.ask_device_code().status_code == 200
