"""A refresh that the authority has refused, and a program that calls on."""

from __future__ import annotations

import re
from typing import Any

import msal
import pytest
from azure.core.exceptions import ClientAuthenticationError

from doorcode.emulator import Emulator, Refuse, Reset, TooManyRequests
from support.clock import Clock
from support.signing import OTHER, SCOPE, outcome

REFUSALS = {
    "a refusal": (Refuse("invalid_grant", 50173, "Revoked."), "AADSTS50173"),
    "too many requests": (TooManyRequests(30), "429"),
}


@pytest.mark.parametrize(("fault", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_program_that_calls_on_does_not_repeat_a_refused_refresh(
    make: Any, authority: Emulator, monkeypatch: pytest.MonkeyPatch, fault: Any, words: str
) -> None:
    """Sixty calls are one request; each raises what the first one raised, and says when the next may be."""
    Clock(monkeypatch)
    credential = make(disable_automatic_authentication=True, retry_total=0)
    credential.authenticate(scopes=[SCOPE])
    authority.faults.queue("token:refresh_token", fault)
    errors = [outcome(lambda: credential.get_token(OTHER)) for _ in range(60)]
    assert authority.count("token:refresh_token") == 1
    assert len({type(error) for error in errors}) == 1
    assert all(isinstance(error, ClientAuthenticationError) and words in str(error) for error in errors)
    assert all(re.search(r"(not tried again for|Wait) [0-9]+ s", str(error)) for error in errors)
    # Another request is not what was refused, and a sign-in ends the wait.
    assert credential.get_token("https://t.example/.default").token
    credential.authenticate(scopes=[SCOPE], force_prompt=True)
    assert credential.get_token(OTHER).token


def test_a_user_who_wants_to_try_again_does_so_at_once(make: Any, authority: Emulator) -> None:
    """``authenticate`` sends a refresh that was refused a moment ago; only Retry-After is waited for."""
    credential = make(disable_automatic_authentication=True, retry_total=0)
    credential.authenticate(scopes=[SCOPE])
    authority.faults.queue("token:refresh_token", Refuse("invalid_grant", 50173, "Revoked."))
    with pytest.raises(ClientAuthenticationError):
        credential.get_token(OTHER)
    credential.authenticate(scopes=[OTHER])
    assert (authority.count("token:refresh_token"), len(make.approver.prompts)) == (2, 1)
    authority.faults.queue("token:refresh_token", TooManyRequests(30))
    for _ in range(2):
        with pytest.raises(ClientAuthenticationError, match="429"):
            credential.authenticate(scopes=["https://t.example/.default"])
    assert authority.count("token:refresh_token") == 3


def test_a_refused_refresh_of_one_credential_is_none_of_another(make: Any, authority: Emulator) -> None:
    """Each object remembers its own, and a network that fails is not remembered."""
    cache = msal.TokenCache()
    first = make(_cache=cache, disable_automatic_authentication=True, retry_total=0)
    first.authenticate(scopes=[SCOPE])
    second = make(_cache=cache, disable_automatic_authentication=True, retry_total=0)
    authority.faults.queue("token:refresh_token", Refuse("invalid_grant", 50173, "Revoked."), Reset(), Reset())
    with pytest.raises(ClientAuthenticationError):
        first.get_token(OTHER)
    for _ in range(2):
        with pytest.raises(ClientAuthenticationError, match="cut|reset"):
            second.get_token(OTHER)
    assert second.get_token(OTHER).token
