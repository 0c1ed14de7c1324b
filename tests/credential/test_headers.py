"""What a header of a request can carry, whatever a record, an option, the environment or the authority holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

import doorcode
from doorcode._core.json_values import header_text
from doorcode._core.replies.identity import mailbox_header
from doorcode.emulator import Emulator
from support.signing import OTHER, PATIENCE, SCOPE, changed

ODD = ["é世.contoso", "a\r\nX-Evil: 1.b", "\ud800.b", "a\x00.b", " .b", "\U0001f600.t"]


@pytest.mark.parametrize("account", ODD, ids=ascii)
def test_an_account_that_no_header_carries(make: Any, authority: Emulator, account: str) -> None:
    """The hint for routing is left out, and the refresh goes on without it."""
    authority.faults.always("token", changed(client_info=None))
    credential = make()
    credential.authenticate(scopes=[SCOPE])
    record = json.loads(credential._session.record.serialize())
    rename(credential, record["homeAccountId"], account)
    credential.get_token(OTHER)
    (refresh,) = authority.requests_to("token:refresh_token")
    assert "x-evil" not in refresh.headers
    assert refresh.headers.get("x-anchormailbox", "").isascii()


def rename(credential: Any, known: str, account: str) -> None:
    """Let the cache and the record know an account by another identifier."""
    session = credential._session
    fields = {**json.loads(session.record.serialize()), "homeAccountId": account}
    session.account.sign_in(doorcode.AuthenticationRecord.deserialize(json.dumps(fields)))

    def renamed(state: Any) -> Any:
        return {
            section: {
                key: {**row, "home_account_id": account} if row.get("home_account_id") == known else row
                for key, row in rows.items()
            }
            for section, rows in state.items()
        }

    session.cache(cae=False).commit(renamed)


def test_the_hint_for_routing() -> None:
    """An ordinary identifier is sent as MSAL sends it."""
    assert mailbox_header("uid.utid") == {"X-AnchorMailbox": "Oid:uid@utid"}
    assert [mailbox_header(account) for account in ODD if account != " .b"] == [{}] * (len(ODD) - 1)


@pytest.mark.parametrize("value", ["世界", "a\r\nb", "a\nb", "a\x00b", "\ud800", " hunter2"], ids=ascii)
@pytest.mark.parametrize("option", ["user_agent", "sdk_moniker", "request_id", "headers", "base_headers"])
def test_an_option_that_no_header_carries(make: Any, option: str, value: str) -> None:
    """It is refused in the constructor, by name, and its value, which may be a secret, is not shown."""
    given: Any = {"X-Mine": value} if "headers" in option else value
    with pytest.raises(ValueError, match=rf"{option}.* cannot be sent") as caught:
        make(**{option: given})
    assert value.strip() not in str(caught.value)


def test_a_name_that_no_header_has(make: Any) -> None:
    """Nor can the name of a header be anything."""
    with pytest.raises(ValueError, match="X-Evil"):
        make(headers={"X-Evil: 1\r\nX": "2"})


@pytest.mark.parametrize("value", ["prögramm/1", "tab\there", ""], ids=ascii)
def test_an_option_that_a_header_carries(make: Any, authority: Emulator, value: str) -> None:
    """Latin-1 goes out as it is (RFC 9110 5.5)."""
    make(headers={"X-Mine": value}, user_agent=value or None).get_token(SCOPE)
    assert {request.headers["x-mine"] for request in authority.requests} == {value}


def test_the_environments_user_agent(make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What azure-core takes out of the environment stops no request."""
    monkeypatch.setenv("AZURE_HTTP_USER_AGENT", "世/1\r\nX-Evil: 1")
    make().get_token(SCOPE)
    (agent,) = {request.headers["user-agent"] for request in authority.requests}
    assert agent.endswith("?/1??X-Evil: 1")


@pytest.mark.parametrize("text", ["plain", "ö\t~"])
def test_text_of_a_header(text: str) -> None:
    """What can be sent is left alone."""
    assert header_text(text) == text


def test_a_correlation_id_that_was_stored(make_sync: Any, authority: Emulator) -> None:
    """A sign-in that was kept elsewhere, and came back changed, is polled without that identifier."""
    pending = make_sync().begin(scopes=[SCOPE])
    text = json.dumps({**json.loads(pending.serialize()), "correlation_id": "世"})
    authority.approve(pending.user_code)
    assert make_sync().resume(text).wait(PATIENCE).username


def test_half_a_character_in_a_login_hint() -> None:
    """A lone surrogate, as the file system gives them, is refused before anything is opened."""
    with pytest.raises(ValueError, match="login_hint"):
        doorcode.InteractiveBrowserCredential(login_hint="ada\udce9@contoso.example")
