"""A program's code that runs inside a request and asks for a token: it is told at once, or gets a valid one."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from doorcode import errors
from doorcode._session.nesting import StoreUse, held, holding
from doorcode.cache import Conflict, Loaded, TokenCachePersistenceOptions
from doorcode.cache._token_cache import NoLease
from doorcode.emulator import Emulator, ServerError
from support.signing import GRACE, OTHER, PATIENCE, SCOPE, outcome, start


class Asking(logging.Handler):
    """Ask for a token for each record, as a handler does that sends records to a service; never within itself."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.ask: Callable[[], object] = lambda: None
        self.answers: list[Any] = []
        self._busy = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Ask."""
        if self._busy.acquire(blocking=False):
            try:
                self.answers.append(outcome(self.ask))
            finally:
                self._busy.release()


@pytest.fixture
def handler() -> Iterator[Asking]:
    """Put such a handler on the root logger at INFO."""
    root = logging.getLogger()
    asking = Asking()
    before = root.level
    root.addHandler(asking)
    root.setLevel(logging.INFO)
    yield asking
    root.removeHandler(asking)
    root.setLevel(before)


def refused(answers: list[Any]) -> list[Any]:
    """Return the answers that say that the call would wait for itself."""
    return [answer for answer in answers if "would wait for itself" in str(answer)]


def test_a_log_handler_in_a_sign_in(make_sync: Any, handler: Asking) -> None:
    """Records of its own requests reach the handler in the request's thread; the sign-in ends all the same."""
    credential = make_sync()
    handler.ask = lambda: credential.get_token(SCOPE)
    assert start(lambda: credential.get_token(SCOPE)).result(PATIENCE).token
    assert refused(handler.answers)
    assert all(isinstance(each, errors.AuthenticationFailedError) for each in refused(handler.answers))
    assert len(make_sync.approver.prompts) == 1


def test_a_log_handler_in_a_refresh(make_sync: Any, handler: Asking) -> None:
    """The same scopes would wait for itself; a token that is there is handed out."""
    credential = make_sync()
    first = credential.get_token(SCOPE)
    handler.ask = lambda: (credential.get_token(SCOPE), outcome(lambda: credential.get_token(OTHER)))
    assert start(lambda: credential.get_token(OTHER)).result(PATIENCE).token
    during = [answer for answer in handler.answers if isinstance(answer, tuple)]
    assert {answer[0] for answer in during} == {first}
    assert refused([answer[1] for answer in during])
    assert len(make_sync.approver.prompts) == 1


def test_a_log_handler_while_a_valid_token_is_renewed(
    make_sync: Any, authority: Emulator, handler: Asking, shift: Any
) -> None:
    """Past ``refresh_on`` whoever asks inside the refresh gets the token that is still valid."""
    authority.configure(refresh_in=60)
    credential = make_sync()
    first = credential.get_token(SCOPE)
    authority.faults.always("token:refresh_token", ServerError(503))
    shift(61)
    handler.answers.clear()
    handler.ask = lambda: credential.get_token(SCOPE)
    assert start(lambda: credential.get_token(SCOPE)).result(PATIENCE) == first
    assert set(handler.answers) == {first}


@pytest.mark.parametrize("hook", ["raw_request_hook", "raw_response_hook"])
def test_a_hook(make: Any, hook: str) -> None:
    """So does a hook of the pipeline's, whose error then is the program's own."""
    answers: list[Any] = []

    def asks(_: object) -> None:
        answers.append(outcome(lambda: credential.get_token(SCOPE)))

    credential = make(**{hook: asks})
    assert start(lambda: credential.get_token(SCOPE)).result(PATIENCE).token
    assert len(refused(answers)) == len(answers) > 0


def test_another_account_of_the_same_cache(
    make_sync: Any, authority: Emulator, handler: Asking, tmp_path: Path
) -> None:
    """Another credential of the same store would wait for the lease that the outer refresh holds."""
    store = TokenCachePersistenceOptions(encryption_key=bytes(32), path=str(tmp_path / "cache"))
    first, second = (make_sync(cache_persistence_options=store, use_cached_account=False) for _ in range(2))
    first.authenticate(scopes=[SCOPE])
    make_sync.person = GRACE
    second.authenticate(scopes=[SCOPE])
    handler.answers.clear()
    handler.ask = lambda: second.get_token(OTHER)
    assert start(lambda: first.get_token(OTHER)).result(PATIENCE).token
    assert refused(handler.answers)


def test_a_warning_about_a_cache(make_sync: Any, handler: Asking, tmp_path: Path) -> None:
    """A warning that is logged while a cache's locks are held stops no call either."""
    (tmp_path / "file").touch()
    store = TokenCachePersistenceOptions(encryption_key=bytes(32), path=str(tmp_path / "file" / "below"))
    credential = make_sync(cache_persistence_options=store)
    handler.ask = lambda: credential.get_token(SCOPE)
    assert not isinstance(start(lambda: outcome(lambda: credential.get_token(SCOPE))).result(PATIENCE), TimeoutError)


