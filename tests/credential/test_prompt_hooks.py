"""A prompt with ``waiting`` and ``finished``: it is told of each wait, and once how the sign-in ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from unittest.mock import Mock

import pytest
from azure.core.exceptions import ClientAuthenticationError

from doorcode import errors
from doorcode._core.messages.outcome import SignInOutcome
from doorcode.emulator import Emulator, Expire, Pending, PromptApprover, Refuse
from support.clock import Clock
from support.signing import PATIENCE, SCOPE, start

Act = Callable[[str], object]


class Screen:
    """A prompt that writes down what it is told.

    Args:
        act: what the user does with a code.
    """

    def __init__(self, act: Act) -> None:
        self._act = act
        self.codes: list[str] = []
        self.left: list[float] = []
        self.outcomes: list[SignInOutcome] = []

    def __call__(self, _verification_uri: str, user_code: str, _expires_on: datetime) -> None:
        self.codes.append(user_code)
        self._act(user_code)

    def waiting(self, seconds_left: float) -> None:
        self.left.append(seconds_left)

    def finished(self, outcome: SignInOutcome) -> None:
        self.outcomes.append(outcome)

    @property
    def results(self) -> list[str]:
        """Return what it was told in the end."""
        return [outcome.result for outcome in self.outcomes]


def test_it_is_told_of_each_wait_and_of_the_end(make: Any, authority: Emulator) -> None:
    """Seconds that the user has left, which go down; then who signed in."""
    authority.faults.queue("token:device_code", Pending(), Pending())
    screen = Screen(authority.approve)
    make(prompt_callback=screen).get_token(SCOPE)
    assert len(screen.left) == authority.count("token") == 3
    assert screen.left == sorted(screen.left, reverse=True)
    assert all(900 - PATIENCE < left <= 900 for left in screen.left)
    assert screen.outcomes == [
        SignInOutcome("signed_in", "Signed in as ada@contoso.example.", "ada@contoso.example"),
    ]


def test_the_time_left_is_that_of_the_timeout(make: Any, authority: Emulator) -> None:
    """A ``timeout`` that is shorter than the code's life is what counts."""
    screen = Screen(authority.approve)
    make(prompt_callback=screen, timeout=600).get_token(SCOPE)
    assert 600 - PATIENCE < screen.left[0] <= 600


def nothing(_code: str) -> None:
    """Do nothing: the user does not come."""


def passing(_authority: Emulator, monkeypatch: pytest.MonkeyPatch) -> Act:
    """Return a user during whose looking at the code the time passes."""
    clock = Clock(monkeypatch, stands_still=False)
    return lambda _code: clock.advance(PATIENCE)


def expiring(authority: Emulator, *_: object) -> Act:
    """Return a user who waits until the code has expired."""
    return lambda _code: authority.faults.queue("token:device_code", Expire())


def raising(error: BaseException) -> Act:
    """Return a user at whose prompt an exception is raised."""

    def act(_code: str) -> None:
        raise error

    return act


@pytest.mark.parametrize(
    ("act", "options", "result", "words"),
    [
        (lambda authority, _: authority.decline, {}, "declined", "The sign-in was declined."),
        (expiring, {}, "expired", "The code has expired."),
        (passing, {"timeout": PATIENCE}, "timed_out", "The time for the sign-in is over."),
        (lambda *_: raising(ValueError("no screen")), {}, "failed", "no screen"),
        (
            lambda authority, _: lambda code: authority.approve(code, "grace@contoso.example"),
            {"username": "ada@contoso.example"},
            "failed",
            "grace@contoso.example",
        ),
    ],
    ids=["declined", "expired", "timed out", "the prompt itself fails", "another user"],
)
def test_however_a_sign_in_ends(
    make: Any,
    authority: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    act: Any,
    options: dict[str, Any],
    result: str,
    words: str,
) -> None:
    """It is told once, with one line that it can show."""
    screen = Screen(act(authority, monkeypatch))
    with pytest.raises(ClientAuthenticationError):
        make(prompt_callback=screen, **options).get_token(SCOPE)
    assert screen.results == [result]
    assert words in screen.outcomes[0].message
    assert screen.outcomes[0].message.isprintable()
    assert screen.outcomes[0].username is None


def test_a_sign_in_that_is_cancelled(make: Any, authority: Emulator) -> None:
    """By the program, from another thread."""
    screen = Screen(nothing)
    credential = make(prompt_callback=screen)
    call = start(lambda: credential.get_token(SCOPE))
    authority.wait_for("token")
    credential.cancel()
    with pytest.raises(errors.SignInCancelledError):
        call.result(PATIENCE)
    assert screen.results == ["cancelled"]


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["__call__", "waiting"])
def test_an_interrupted_sign_in(
    make_sync: Any, authority: Emulator, exception: type[BaseException], where: str
) -> None:
    """Ctrl-C reaches the program as it is, and leaves nothing on the screen."""

    class Interrupted(Screen):
        def waiting(self, seconds_left: float) -> None:
            if where == "waiting":
                raise exception

    screen = Interrupted(raising(exception()) if where == "__call__" else nothing)
    with pytest.raises(exception):
        make_sync(prompt_callback=screen).get_token(SCOPE)
    assert screen.results == ["cancelled"]


