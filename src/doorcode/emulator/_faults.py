"""Faults that a test queues per endpoint: replies that are replaced, delayed, lost or edited."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, cast, final

from doorcode.emulator._errors import EntraError
from doorcode.emulator.authority.settings import check_int
from doorcode.emulator.endpoints.routes import check_endpoint

Json = dict[str, object]

_FIRST_STATUS: Final = 100
_LAST_STATUS: Final = 599
_DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class Pass:
    """Let one request through, for sequences such as ``Reset(), Pass(), Reset()``."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer any request with exactly this reply; the request changes nothing at the authority."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        """Check the status.

        Raises:
            TypeError: it is no int.
            ValueError: it is none of HTTP (RFC 9110 15).
        """
        check_int("status", self.status, _LAST_STATUS, _FIRST_STATUS)


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """Answer with an error of the authority; the request changes nothing at the authority."""

    error: EntraError
    extra: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Latency:
    """Wait this many seconds, then apply the fault ``then``."""

    seconds: float
    then: Fault = field(default_factory=Pass)

    def __post_init__(self) -> None:
        """Check the time.

        Raises:
            TypeError: it is no number.
            ValueError: it is negative, NaN, or more than a day.
        """
        if isinstance(self.seconds, bool) or not isinstance(cast("object", self.seconds), (int, float)):
            raise TypeError(f"seconds must be a number, not {type(self.seconds).__name__}")
        if not 0 <= self.seconds <= _DAY:
            raise ValueError(f"seconds must be from 0 to {_DAY}")


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the TCP connection (RST) instead of answering; the request changes nothing at the authority."""


@dataclass(frozen=True, slots=True)
class LostReply:
    """Process the request, then reset the connection, so that the client gets no reply."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer; the connection stays open until the client or the emulator closes it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Answer as usual, after ``change`` has changed the JSON object in place or returned another one."""

    change: Callable[[Json], Json | None]


Fault = Pass | Reply | ErrorReply | Latency | Reset | LostReply | Hang | Edit


@final
class Faults:
    """The queued faults of each endpoint; thread-safe.

    Each request uses up one fault of a queue; after the last, the endpoint answers as usual. The most specific name is
    used: ``token:device_code`` before ``token`` before ``*``. A queue takes precedence over `always`.
    """

    def __init__(self) -> None:
        self._queues: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._always: dict[str, Fault] = {}
        self._lock = threading.Lock()

    def queue(self, endpoint: str, *faults: Fault) -> None:
        """Append faults for the next requests to an endpoint."""
        check_endpoint(endpoint)
        with self._lock:
            self._queues[endpoint].extend(faults)

    def always(self, endpoint: str, fault: Fault) -> None:
        """Answer every request to an endpoint with this fault, until `clear`."""
        check_endpoint(endpoint)
        with self._lock:
            self._always[endpoint] = fault

    def clear(self, endpoint: str | None = None) -> None:
        """Forget the faults of one endpoint, or of all."""
        if endpoint is not None:
            check_endpoint(endpoint)
        with self._lock:
            for faults in (self._queues, self._always):
                if endpoint is None:
                    faults.clear()
                else:
                    faults.pop(endpoint, None)

    def left(self, endpoint: str) -> int:
        """Return how many queued faults of an endpoint have not been used."""
        check_endpoint(endpoint)
        with self._lock:
            return len(self._queues[endpoint])

    def take(self, endpoint: str) -> Fault:
        """Return the fault for a request to an endpoint, and use it up; the server calls this."""
        names = (endpoint, endpoint.partition(":")[0], "*")
        with self._lock:
            for name in names:
                if self._queues.get(name):
                    return self._queues[name].popleft()
            return next((self._always[name] for name in names if name in self._always), Pass())
