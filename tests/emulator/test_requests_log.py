from __future__ import annotations

import logging
import threading
import time

import pytest
import requests

from doorcode.emulator import Edit, Hang
from emulator.client import Client, body, text
from support.signing import PATIENCE


def test_every_request_is_recorded(client: Client) -> None:
    """What came, when, and what was answered, can be looked at."""
    before = time.monotonic()
    client.post("/common/oauth2/v2.0/devicecode?a=b", {"client_id": "x", "claims": ""}, X_Note="n")
    (record,) = client.authority.requests
    assert (record.endpoint, record.method, record.path) == ("devicecode", "POST", "/common/oauth2/v2.0/devicecode")
    assert (record.tenant, record.status) == ("common", 400)
    assert dict(record.query) == {"a": "b"}
    assert dict(record.form) == {"client_id": "x", "claims": ""}
    assert record.headers["x-note"] == "n"
    assert record.answered_at is not None
    assert before <= record.at <= record.answered_at <= time.monotonic()


def test_requests_are_counted_by_endpoint_and_grant(client: Client) -> None:
    """``token`` counts every grant, ``*`` everything, and the counters can be set back."""
    client.refresh(client.sign_in())
    authority = client.authority
    names = ("devicecode", "token:device_code", "token:refresh_token", "token", "*", "discovery")
    assert [authority.count(name) for name in names] == [1, 1, 1, 2, 3, 0]
    assert authority.count() == 3
    authority.reset_counters()
    assert authority.requests == []


def test_no_secret_is_shown(client: Client) -> None:
    """Codes and tokens can be read by name, and stand in no ``repr``."""
    device = body(client.ask_device_code())
    client.authority.approve(text(device, "user_code"))
    tokens = body(client.poll(device))
    client.refresh(tokens)
    shown = repr(client.authority.requests)
    for secret in (text(device, "device_code"), text(tokens, "refresh_token")):
        assert secret not in shown
    record = client.authority.requests_to("token:refresh_token")[0]
    assert record.form["refresh_token"] == tokens["refresh_token"]
    assert "'refresh_token': '[secret]'" in repr(record.form)
    assert len(record.form) == 5


def test_nothing_secret_is_logged(
    client: Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """With every logger at DEBUG no code and no token is in a record or on the terminal."""
    caplog.set_level(logging.DEBUG)
    device = body(client.ask_device_code())
    client.authority.approve(text(device, "user_code"))
    tokens = body(client.poll(device))
    refreshed = body(client.refresh(tokens))
    written = caplog.text + "".join(capfd.readouterr())
    for content in (device, tokens, refreshed):
        for name in ("device_code", "user_code", "access_token", "refresh_token", "id_token"):
            assert name not in content or text(content, name) not in written
    assert "/token" in written


def test_a_test_waits_for_requests(client: Client) -> None:
    """``wait_for`` returns when so many came, also before they are answered."""
    client.authority.faults.queue("devicecode", Hang())
    url = f"{client.authority.url}/common/oauth2/v2.0/devicecode"

    def ask() -> None:
        with pytest.raises(requests.ConnectionError):
            client.session.post(url, data={}, timeout=PATIENCE)

    thread = threading.Thread(target=ask)
    thread.start()
    (record,) = client.authority.wait_for("devicecode", 1)
    assert record.status is None
    client.authority.go_offline()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_wait_in_vain_says_how_many_came(client: Client) -> None:
    """The time-out is in seconds, and the message has the count."""
    client.ask_device_code()
    with pytest.raises(TimeoutError, match=r"1 of 2 requests to 'devicecode' came in 0\.01 s"):
        client.authority.wait_for("devicecode", 2, timeout=0.01)


def test_an_answer_from_before_a_reset_is_not_noted(client: Client) -> None:
    """A request that was under way when the counters were reset does not come back as another's."""
    faults = client.authority.faults

    def reset_meanwhile(content: dict[str, object]) -> None:
        client.authority.reset_counters()

    faults.queue("devicecode", Edit(reset_meanwhile))
    client.ask_device_code()
    assert client.authority.count() == 0


def test_a_body_is_read_up_to_a_bound(client: Client) -> None:
    """A huge form is cut off, not kept; a body that is no form is not read as one."""
    client.post("/common/oauth2/v2.0/token", {"a": "x" * (2 << 20)})
    client.session.post(f"{client.authority.url}/common/oauth2/v2.0/token", data="client_id=x", timeout=PATIENCE)
    first, second = client.authority.requests
    assert len(first.form["a"]) < 1 << 20
    assert len(second.form) == 0
