"""A credential under test, whatever drives it; the authority that it signs in at; and no waiting between polls.

Every test of behaviour takes ``make`` and so runs for each kind of credential. What ``make`` returns has the methods of
the sync credential, whatever is inside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo

import doorcode
import doorcode._entra.msal_client  # its import takes a moment, which no test's timeout is to contain
import doorcode._sync.driver
import doorcode.aio
import doorcode.aio.driver
from doorcode import _clock
from doorcode._core.flows import device_code
from doorcode._core.flows.device_code import Pace
from doorcode.emulator import Emulator, PromptApprover
from support.on_a_loop import LoopThread, OnALoop
from support.signing import AGES

LEAVE_OUT: Any = object()
"""An option that ``make`` is not to give, although it does by default."""


class Credential(Protocol):
    """What a credential under test can do, whichever kind it is."""

    def get_token(self, *scopes: Any, **options: Any) -> AccessToken:
        """Return an access token."""
        ...

    def get_token_info(self, *scopes: Any, **options: Any) -> AccessTokenInfo:
        """Return an access token with more about it."""
        ...

    def authenticate(self, **options: Any) -> doorcode.AuthenticationRecord:
        """Sign a user in."""
        ...

    def close(self) -> None:
        """Release the transport."""
        ...

    def cancel(self) -> None:
        """Give up what is under way."""
        ...


class Make(Protocol):
    """Make credentials of one kind for the emulator, with a user who approves every prompt unless told otherwise."""

    kind: str
    credential_class: Any
    approver: PromptApprover
    person: str | None

    def __call__(self, **options: Any) -> Any:
        """Return a credential; ``LEAVE_OUT`` takes an option away."""
        ...

    def asking(self, request_token: Callable[..., dict[str, Any]]) -> Any:
        """Return a program's own class, whose ``_request_token`` does this."""
        ...


class SyncMaker:
    """Make credentials that are driven with threads."""

    kind = "sync"
    credential_class: Any = doorcode.DeviceCodeCredential

    def __init__(self, authority: Emulator) -> None:
        self._authority = authority
        self.person: str | None = None
        self.approver = PromptApprover(lambda user_code: authority.approve(user_code, self.person))
        self._made: list[Credential] = []

    def __call__(self, **options: Any) -> Any:
        given: dict[str, Any] = {
            **self._authority.credential_options,
            "prompt_callback": self.approver,
            "use_cached_account": True,  # the approver stands for a user at this machine
            "retry_backoff_factor": 0,
            **options,
        }
        cls = given.pop("credential_class", self.credential_class)
        credential = self._wrapped(cls(**{name: value for name, value in given.items() if value is not LEAVE_OUT}))
        self._made.append(credential)
        return credential

    def asking(self, request_token: Callable[..., dict[str, Any]]) -> Any:
        """Return a program's own class, whose ``_request_token`` does this."""
        return type("Own", (self.credential_class,), {"_request_token": request_token})

    def close(self) -> None:
        """Close whatever was made."""
        for credential in self._made:
            credential.close()

    def _wrapped(self, credential: Any) -> Any:
        return credential


class AioMaker(SyncMaker):
    """Make credentials that are driven with asyncio."""

    kind = "aio"
    credential_class = doorcode.aio.DeviceCodeCredential

    def __init__(self, authority: Emulator) -> None:
        super().__init__(authority)
        self._thread = LoopThread()

    def asking(self, request_token: Callable[..., dict[str, Any]]) -> Any:
        """Return a program's own class, whose ``_request_token`` does this, as a coroutine function."""

        async def in_a_task(*args: Any, **options: Any) -> dict[str, Any]:
            return request_token(*args, **options)

        return type("Own", (self.credential_class,), {"_request_token": in_a_task})

    def close(self) -> None:
        """Close whatever was made, and the loop."""
        super().close()
        self._thread.close()

    def _wrapped(self, credential: Any) -> Any:
        return OnALoop(credential, self._thread.loop)


MAKERS: dict[str, Callable[[Emulator], SyncMaker]] = {"sync": SyncMaker, "aio": AioMaker}
"""How credentials are driven."""


@pytest.fixture
def authority(doorcode_emulator: Emulator) -> Emulator:
    """Give the authority, as new."""
    return doorcode_emulator


@pytest.fixture
def leave_out() -> object:
    """Give what takes an option away that ``make`` gives by default."""
    return LEAVE_OUT


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest, authority: Emulator) -> Iterator[Make]:
    """Give what makes credentials, once for each kind."""
    maker = MAKERS[request.param](authority)
    yield maker
    maker.close()


@pytest.fixture
def make_sync(authority: Emulator) -> Iterator[Make]:
    """Give what makes sync credentials, for what only threads do."""
    maker = SyncMaker(authority)
    yield maker
    maker.close()


@pytest.fixture
def make_aio(authority: Emulator) -> Iterator[Make]:
    """Give what makes asyncio credentials, for what only tasks do."""
    maker = AioMaker(authority)
    yield maker
    maker.close()


@pytest.fixture(autouse=True)
def _brisk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let polls follow each other at once: how long to wait is tested in tests/core, without any clock."""
    if "real_pace" not in request.fixturenames:
        monkeypatch.setattr(Pace, "pause", property(lambda pace: 0.02))


@pytest.fixture
def real_pace() -> None:
    """Let polls wait as they do."""


@pytest.fixture
def over_after_two_replies(_brisk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a sign-in's time be over, as its flow sees the clock, when the authority answers the second poll."""
    waits = 0

    def pause(_: Pace) -> float:
        nonlocal waits
        waits += 1
        return 0.02

    def monotonic() -> float:
        return time.monotonic() + (AGES if waits > 1 else 0.0)

    monkeypatch.setattr(Pace, "pause", property(pause))
    monkeypatch.setattr(device_code, "GRACE", AGES)  # the second reply is waited for, however long it takes
    for driver in (doorcode._sync.driver, doorcode.aio.driver):
        monkeypatch.setattr(driver, "_clock", SimpleNamespace(monotonic=monotonic, is_replaced=_clock.is_replaced))


@pytest.fixture
def shift(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Give what sets this process's wall clock, which stands still; the authority keeps its own."""
    now = time.time()

    def by(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: now + seconds)

    by(0)
    return by
