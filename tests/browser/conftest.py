"""The credentials that use a browser, each kind of them, and the user whose browser it is."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

import doorcode
import doorcode.aio
from doorcode._core.flows import auth_code as browser_flow
from doorcode._core.flows.browser_steps import AwaitRedirect, SignInPage
from doorcode._core.flows.device_code import Pace
from doorcode.emulator import Emulator
from support import chromium
from support.on_a_loop import LoopThread, OnALoop
from support.person import Person
from support.signing import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SOON = 0.2
"""Seconds for which a user who does not come is waited for."""


class Sync:
    """Make credentials that are driven with threads."""

    kind = "sync"
    module: Any = doorcode

    def __init__(self, authority: Emulator) -> None:
        self._authority = authority
        self._made: list[Any] = []

    def __call__(self, name: str = "InteractiveBrowserCredential", **options: Any) -> Any:
        """Return a credential of that name for the emulator, with the methods of the sync one."""
        given = {**self._authority.credential_options, "retry_backoff_factor": 0, **options}
        credential = self._wrapped(getattr(self.module, name)(**given))
        self._made.append(credential)
        return credential

    def close(self) -> None:
        """Close whatever was made."""
        for credential in self._made:
            credential.close()

    def _wrapped(self, credential: Any) -> Any:
        return credential


class Aio(Sync):
    """Make credentials that are driven with asyncio."""

    kind = "aio"
    module = doorcode.aio

    def __init__(self, authority: Emulator) -> None:
        super().__init__(authority)
        self._thread = LoopThread()

    def close(self) -> None:
        """Close whatever was made, and the loop."""
        super().close()
        self._thread.close()

    def _wrapped(self, credential: Any) -> Any:
        return OnALoop(credential, self._thread.loop)


MAKERS: dict[str, Callable[[Emulator], Sync]] = {"sync": Sync, "aio": Aio}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give the browser."""
    with chromium.running() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Give a page of the browser, in which nobody has signed in."""
    with chromium.context(browser) as opened:
        yield opened.new_page()


@pytest.fixture
def authority(doorcode_emulator: Emulator) -> Emulator:
    """Give the authority, as new; whoever comes is ada, and lets the application in."""
    doorcode_emulator.approve_all()
    return doorcode_emulator


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest, authority: Emulator) -> Iterator[Sync]:
    """Give what makes credentials, once for each kind."""
    maker = MAKERS[request.param](authority)
    yield maker
    maker.close()


@pytest.fixture
def person(authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Give the user in whose browser pages open."""
    somebody = Person(authority)
    monkeypatch.setattr(webbrowser, "open", somebody.open)
    return somebody


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let polls, and tries to redeem a code, follow each other at once; a browser has time for its last page."""
    monkeypatch.setattr(Pace, "pause", property(lambda pace: 0.02))
    monkeypatch.setattr(browser_flow, "BACK_OFF", (0.0, 0.0, 0.0))
    monkeypatch.setattr(browser_flow, "LONGEST_RESULT_PAGE", PATIENCE)


@pytest.fixture
def nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the wait for the user end soon, whatever the timeout is: what comes before it has the whole timeout."""

    def shortened(page: SignInPage, within: float) -> AwaitRedirect:
        return AwaitRedirect(page, min(within, SOON))

    monkeypatch.setattr(browser_flow, "AwaitRedirect", shortened)
