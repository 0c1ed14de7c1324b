"""The guide to sign-ins in two steps: its web program and its worker, driven as their users drive them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from doorcode.emulator import Emulator
from support.examples import ROOT, examples, take_the_clouds_place
from support.signing import ADA, GRACE, PATIENCE, start


@pytest.fixture
def guide(doorcode_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give what the page defines, with the emulator as its authority; nobody signs in by themselves any more."""
    take_the_clouds_place(doorcode_emulator, tmp_path, monkeypatch)
    namespace: dict[str, Any] = {}
    for example in examples(ROOT / "docs" / "two-steps.md"):
        if "MCPServer(" in str(example.parsed):
            continue  # tests/e2e/test_mcp.py
        example.document.namespace = example.namespace = namespace
        example.evaluate()
    doorcode_emulator.reset_counters()
    doorcode_emulator.approve_none()
    return namespace


def until_it_changes(guide: dict[str, Any], session: dict[str, str]) -> dict[str, Any]:
    """Ask for the status, as a page does, until it is another one."""
    while (told := guide["status"](session))["state"] == "waiting":
        assert session.keys() >= {"sign-in"}
    return dict(told)


def test_each_request_goes_on(guide: dict[str, Any], doorcode_emulator: Emulator) -> None:
    """A visitor signs in over many requests, each with a credential of its own; the polls keep their distance."""
    session: dict[str, str] = {}
    assert guide["status"](session) == {"state": "not started"}
    shown = guide["begin"](session)
    assert shown["open"] == f"{doorcode_emulator.url}/devicelogin"
    for _ in range(20):
        assert guide["status"](session) == {"state": "waiting", "ask_again_in": 1.0}
    polls = doorcode_emulator.requests_to("token")
    assert all(one.answered_at and two.at - one.answered_at >= 1 for one, two in pairwise(polls))
    doorcode_emulator.approve(shown["code"], GRACE)
    assert until_it_changes(guide, session) == {"state": "signed in", "username": GRACE}
    assert session.keys() == {"record"}
    with guide["credential_of"](session) as credential:
        assert doorcode_emulator.verify(credential.get_token(guide["SCOPE"]).token)["upn"] == GRACE


def test_visitors_stay_apart(guide: dict[str, Any], doorcode_emulator: Emulator) -> None:
    """They share a cache, and each gets a token of their own."""
    sessions: list[dict[str, str]] = [{}, {}]
    for session, user in zip(sessions, (ADA, GRACE), strict=True):
        doorcode_emulator.approve(guide["begin"](session)["code"], user)
    assert [until_it_changes(guide, session)["username"] for session in sessions] == [ADA, GRACE]


def test_a_visitor_who_declines(guide: dict[str, Any], doorcode_emulator: Emulator) -> None:
    """The page says so, and the next sign-in begins anew."""
    session: dict[str, str] = {}
    doorcode_emulator.decline(guide["begin"](session)["code"])
    assert until_it_changes(guide, session)["state"] == "failed"
    assert guide["status"](session) == {"state": "not started"}


def test_a_worker_waits_for_the_user(guide: dict[str, Any], doorcode_emulator: Emulator) -> None:
    """The code is shown by one program, and the token is had by the other."""
    message = guide["order"]("The report")
    working = start(guide["work"])
    (code,) = (code for code in doorcode_emulator.user_codes if code in message)
    doorcode_emulator.approve(code, ADA)
    assert working.result(PATIENCE).startswith(f"The report was made for {ADA}, with a token of ")


def test_a_worker_whose_user_declines(guide: dict[str, Any], doorcode_emulator: Emulator) -> None:
    """The job ends with the reason."""
    message = guide["order"]("The report")
    (code,) = (code for code in doorcode_emulator.user_codes if code in message)
    doorcode_emulator.decline(code)
    assert guide["work"]().startswith("The report was not made: ")
