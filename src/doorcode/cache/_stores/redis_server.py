"""Calls to a Redis server that end in time, even if the server or the network hangs."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from doorcode import _clock
from doorcode._core.display import safe_repr
from doorcode.cache._errors import StoreError
from doorcode.cache._stores.redis_address import checked_server, has_secret, open_client, place_of, secrets_of
from doorcode.cache._stores.redis_errors import hinders_reading, is_passing, store_error

__all__ = ["RedisServer"]

T = TypeVar("T")

_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.25
"""Seconds between two attempts; each pause is twice as long as the one before."""


class RedisServer:
    """Call a server. Thread-safe, and usable in a forked child.

    A call that loses its connection, or meets a failover, is repeated until its time is over: all calls of the store
    may be repeated. After a call has failed, further calls fail at once for the same time again, so that a flow with
    many calls does not wait for each of them.

    Args:
        server: a URL, a client of redis-py, or a function that returns one of them; called in each process.
        timeout: seconds that a call may take.

    Raises:
        TypeError: the server is named by something else.
        ValueError: the URL or the client cannot be used.
    """

    def __init__(self, server: object, timeout: float) -> None:
        self._given = checked_server(server)
        self.timeout = timeout
        self._start()

    def _start(self) -> None:
        self._client: object = None
        self._pid = os.getpid()
        self._secrets: tuple[str, ...] = secrets_of(self._given)
        self._place = "Redis" if _is_function(self._given) else place_of(self._given)
        self._unavailable: dict[bool, tuple[float, str]] = {}

    @property
    def place(self) -> str:
        """Return where the server is, as text for the user."""
        return self._place

    def call(self, work: Callable[[Any], T], *, writes: bool, repeats: bool = True, key: str = "") -> T:
        """Call a function with the client, and return its result.

        Args:
            work: takes the client.
            writes: whether the function writes, so that a server that is read-only at present cannot serve it.
            repeats: whether it may be done again from its start.
            key: the key that it is about, for messages.

        Raises:
            StoreError: it failed, or did not end in time.
            ModuleNotFoundError: redis-py is not installed.
        """
        until, why = self._unavailable.get(writes, (0.0, ""))
        now = _clock.monotonic()
        if now < until:
            raise StoreError(why, where=self._place)
        failures: list[Exception] = []
        attempt = _Attempt(lambda: self._repeated(work, failures, now + self.timeout, repeats=repeats))
        error = attempt.wait(self.timeout)
        if error is None:
            self._unavailable.pop(writes, None)
            return attempt.result
        if isinstance(error, ModuleNotFoundError):
            raise error
        # The last attempt may have been cut off; the error of the one before says more.
        raise self._failed(failures[-1] if failures else error, key)

    def error(self, error: Exception, key: str) -> StoreError:
        """Return the error to raise for one of several replies that redis-py returned together.

        Args:
            error: the exception that it returned for this reply.
            key: the key that the reply was about.
        """
        return store_error(error, self._place, self._secrets, key)

    def _failed(self, error: Exception, key: str) -> StoreError:
        failed = self.error(error, key)
        if is_passing(error):
            pause = _clock.monotonic() + self.timeout, str(failed)
            self._unavailable[True] = pause
            if hinders_reading(error):
                self._unavailable[False] = pause
        return failed

    @safe_repr
    def __repr__(self) -> str:
        return f"<RedisServer: {self._place}>"

    def __getstate__(self) -> dict[str, object]:
        if has_secret(self._given):
            raise TypeError(
                "a store whose Redis URL has a password in it cannot be pickled, because the password would be in the "
                "pickle; pass a module-level function that returns the URL"
            )
        if not isinstance(self._given, str) and not _is_function(self._given):
            raise TypeError(
                "a store with a Redis client cannot be pickled, because connections do not travel; pass the URL, or a "
                "module-level function that returns the client"
            )
        return {"given": self._given, "timeout": self.timeout}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._given, self.timeout = state["given"], state["timeout"]
        self._start()

    def _repeated(self, work: Callable[[Any], T], failures: list[Exception], until: float, *, repeats: bool) -> T:
        pause = _FIRST_PAUSE
        while True:
            try:
                return work(self._opened())
            except Exception as error:
                failures.append(error)
                if not repeats or not is_passing(error) or _clock.monotonic() + pause >= until:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _opened(self) -> Any:
        if self._pid != os.getpid():  # the connections are the parent's
            self._client, self._pid = None, os.getpid()
        client = self._client
        if client is None:
            client, ours = open_client(self._given, self.timeout)
            self._client = client
            if ours:  # else its connections stay open until something finds that they are garbage, which is a warning
                weakref.finalize(self, client.close)
            if _is_function(self._given):
                self._secrets, self._place = secrets_of(client), place_of(client)
        return client


class _Attempt(Generic[T]):
    """Work in a daemon thread, so that its caller can go on without it: looking up a name has no time limit."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._done = threading.Event()
        self._result: list[T] = []
        self._error: Exception | None = None
        try:
            threading.Thread(target=self._run, name="doorcode-redis", daemon=True).start()
        except RuntimeError:  # no further thread can be had
            self._run()

    @property
    def result(self) -> T:
        """Return the result of work that has ended well."""
        return self._result[0]

    def wait(self, timeout: float) -> Exception | None:
        """Wait until it has ended; return its error, TimeoutError after so many seconds, or None."""
        if not self._done.wait(timeout):
            return TimeoutError()
        error, self._error = self._error, None
        return error

    def _run(self) -> None:
        try:
            self._result.append(self._work())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self._error = error
        self._done.set()


def _is_function(given: object) -> bool:
    return callable(given)
