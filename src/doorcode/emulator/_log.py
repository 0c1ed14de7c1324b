"""Record the requests, and let a test wait for a request without sleeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import final

from doorcode.emulator._wire import Fields, Request
from doorcode.emulator.endpoints.routes import check_endpoint


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request; the ``repr`` shows no secret.

    Args:
        endpoint: its name, such as ``devicecode`` or ``token:device_code``; ``other`` for unknown paths.
        method: the HTTP method.
        path: the path.
        query: the query parameters.
        form: the form fields.
        headers: the headers.
        at: when the request came, in seconds of ``time.monotonic``.
        status: the status of the answer; None before it, and after a fault without an answer (reset, hang).
        answered_at: when the answer was ready, on the same clock.
    """

    endpoint: str
    method: str
    path: str
    query: Fields
    form: Fields
    headers: Fields
    at: float
    status: int | None = None
    answered_at: float | None = None

    @property
    def tenant(self) -> str:
        """Return the first segment of the path: the tenant as the client named it."""
        return self.path.split("/")[1]


@final
@dataclass(slots=True)
class RequestLog:
    """The requests since the last `clear`; thread-safe."""

    _clock: Callable[[], float] = time.monotonic
    _records: list[RequestRecord] = field(default_factory=list[RequestRecord])
    _generation: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def arrived(self, endpoint: str, request: Request) -> tuple[int, int]:
        """Append a request; return the mark to pass to `answered`."""
        with self._changed:
            record = RequestRecord(
                endpoint, request.method, request.path, request.query, request.form, request.headers, self._clock()
            )
            self._records.append(record)
            self._changed.notify_all()
            return self._generation, len(self._records) - 1

    def answered(self, mark: tuple[int, int], status: int) -> None:
        """Record the status of the answer, before the client receives it."""
        generation, index = mark
        with self._changed:
            if generation == self._generation:
                record = self._records[index]
                self._records[index] = replace(record, status=status, answered_at=self._clock())
                self._changed.notify_all()

    def records(self, endpoint: str = "*") -> list[RequestRecord]:
        """Return the requests to an endpoint, oldest first; ``token`` includes every grant, ``*`` everything.

        Raises:
            ValueError: no endpoint has this name.
        """
        check_endpoint(endpoint)
        with self._changed:
            return [record for record in self._records if _is_for(record, endpoint)]

    def clear(self) -> None:
        """Forget every request."""
        with self._changed:
            self._records.clear()
            self._generation += 1

    def wait_for(self, endpoint: str, count: int, timeout: float) -> list[RequestRecord]:
        """Block until an endpoint has received ``count`` requests, and return its requests.

        Raises:
            TimeoutError: fewer requests came within ``timeout`` seconds.
            ValueError: no endpoint has this name.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.records(endpoint)) >= count, timeout):
                message = f"{len(self.records(endpoint))} of {count} requests to {endpoint!r} came in {timeout:g} s"
                raise TimeoutError(message)
            return self.records(endpoint)


def _is_for(record: RequestRecord, endpoint: str) -> bool:
    return endpoint in {"*", record.endpoint} or record.endpoint.startswith(f"{endpoint}:")