def test_a_cancelled_task(make_aio: Any, authority: Emulator) -> None:
    """Its prompt is told, and the task stays cancelled."""
    screen = Screen(lambda _code: tasks[0].cancel())
    own = make_aio(prompt_callback=screen).credential
    tasks: list[asyncio.Task[Any]] = []

    async def main() -> None:
        tasks.append(asyncio.create_task(own.get_token(SCOPE)))
        await tasks[0]

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert screen.results == ["cancelled"]


def test_an_error_of_waiting_ends_the_sign_in(make: Any, authority: Emulator) -> None:
    """As one of the prompt does: it is the cause of ours, and says where it was raised."""
    trouble = RuntimeError("no screen")

    class Broken(Screen):
        def waiting(self, seconds_left: float) -> None:
            raise trouble

    screen = Broken(authority.approve)
    with pytest.raises(ClientAuthenticationError, match=r"prompt_callback\.waiting raised RuntimeError") as caught:
        make(prompt_callback=screen).get_token(SCOPE)
    assert caught.value.__cause__ is trouble
    assert screen.results == ["failed"]


def test_an_error_of_finished_loses_no_token(make: Any, authority: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """The user has signed in: the token is returned, and the log has the error."""

    class Broken(Screen):
        def finished(self, outcome: SignInOutcome) -> None:
            message = "no screen"
            raise RuntimeError(message)

    assert make(prompt_callback=Broken(authority.approve)).get_token(SCOPE).token
    assert "prompt_callback.finished raised RuntimeError: no screen" in caplog.text


def test_it_is_told_once_for_several_codes(make: Any, authority: Emulator) -> None:
    """With ``max_codes`` a prompt shows one after the other; there is one end."""
    acts: Iterator[Act] = iter([expiring(authority), authority.approve])
    screen = Screen(lambda code: next(acts)(code))  # noqa: PLW0108 - another act each time
    make(prompt_callback=screen, max_codes=2).get_token(SCOPE)
    assert (len(screen.codes), screen.results) == (2, ["signed_in"])


def test_a_prompt_that_was_not_shown_is_not_told(make: Any, authority: Emulator) -> None:
    """Where no code was had, there is nothing to take away."""
    authority.faults.queue("devicecode", Refuse("invalid_client"))
    screen = Screen(nothing)
    with pytest.raises(ClientAuthenticationError):
        make(prompt_callback=screen).get_token(SCOPE)
    assert (screen.codes, screen.outcomes) == ([], [])


def test_coroutine_functions(make_aio: Any, authority: Emulator) -> None:
    """An asyncio credential awaits both."""
    seen: list[str] = []

    class Awaited:
        async def __call__(self, _uri: str, user_code: str, _expires_on: datetime) -> None:
            authority.approve(user_code)

        async def waiting(self, seconds_left: float) -> None:
            await asyncio.sleep(0)
            seen.append("waiting")

        async def finished(self, outcome: SignInOutcome) -> None:
            await asyncio.sleep(0)
            seen.append(outcome.result)

    make_aio(prompt_callback=Awaited()).get_token(SCOPE)
    assert seen == ["waiting", "signed_in"]


@pytest.mark.parametrize("name", ["waiting", "finished"])
def test_a_coroutine_function_that_nobody_would_await(make_sync: Any, name: str) -> None:
    """A sync credential refuses it in the constructor, by name."""

    async def hook(_self: object, _told: object) -> None:
        """Never run."""

    screen = type("Awaited", (Screen,), {name: hook})(nothing)
    with pytest.raises(TypeError, match=rf"prompt_callback\.{name} is a coroutine function"):
        make_sync(prompt_callback=screen)


def test_a_mock_is_a_plain_callable(make: Any, authority: Emulator) -> None:
    """It seems to have every method, and is called with the code alone."""
    mock = Mock(side_effect=lambda _uri, code, _until: authority.approve(code))
    make(prompt_callback=mock).get_token(SCOPE)
    assert mock.method_calls == []


def test_an_attribute_of_that_name_is_left_alone(make: Any, authority: Emulator) -> None:
    """A program's own approver may say whether it has finished."""
    approver = PromptApprover(authority.approve)
    approver.finished = False  # type: ignore[attr-defined]
    assert make(prompt_callback=approver).get_token(SCOPE).token


def test_a_subclass_that_prompts_by_itself(make: Any, authority: Emulator) -> None:
    """``_request_token`` may be called by a program of its own: the end is the end of that call."""
    screen = Screen(authority.approve)
    credential = make(prompt_callback=screen)
    own = getattr(credential, "credential", credential)
    answer = own._request_token(SCOPE)
    if asyncio.iscoroutine(answer):
        answer = asyncio.run(answer)
    assert answer["access_token"]
    assert screen.results == ["signed_in"]
