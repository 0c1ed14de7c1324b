"""Credentials cross processes: by pickle, and by fork."""

from __future__ import annotations

import copy
import io
import os
import pickle
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import msal
import pytest
from azure.core.credentials import AccessToken

from doorcode import AuthenticationRequiredError, DeviceCodeCredential, TokenCachePersistenceOptions
from doorcode._entra.ending_threads import note_end
from doorcode.emulator import Emulator
from support.signing import OTHER, PATIENCE, SCOPE, outcome, start


def a_callback(*_: object) -> None:
    """Be found by name."""


def test_options_and_record_travel(make: Any) -> None:
    """A copy has the options and the account, and no token."""
    credential = make(prompt_callback=a_callback, timeout=5, disable_automatic_authentication=True)
    own = getattr(credential, "credential", credential)
    duplicate = pickle.loads(pickle.dumps(own))  # noqa: S301 - our own
    assert type(duplicate) is type(own)
    assert (duplicate._timeout, duplicate._prompt_callback) == (5, a_callback)
    assert duplicate._session.config == own._session.config
    assert (duplicate._memory, duplicate._session.record) == ({}, None)


def test_a_copy_signs_in_by_itself(make_sync: Any, authority: Emulator) -> None:
    """A copy of a credential that is signed in knows whose it is, and may not ask if the original may not."""
    authority.approve_all()
    credential = make_sync(prompt_callback=a_callback, disable_automatic_authentication=True)
    record = credential.authenticate(scopes=[SCOPE])
    with pickle.loads(pickle.dumps(credential)) as duplicate:  # noqa: S301 - our own
        with pytest.raises(AuthenticationRequiredError):
            duplicate.get_token(SCOPE)
        assert duplicate.authenticate(scopes=[SCOPE]) == record
        assert duplicate.get_token(SCOPE).token


def test_a_callback_without_a_name(make: Any) -> None:
    """What pickle cannot take, a lambda as callback, is pickle's own error; a pickler that can take it does."""
    credential = make(prompt_callback=lambda *_: None)
    own = getattr(credential, "credential", credential)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError), match="lambda"):
        pickle.dumps(own)
    duplicate = pickle.loads(dumped_with_functions(own))  # noqa: S301 - our own
    assert duplicate._prompt_callback is FUNCTIONS[0]
    assert duplicate._session.config == own._session.config


FUNCTIONS: list[Any] = []


def function_at(index: int) -> Any:
    """Return a function that was put aside."""
    return FUNCTIONS[index]


class AnyFunction(pickle.Pickler):
    """Take functions without a name too, as cloudpickle, dill and others do."""

    def reducer_override(self, value: Any) -> Any:
        """Put a lambda aside, and pickle where it is."""
        if getattr(value, "__name__", None) != "<lambda>":
            return NotImplemented
        FUNCTIONS[:] = [value]
        return function_at, (0,)


def dumped_with_functions(value: object) -> bytes:
    """Pickle something with such a pickler."""
    stream = io.BytesIO()
    AnyFunction(stream).dump(value)
    return stream.getvalue()


class Screen:
    """A program's window, which cannot be copied."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def show(self, *_: object) -> None:
        """Show nothing."""


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_a_copy_shares_no_session(make: Any, copied: Callable[[Any], Any]) -> None:
    """A copy has the options and the account, and no token; what the program gave is the same object in both."""
    show = Screen().show
    key = TokenCachePersistenceOptions(encryption_key=bytes(32))
    credential = make(prompt_callback=show, timeout=5, cache_persistence_options=key, _cache=msal.TokenCache())
    own = getattr(credential, "credential", credential)
    own.notes = {"a": ["b"]}
    duplicate = copied(own)
    assert type(duplicate) is type(own)
    assert (duplicate._prompt_callback, duplicate._timeout) == (show, 5)
    assert duplicate._session is not own._session
    assert duplicate._session.config is own._session.config
    assert duplicate._memory is duplicate._session.memory is not own._memory
    assert (duplicate.notes == own.notes, duplicate.notes is own.notes) == (True, copied is copy.copy)


def test_a_copy_keeps_the_account(make_sync: Any) -> None:
    """A copy knows whose it is, and what is signed out in it stays signed in in the original."""
    credential = make_sync()
    record = credential.authenticate(scopes=[SCOPE])
    duplicate = copy.deepcopy({"one": credential, "same": credential})
    assert duplicate["one"] is duplicate["same"]
    assert duplicate["one"]._session.record == record
    duplicate["one"].sign_out()
    assert credential.get_token(SCOPE).token


def test_it_can_be_pickled_at_any_time(make: Any) -> None:
    """After sign-ins, with connections and caches open."""
    credential = make(prompt_callback=None)
    own = getattr(credential, "credential", credential)
    own._session.application  # noqa: B018 - it opens what cannot be pickled
    own._session.cache(cae=False)
    assert pickle.loads(pickle.dumps(own))._session.config.client_id  # noqa: S301 - our own


def test_cache_options_travel(make: Any) -> None:
    """A worker with the same persistent cache is silent."""
    options = TokenCachePersistenceOptions(name="mine", allow_unencrypted_storage=True)
    credential = make.credential_class(cache_persistence_options=options)
    duplicate = pickle.loads(pickle.dumps(credential))  # noqa: S301 - our own
    assert repr(duplicate._session.config.persistence) == repr(options)


def test_a_cache_of_the_programs_own_does_not_travel() -> None:
    """A token cache that the program made is full of secrets and locks: pickling it fails."""
    with pytest.raises(TypeError):
        pickle.dumps(DeviceCodeCredential(_cache=msal.TokenCache()))


def test_a_token_can_be_pickled(make: Any) -> None:
    """Whoever pickles a token itself means to have it, and gets azure-core's class."""
    token = make().get_token(SCOPE)
    duplicate = pickle.loads(pickle.dumps(token))  # noqa: S301 - our own
    assert (type(duplicate), tuple(duplicate)) == (AccessToken, tuple(token))


