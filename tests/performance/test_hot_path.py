"""A fresh token in memory: what is called for it, and that nothing else is."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

import pytest
from azure.core.credentials import AccessTokenInfo

from doorcode import DeviceCodeCredential, aio
from doorcode.emulator import Emulator

SCOPE = "https://r.example/.default"
OURS_MAY = {"get_token", "get_token_info", "fresh"}


@pytest.fixture(name="credential")
def _credential(doorcode_emulator: Emulator) -> DeviceCodeCredential:
    """Return a credential with a fresh token in memory."""
    doorcode_emulator.configure(interval=1)
    made = DeviceCodeCredential(
        prompt_callback=doorcode_emulator.prompt_approver(),
        additionally_allowed_tenants=["*"],
        **doorcode_emulator.credential_options,
    )
    made.get_token(SCOPE)
    return made


def called(call: Callable[[], object]) -> tuple[set[str], set[str]]:
    """Return what is called in a call: functions in Python, and in C."""
    in_python: set[str] = set()
    in_c: set[str] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            in_python.add(frame.f_code.co_name)
        elif event == "c_call":
            in_c.add(argument.__name__)

    call()  # the logger remembers whether a level is on
    gc.disable()  # what it would call for the garbage of other tests is not called in this call
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        gc.enable()
    return in_python - {"<lambda>"}, in_c - {"setprofile"}


def test_get_token_looks_into_a_dict_and_at_the_clock(credential: DeviceCodeCredential) -> None:
    """No lock, no MSAL, no store, nothing made but the key: the same object every time."""
    in_python, in_c = called(lambda: credential.get_token(SCOPE))
    assert in_python == {"get_token", "isEnabledFor"}
    assert in_c == {"get", "time"}
    assert credential.get_token(SCOPE) is credential.get_token(SCOPE)


def test_get_token_info_does_no_more(credential: DeviceCodeCredential) -> None:
    """The same few calls, and the same object every time."""
    in_python, in_c = called(lambda: credential.get_token_info(SCOPE))
    assert in_python == {"get_token_info", "fresh", "isEnabledFor"}
    assert in_c == {"get", "time"}
    assert isinstance(credential.get_token_info(SCOPE), AccessTokenInfo)
    assert credential.get_token_info(SCOPE) is credential.get_token_info(SCOPE)


@pytest.mark.parametrize(
    "options", [None, {}, {"enable_cae": False}, {"claims": None, "tenant_id": None}], ids=["none", "{}", "cae", "null"]
)
def test_options_that_ask_for_nothing_cost_nothing(
    credential: DeviceCodeCredential, options: Any, doorcode_emulator: Emulator
) -> None:
    """Clients pass options with nothing in them."""
    assert called(lambda: credential.get_token_info(SCOPE, options=options))[0] <= OURS_MAY | {"isEnabledFor"}


@pytest.mark.parametrize(
    "options", [{"claims": '{"access_token":{}}'}, {"tenant_id": "contoso.example"}, {"enable_cae": True}], ids=str
)
def test_options_that_ask_for_another_token_are_not_answered_from_memory(
    credential: DeviceCodeCredential, options: Any, doorcode_emulator: Emulator
) -> None:
    """Claims, another tenant and CAE go the long way, to a request."""
    before = doorcode_emulator.count()
    credential.get_token_info(SCOPE, options=options)
    assert doorcode_emulator.count() > before


def test_success_is_still_logged(credential: DeviceCodeCredential, caplog: pytest.LogCaptureFixture) -> None:
    """With INFO on, each of the two says so."""
    caplog.set_level(logging.INFO, "doorcode")
    caplog.clear()
    credential.get_token(SCOPE)
    credential.get_token_info(SCOPE)
    assert [record.getMessage() for record in caplog.records] == [
        "DeviceCodeCredential.get_token succeeded",
        "DeviceCodeCredential.get_token_info succeeded",
    ]


async def signed_in(authority: Emulator) -> aio.DeviceCodeCredential:
    """Return an asyncio credential with a fresh token in memory."""
    made = aio.DeviceCodeCredential(prompt_callback=authority.prompt_approver(), **authority.credential_options)
    await made.get_token(SCOPE)
    return made


def at_once(coroutine: Coroutine[Any, Any, object]) -> object:
    """Return what a coroutine returns without ever giving way to another task."""
    with pytest.raises(StopIteration) as end:
        coroutine.send(None)
    return end.value.value


def test_asyncio_gives_way_to_nobody(doorcode_emulator: Emulator) -> None:
    """A fresh token is returned without a switch to the loop, by the same few calls."""
    doorcode_emulator.configure(interval=1)
    credential = asyncio.run(signed_in(doorcode_emulator))
    assert at_once(credential.get_token(SCOPE)) is at_once(credential.get_token(SCOPE))
    assert isinstance(at_once(credential.get_token_info(SCOPE)), AccessTokenInfo)
    in_python, _ = called(lambda: at_once(credential.get_token(SCOPE)))
    assert "acquire" not in in_python
