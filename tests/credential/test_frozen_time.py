"""Sign-ins in a program's tests that freeze time, as freezegun does."""

from __future__ import annotations

import importlib.util
import re
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import doorcode
from doorcode import _clock
from doorcode.emulator import Emulator, Pending
from support.signing import ADA, PATIENCE, SCOPE, start

SOURCE = Path(doorcode.__file__).parent
OWN_CLOCK = {"_clock.py", "emulator/_log.py", "testing/_clock.py", "_cli/token_endpoint.py"}
"""Modules that may name the function: the clock itself, the emulator and a program of its own, and a docstring."""


@pytest.fixture
def frozen(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time stand still for this package, asyncio and whoever asks the module; threading goes on."""
    still = {id(clock): partial(float, clock()) for clock in (time.time, time.monotonic)}
    for name, module in list(sys.modules.items()):
        if name == "time" or name.split(".")[0] in {"doorcode", "asyncio"}:
            for attribute, value in list(vars(module).items()):
                if id(value) in still:
                    monkeypatch.setattr(module, attribute, still[id(value)])


@pytest.mark.usefixtures("frozen")
def test_a_first_sign_in_ends(make: Any, authority: Emulator) -> None:
    """The waits between the polls pass, though no clock that the program can see moves."""
    authority.faults.queue("token:device_code", Pending(), Pending())
    call = start(lambda: make().get_token(SCOPE))
    assert call.result(PATIENCE).token
    assert authority.count("token:device_code") == 3


@pytest.mark.usefixtures("frozen")
def test_a_sign_in_in_two_steps_ends(make: Any, authority: Emulator) -> None:
    """So do its time-outs."""
    credential = make(disable_automatic_authentication=True)
    pending = credential.begin(scopes=[SCOPE])

    def wait(*args: float) -> Any:
        return credential._done(pending.wait(*args)) if make.kind == "aio" else pending.wait(*args)

    with pytest.raises(TimeoutError):
        start(lambda: wait(0.1)).result(PATIENCE)
    authority.approve(pending.user_code)
    assert start(wait).result(PATIENCE).username == ADA


def test_the_clock_is_real_though_time_is_frozen_at_its_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most modules are loaded by the first call, which a test may make with time frozen already."""
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    spec = importlib.util.spec_from_file_location("fresh_clock", _clock.__file__)
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    assert fresh.monotonic() > 0.0
    assert fresh.is_replaced()


def test_every_wait_goes_by_that_clock() -> None:
    """No other module asks for the time in a way that a frozen clock would answer."""
    naming = re.compile(r"(?<![.\w])time\.monotonic|from time import|loop\.time\(")
    found = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if naming.search(path.read_text("utf-8"))}
    assert found - OWN_CLOCK == set()