class AskingStore:
    """A store in memory; some of its methods ask for something before they do their work."""

    encrypted = True

    def __init__(self, *methods: str) -> None:
        self.ask: Callable[[], object] = lambda: None
        self.answers: list[Any] = []
        self._methods = methods
        self._data: bytes | None = None
        self._version = 0

    def load(self) -> Loaded:
        """Return the content."""
        self._called("load")
        return Loaded(self._data, str(self._version))

    def save(self, data: bytes, expected: object) -> str | Conflict:
        """Replace the content."""
        self._called("save")
        if expected != str(self._version):
            return Conflict(self._data, str(self._version))
        self._data, self._version = data, self._version + 1
        return str(self._version)

    def delete(self) -> None:
        """Remove the content."""
        self._data, self._version = None, self._version + 1

    def stamp(self) -> str:
        """Return the number of writes."""
        self._called("stamp")
        return str(self._version)

    def lease(self, name: str, seconds: float) -> NoLease:
        """Grant any lease."""
        del name, seconds
        self._called("lease")
        return NoLease()

    def describe(self) -> str:
        """Return which store it is."""
        return "the asking store"

    def _called(self, method: str) -> None:
        if method in self._methods:
            self.answers.append(outcome(self.ask))


@pytest.mark.parametrize("call", ["get_token", "begin"])
@pytest.mark.parametrize("method", ["load", "save", "stamp", "lease"])
def test_a_store(make: Any, method: str, call: str) -> None:
    """A store that asks the credential that calls it gets an error; another credential is not concerned."""
    store, other = AskingStore(method), make()
    credential = make(cache_persistence_options=TokenCachePersistenceOptions(store=store))
    calls = {"get_token": lambda each: each.get_token(OTHER), "begin": lambda each: each.begin(scopes=[OTHER])}
    store.ask = lambda: calls[call](credential)
    assert start(lambda: credential.get_token(SCOPE)).result(PATIENCE).token
    assert len(refused(store.answers)) == len(store.answers) > 0
    store.answers.clear()
    store.ask = lambda: other.get_token(OTHER).token
    assert start(lambda: credential.get_token(OTHER)).result(PATIENCE).token
    assert refused(store.answers) == []


def test_ctrl_c_at_the_end_of_a_use_of_the_store(make_sync: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that ended in this way is not taken for one that goes on, further up the same thread."""
    credential = make_sync(cache_persistence_options=TokenCachePersistenceOptions(store=AskingStore()))
    context = contextvars.copy_context()

    def interrupt(*arguments: object) -> None:
        del arguments  # Python has not begun to run it then, so that its frame holds nothing
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StoreUse, "__exit__", interrupt)
        with pytest.raises(KeyboardInterrupt):
            context.run(credential.get_token, SCOPE)
    assert context.run(credential.get_token, SCOPE).token


def test_a_function_that_returns_the_key(make: Any, tmp_path: Path) -> None:
    """It is called while the cache is opened, and asks the credential whose cache that is."""
    answers: list[Any] = []

    def key() -> bytes:
        answers.append(outcome(lambda: credential.get_token(SCOPE)))
        return bytes(32)

    store = TokenCachePersistenceOptions(encryption_key=key, path=str(tmp_path / "cache"))
    credential = make(cache_persistence_options=store)
    assert start(lambda: credential.get_token(SCOPE)).result(PATIENCE).token
    assert len(refused(answers)) == len(answers) > 0


def test_after_it(make_sync: Any, handler: Asking) -> None:
    """What was refused inside is had afterwards, also by threads and tasks that were begun inside."""
    credential = make_sync()
    later: list[Any] = []
    go = threading.Event()

    def begin() -> None:
        if not later:
            later.append(start(lambda: go.wait(PATIENCE) and credential.get_token(OTHER)))

    handler.ask = begin
    first = credential.get_token(SCOPE)
    go.set()
    assert later[0].result(PATIENCE).token
    assert credential.get_token(SCOPE) == first


def test_a_sign_in_in_two_steps(make_sync: Any, authority: Emulator, handler: Asking) -> None:
    """Waiting inside one's own poll is refused; looking inside it sends nothing."""
    pending = make_sync().begin(scopes=[SCOPE])
    authority.approve(pending.user_code)
    handler.answers.clear()
    handler.ask = lambda: (pending.poll(), outcome(pending.wait))
    assert start(lambda: pending.wait(PATIENCE)).result(PATIENCE).username
    assert (None, True) in [(answer[0], "wait for itself" in str(answer[1])) for answer in handler.answers]
    assert authority.count("token") == 1


def test_a_log_handler_when_the_code_of_two_steps_has_expired(make_sync: Any, handler: Asking) -> None:
    """The record that says so reaches the handler inside a poll; a poll there raises the same error."""
    credential = make_sync()
    fields = json.loads(credential.begin(scopes=[SCOPE]).serialize())
    pending = credential.resume(json.dumps({**fields, "expires_on": fields["expires_on"] - fields["expires_in"]}))
    handler.answers.clear()
    handler.ask = pending.poll
    assert isinstance(start(lambda: outcome(pending.wait)).result(PATIENCE), errors.CodeExpiredError)
    assert isinstance(handler.answers[-1], errors.CodeExpiredError)


def test_a_log_handler_that_is_called_from_elsewhere(make_sync: Any, handler: Asking) -> None:
    """A handler holds its lock, so what its request logs reaches nobody in another thread: it is made in this one."""
    credential = make_sync()
    credential.get_token(SCOPE)
    handler.answers.clear()
    handler.ask = lambda: credential.get_token(OTHER)
    start(lambda: logging.getLogger("program").info("anything")).result(PATIENCE)
    assert handler.answers[0].token


def test_a_task_that_is_destroyed() -> None:
    """What a coroutine held that the garbage collector ends, in whatever context that runs, is nobody's trouble."""

    async def waits() -> None:
        with holding("a flight"):
            await asyncio.Future()

    async def begin() -> None:
        coroutine.send(None)

    coroutine = waits()
    contextvars.copy_context().run(asyncio.run, begin())
    coroutine.close()
    assert held() == frozenset()
