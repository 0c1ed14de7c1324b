"""What a crash reporter finds: it reads the locals of every frame of an error and of all that the error wraps."""

from __future__ import annotations

import contextvars
import inspect
import json
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import click
import pytest

import doorcode
import doorcode.cache
from doorcode import TokenCachePersistenceOptions, _frames
from doorcode.emulator import Decline, Edit, Emulator, Html, Refuse, Reset
from support.signing import PATIENCE, SCOPE, outcome

KEY = b"0123456789-the-key-0123456789-ab"
OTHER_KEY = b"0123456789-other-key-0123456789-"
SECRET_FIELDS = ("access_token", "refresh_token", "id_token", "device_code")
OWN = Path(doorcode.__file__).parent


class Reporter:
    """Read what an error carries, and know every secret."""

    def __init__(self, authority: Emulator) -> None:
        self.secrets: set[str] = {KEY.decode(), OTHER_KEY.decode(), KEY.hex(), OTHER_KEY.hex()}
        for endpoint in ("token", "devicecode"):
            authority.faults.always(endpoint, Edit(self._note))

    def _note(self, content: dict[str, object]) -> None:
        self.secrets |= {value for name in SECRET_FIELDS if isinstance(value := content.get(name), str)}

    def found(self, error: object) -> list[str]:
        """Return where an error carries a secret: frames' locals and the error's own texts."""
        leaks: list[str] = []
        if not isinstance(error, BaseException):
            return leaks
        for link in chain(error):
            leaks += self._in(f"{link!r} {link} {vars(link)!r}", type(link).__name__)
            for frame, line in traceback.walk_tb(link.__traceback__):
                if is_own(frame):
                    for name, value in frame.f_locals.items():
                        leaks += self._in(repr(value), f"{frame.f_code.co_name}:{line} {name}")
        return leaks

    def _in(self, text: str, place: str) -> list[str]:
        return [place for secret in self.secrets if secret[4:-4] in text]


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it wraps, suppressed or not."""
    seen: dict[int, BaseException] = {}
    todo: list[BaseException | None] = [error]
    while todo:
        link = todo.pop()
        if link is not None and id(link) not in seen:
            seen[id(link)] = link
            todo += [link.__cause__, link.__context__]
    yield from seen.values()


def is_own(frame: FrameType) -> bool:
    """Return whether a frame is not the program's: this package's, or below it."""
    return "tests" not in Path(frame.f_code.co_filename).parts


@pytest.fixture
def reporter(authority: Emulator) -> Reporter:
    """Give what reads errors."""
    return Reporter(authority)


@pytest.fixture
def options(tmp_path: Path) -> TokenCachePersistenceOptions:
    """Give a cache that the program's own key seals."""
    return TokenCachePersistenceOptions(encryption_key=KEY, path=tmp_path / "c")


@pytest.fixture
def with_another_key(tmp_path: Path) -> TokenCachePersistenceOptions:
    """Give the same cache, to be read with another key."""
    return TokenCachePersistenceOptions(encryption_key=OTHER_KEY, path=tmp_path / "c")


def test_the_reporter_finds_secrets(authority: Emulator, reporter: Reporter) -> None:
    """The check can fail: a frame that holds a secret is found, by what stands in it and by what its error wraps."""
    assert reporter.found(outcome(lambda: namespace["leak"](KEY))) == ["leak:2 key"]


namespace: dict[str, Any] = {}
exec(compile("def leak(key):\n    raise ValueError\n", "/elsewhere/leak.py", "exec"), namespace)  # noqa: S102 - a frame of another file


def test_a_wrong_key(make: Any, reporter: Reporter, options: Any, with_another_key: Any) -> None:
    """Neither the one nor the other is in any frame, whatever is asked of the cache."""
    make(cache_persistence_options=options).authenticate(scopes=[SCOPE])
    wrong = make(cache_persistence_options=with_another_key)
    assert isinstance(outcome(lambda: wrong.get_token(SCOPE)), doorcode.CredentialUnavailableError)
    for call in (
        lambda: wrong.get_token(SCOPE),
        wrong.accounts,
        wrong.sign_out,
        lambda: doorcode.cache.accounts(with_another_key),
    ):
        assert reporter.found(outcome(call)) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt(), RuntimeError("x")], ids=repr)