def in_a_child(work: Callable[[], str]) -> str:
    """Fork, do something in the child, and return what it said, or that it said nothing."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, work().encode())
        except BaseException as exception:  # noqa: BLE001 - it is told to the parent
            os.write(writer, repr(exception).encode())
        finally:
            os._exit(0)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], PATIENCE)
    said = os.read(reader, 100_000).decode() if ready else "nothing"
    os.close(reader)
    if not ready:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return said


needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere no system call tells whether a thread has ended"
)
def test_a_fork_lets_the_threads_of_requests_end() -> None:
    """OpenSSL cleans up at the end of a thread, under a lock that a child which is forked meanwhile never gets."""

    def names_of(frame: FrameType) -> list[str]:
        return [each.f_code.co_name for each, _ in traceback.walk_stack(frame)]

    main = threading.get_ident()
    begun, over = threading.Event(), threading.Event()

    def end_during_the_fork() -> None:
        note_end()
        begun.set()
        while not (over.is_set() or "_let_end" in names_of(sys._current_frames()[main])):
            over.wait(0.001)

    thread = threading.Thread(target=end_during_the_fork)
    thread.start()
    assert begun.wait(PATIENCE)
    child = os.fork()
    if child == 0:
        os._exit(0)
    ended = not Path(f"/proc/self/task/{thread.native_id}").exists()
    over.set()
    os.waitpid(child, 0)
    thread.join()
    assert ended


@needs_fork
def test_a_forked_child_while_a_thread_signs_in(make_sync: Any, authority: Emulator) -> None:
    """A child of a process whose other thread is in mid-flow neither hangs nor disturbs the flow."""
    shown = threading.Event()
    codes: list[str] = []

    def callback(_uri: str, user_code: str, _on: object) -> None:
        codes.append(user_code)
        shown.set()

    credential = make_sync(prompt_callback=callback, disable_automatic_authentication=True)
    call = start(lambda: credential.authenticate(scopes=[SCOPE]))
    assert shown.wait(PATIENCE)
    authority.wait_for("token", 2)
    said = in_a_child(lambda: type(outcome(lambda: credential.get_token(SCOPE))).__name__)
    assert said == "AuthenticationRequiredError"
    authority.approve(codes[0])
    assert call.result(PATIENCE).username
    assert credential.get_token(SCOPE).token


@needs_fork
def test_a_forked_child_of_a_signed_in_process(make_sync: Any, authority: Emulator) -> None:
    """Sign in, then fork: the child uses what is in memory, the refresh token as well, on connections of its own."""
    credential = make_sync(disable_automatic_authentication=True)
    credential.authenticate(scopes=[SCOPE])
    first = credential.get_token(SCOPE).token

    def work() -> str:
        same = credential.get_token(SCOPE).token == first
        return f"{same} {authority.verify(credential.get_token(OTHER).token)['aud']}"

    assert in_a_child(work) == "True https://s.example"
    assert credential.get_token(OTHER).token
    assert authority.count("devicecode") == 1


IN_CHILDREN: dict[str, Callable[[Any], object]] = {
    "get_token": lambda credential: credential.get_token(OTHER),
    "cancel": lambda credential: credential.cancel(),
    "close": lambda credential: credential.close(),
    "begin": lambda credential: credential.begin(scopes=[SCOPE]),
}
"""What a child does first."""


@needs_fork
@pytest.mark.parametrize("first", IN_CHILDREN)
def test_a_fork_while_locks_are_held(make_sync: Any, first: str) -> None:
    """Whatever lock another thread held at the fork, the child's calls go on."""
    credential = make_sync(disable_automatic_authentication=True)
    credential.authenticate(scopes=[SCOPE])
    session = credential._session
    locks = [session._lock, session._opening, session._building, session.flights._lock, session.cache(cae=False)._lock]
    locks += [session.transport._lock]
    for lock in locks:
        lock.acquire()

    def work() -> str:
        IN_CHILDREN[first](credential)
        return str(bool(credential.get_token(OTHER).token))

    try:
        assert in_a_child(work) == "True"
    finally:
        for lock in locks:
            lock.release()


def test_a_second_thread_of_a_child_waits_for_new_locks(make_sync: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads of a child use the credential at once: neither takes a lock that a thread of the parent held."""
    session = make_sync()._session
    old, renewing, go, asking = session._lock, threading.Event(), threading.Event(), threading.Event()
    monkeypatch.setattr(session.account, "after_fork", lambda: renewing.set() or go.wait(PATIENCE))
    monkeypatch.setattr(session, "_pid", 0)

    def second() -> bool:
        asking.set()
        session.after_fork()
        return go.is_set() and session._lock is not old

    calls = [start(session.after_fork)]
    assert renewing.wait(PATIENCE)
    seen = start(second)
    assert asking.wait(PATIENCE)
    go.set()
    assert seen.result(PATIENCE)
    assert calls[0].result(PATIENCE) is None