def test_a_write_that_fails(
    make_sync: Any, reporter: Reporter, options: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Signing out while the file cannot be written, or while the user presses Ctrl-C."""
    credential = make_sync(cache_persistence_options=options)
    credential.authenticate(scopes=[SCOPE])
    (account,) = doorcode.cache.accounts(options)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(os, "replace", fail)
    monkeypatch.setattr(os, "fsync", fail)
    if isinstance(error, Exception):  # the file of the only account is removed where it cannot be written
        monkeypatch.setattr(os, "unlink", fail)
    for call in (credential.sign_out, lambda: doorcode.cache.sign_out(account, options)):
        ended = outcome(call)
        assert isinstance(ended, BaseException)
        assert reporter.found(ended) == []


WRONG_TEXT: dict[str, Callable[[str], Any]] = {
    "cut off": lambda text: text[:-1],
    "with more behind": lambda text: f"{text}x",
    "another version": lambda text: json.dumps({**json.loads(text), "version": "9"}),
    "another application": lambda text: json.dumps({**json.loads(text), "client_id": "x"}),
    "another tenant": lambda text: json.dumps({**json.loads(text), "tenant_id": "fabrikam.example"}),
    "no scopes": lambda text: json.dumps({**json.loads(text), "scopes": []}),
    "a wrong address": lambda text: json.dumps({**json.loads(text), "verification_uri": "http://evil.example"}),
    "bytes": lambda text: text.encode(),
    "bytes that are no UTF-8": lambda text: b"\xff" + text.encode(),
}


@pytest.mark.parametrize("wrong", WRONG_TEXT.values(), ids=WRONG_TEXT)
def test_resuming_with_a_wrong_text(make: Any, reporter: Reporter, wrong: Callable[[str], Any]) -> None:
    """The text holds the device code."""
    text = make().begin(scopes=[SCOPE]).serialize()
    ended = outcome(lambda: make(additionally_allowed_tenants=[]).resume(wrong(text)))
    assert reporter.found(ended) == []


def test_refusals(make: Any, make_sync: Any, authority: Emulator, reporter: Reporter) -> None:
    """A refused refresh, a declined code, a page in the place of a reply, a callback and a hook that raise."""

    def broken(*_: object) -> None:
        message = "broken"
        raise RuntimeError(message)

    def ignore(*_: object) -> None:
        """Show nothing."""

    credential = make()
    credential.authenticate(scopes=[SCOPE])
    authority.faults.queue("token:refresh_token", Html(200), Refuse("invalid_grant", 50173, "No."), Reset())
    authority.faults.queue("token:device_code", Decline())
    for _ in range(3):
        assert reporter.found(outcome(lambda: credential.get_token("https://t.example/.default"))) == []
    for wrong in (
        make(prompt_callback=broken),
        make(raw_response_hook=broken),
        make(timeout=0.1, prompt_callback=print),
    ):
        assert reporter.found(outcome(lambda: wrong.get_token(SCOPE))) == []  # noqa: B023 - called at once
    pending = make_sync(prompt_callback=None).begin(scopes=[SCOPE])
    authority.faults.queue("token:device_code", Refuse("invalid_grant", 50020, "No."))
    assert reporter.found(outcome(lambda: pending.wait(timeout=PATIENCE))) == []


@pytest.mark.parametrize(
    "given",
    [
        {"encryption_key": KEY + b"x"},
        {"encryption_key": KEY.decode()},
        {"encryption_key": KEY, "name": ""},
        {"encryption_key": KEY, "path": 3},
        {"encryption_key": KEY, "pth": "x"},
        {"encryption_key": KEY, "store": object()},
    ],
)
def test_options_that_are_refused(reporter: Reporter, given: dict[str, Any]) -> None:
    """The key is in no frame, and the half-made options can be shown."""
    assert reporter.found(outcome(lambda: TokenCachePersistenceOptions(**given))) == []


def test_the_program_keeps_its_own_frames(make: Any) -> None:
    """What a callback of the program's had in its locals is still there for a debugger."""

    def callback(*_: object) -> None:
        precious = "kept"
        raise RuntimeError(precious)

    ended: Any = outcome(lambda: make(prompt_callback=callback).get_token(SCOPE))
    found = [frame.f_locals for frame, _ in traceback.walk_tb(ended.__cause__.__traceback__)]
    assert found[-1]["precious"] == "kept"


def test_what_the_program_raised_of_its_text_stays() -> None:
    """A parsing error of the program's own code is not dropped, and what is dropped leaves the words as they were."""

    @_frames.clears_frames
    def ours() -> None:
        try:
            json.loads("{" + KEY.decode())
        except ValueError as error:
            raise LookupError("the program's") from error

    ended: Any = outcome(ours)
    assert isinstance(ended.__cause__, json.JSONDecodeError)


def test_what_still_runs_is_passed_over() -> None:
    """A frame that is running cannot be cleared, and nothing comes of the attempt."""
    frame = sys._getframe()
    _frames._clear(frame)
    assert frame is sys._getframe()


# -- failures at any step


class Interrupted(KeyboardInterrupt):
    """Ctrl-C at a chosen step."""


def interrupted_at(step: int, work: Callable[[], object]) -> tuple[int, object]:
    """Do something, and raise when it calls the given one of this package's functions; return the count and the end."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        file = Path(frame.f_code.co_filename)
        # What is raised while a generator is being closed goes nowhere.
        plain = event == "call" and not frame.f_code.co_flags & inspect.CO_GENERATOR
        if plain and file.is_relative_to(OWN) and file.stem != "_frames":
            count += 1
            if count == step:
                raise Interrupted

    before = sys.gettrace()  # that of a coverage run
    sys.settrace(trace)
    try:
        # In a context of its own: what is interrupted between two lines of a clean-up stays set there.
        ended = outcome(lambda: contextvars.copy_context().run(work))
    finally:
        sys.settrace(before)
    return count, ended


def operations(make: Any, options: Any) -> dict[str, Callable[[], object]]:
    """Return the public operations that a secret passes through."""
    signed_in = make(cache_persistence_options=options)
    signed_in.authenticate(scopes=[SCOPE])
    text = make().begin(scopes=[SCOPE]).serialize()
    return {
        "get_token": lambda: make(cache_persistence_options=options).get_token(SCOPE),
        "refresh": lambda: make(cache_persistence_options=options).get_token("https://t.example/.default"),
        "accounts": lambda: make(cache_persistence_options=options).accounts(),
        "cache.accounts": lambda: doorcode.cache.accounts(options),
        "sign_in": lambda: make().get_token(SCOPE),
        "resume": lambda: make().resume(text),
        "poll": lambda: make().resume(text).poll(),
        "options": lambda: TokenCachePersistenceOptions(encryption_key=KEY),
        "sign_out": lambda: make(cache_persistence_options=options).sign_out(),
    }


@pytest.mark.parametrize(
    "name",
    ["get_token", "refresh", "accounts", "cache.accounts", "sign_in", "resume", "poll", "options", "sign_out"],
)
def test_ctrl_c_at_any_step(make_sync: Any, reporter: Reporter, options: Any, name: str) -> None:
    """Wherever the user interrupts an operation, no frame of ours keeps a secret."""
    work = operations(make_sync, options)[name]
    steps, _ = interrupted_at(0, work)
    assert steps
    for step in sorted({*range(1, min(steps, 12)), *range(1, steps, max(1, steps // 40))}):
        _, ended = interrupted_at(step, work)
        assert reporter.found(ended) == [], step


# -- half-made objects


def full_name(cls: Any) -> str:
    """Return where a class is, and its name."""
    return f"{cls.__module__}.{cls.__qualname__}"


PYTHONS = (object.__repr__, BaseException.__repr__)


def classes() -> Iterator[Any]:
    """Yield the classes of this package that have a repr of their own; click's is click's."""
    for found in pkgutil.walk_packages([str(OWN)], "doorcode."):
        if "emulator" in found.name or found.name.endswith("__main__"):
            continue
        for value in vars(import_module(found.name)).values():
            own = inspect.isclass(value) and value.__module__ == found.name
            if own and not issubclass(value, (click.Command, click.ParamType)) and value.__repr__ not in PYTHONS:
                yield value


@pytest.mark.parametrize("cls", sorted(set(classes()), key=full_name), ids=full_name)
def test_the_repr_of_what_is_half_made(cls: Any) -> None:
    """An object whose constructor failed is in the constructor's frame: it can be shown, too."""
    try:
        half = cls.__new__(cls)
    except TypeError:
        return  # it cannot be half-made: tuples, enumerations, abstract classes
    assert repr(half)
