"""MSAL's ``http_client`` over an azure-core pipeline: every request to the authority goes through it.

MSAL receives only successful replies, normalised by ``_core.replies``. All others are raised as
:class:`FailedRequest`, past MSAL's own parsing, logging and HTTP cache.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Generator, Mapping, MutableMapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from azure.core.rest import HttpRequest
from azure.core.utils import CaseInsensitiveDict

from doorcode import _clock, errors
from doorcode._core.flows.limits import RequestLimits
from doorcode._core.json_values import json_object
from doorcode._core.replies.faults import LARGEST_BODY, Endpoint, Fault, RawReply
from doorcode._core.replies.parse import read
from doorcode._core.replies.service_errors import ServiceError
from doorcode._core.values import field, replace, value_class
from doorcode._entra.given_transport import GivenTransport
from doorcode._entra.metadata import AuthorityMetadata
from doorcode._entra.pipeline import BuiltPipeline, body_of, build_pipeline
from doorcode._entra.redaction import proxy_secrets, redacted_text, trace_of
from doorcode._entra.transport_errors import ConnectionSettings, TransportError, fault_of, is_own
from doorcode._entra.worker import ABANDONED, current_worker
from doorcode._log import logger
from doorcode.errors import ErrorRequest, ErrorResponse

_LOGGER: Final = logger(__name__)
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_SAID: Final = (
    "error",
    "error_description",
    "error_codes",
    "error_uri",
    "suberror",
    "claims",
    "timestamp",
    "trace_id",
    "correlation_id",
    "interval",
)


class FailedRequest(Exception):  # noqa: N818 - it carries the authority's answer past MSAL
    """Carry an error reply of the authority, or a fault, past MSAL."""

    def __init__(self, reply: ServiceError | Fault) -> None:
        super().__init__(type(reply).__name__)
        self.reply = reply


@value_class(frozen=True, slots=True)
class Call:
    """The limits and headers for the requests of one call of MSAL.

    Attributes:
        started: when the call began, in monotonic seconds.
        within: seconds from then after which the caller stops waiting.
        repeat: whether the pipeline may repeat a request.
        headers: further headers to send.
    """

    started: float
    within: float
    repeat: bool
    headers: Mapping[str, str]


@value_class(frozen=True, slots=True)
class Success:
    """A successful reply, in the shape that MSAL reads (``msal.oauth2cli.http.Response``)."""

    text: str = field(repr=False)
    status_code: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def raise_for_status(self) -> None:
        """Do nothing: MSAL receives only successful replies."""


class HttpClient:
    """Make MSAL's requests to the authority.

    The pipeline is built for the first request, again after :meth:`close`, and again in a forked child. Thread-safe.

    Args:
        options: the program's options of the azure-core pipeline.
        limits: the time limits that the options set.
        metadata: the cached endpoints of authorities.
        transport: the program's transport, if it passed one; the caller closes it.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        limits: RequestLimits,
        metadata: AuthorityMetadata,
        transport: GivenTransport,
    ) -> None:
        self._options = dict(options)
        self._limits = limits
        self._metadata = metadata
        self._transport = transport
        self._lock = threading.Lock()
        self._local = threading.local()
        self._built: BuiltPipeline | None = None
        self._pid = 0

    @contextmanager
    def limited(self, seconds: float, *, repeat: bool, headers: Mapping[str, str] = NO_HEADERS) -> Generator[None]:
        """Limit the time of the requests that this thread makes inside the block, and add headers to them."""
        outer = getattr(self._local, "call", None)
        self._local.call = Call(_clock.monotonic(), seconds, repeat, headers)
        try:
            yield
        finally:
            self._local.call = outer

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: MutableMapping[str, str] | None = None,
        **_: object,
    ) -> Success:
        """Get metadata; the signature is MSAL's."""
        request = HttpRequest("GET", url, params=params, headers=headers)
        if "/discovery/instance" in url:
            return _as_msal_reads(self._exchange(Endpoint.INSTANCE, request))
        known = self._metadata.recall(request.url)
        if known is None:
            known = self._exchange(Endpoint.DISCOVERY, request)
            self._metadata.found(request.url, known)
        return _as_msal_reads(known)

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str | None] | None = None,
        headers: MutableMapping[str, str] | None = None,
        **_: object,
    ) -> Success:
        """Request a code or a token; the signature is MSAL's."""
        form = {name: value for name, value in (data or {}).items() if value is not None}
        endpoint = Endpoint.TOKEN if "grant_type" in form else Endpoint.DEVICE
        request = HttpRequest("POST", url, params=params, headers=headers, data=form)
        request.headers.update(self._local.call.headers)
        return _as_msal_reads(self._exchange(endpoint, request))

    def cut_abandoned(self) -> None:
        """End abandoned requests, but for those whose reply may be the only one to what works once."""
        ABANDONED.cut_all(self, committed=False)

    def close(self) -> None:
        """Close the transport unless it is the program's; a later request opens a new one."""
        ABANDONED.cut_all(self)
        with self._lock:
            built, self._built = self._built, None
        if built is not None and self._pid == os.getpid() and not self._transport.given:
            built.pipeline.__exit__()

    def _exchange(self, endpoint: Endpoint, request: HttpRequest) -> Mapping[str, object]:
        """Make one request, and return its successful reply, normalised.

        Raises:
            FailedRequest: the authority answered with an error, or no usable reply came.
            AuthenticationFailedError: a policy or hook of the program failed; its error is the cause.
            Exception: doorcode itself failed.
        """
        host = urlsplit(request.url).netloc
        try:
            raw = self._send(endpoint, host, request)
        except Exception as exception:
            fault = fault_of(exception, endpoint, host, self._settings())
            if fault is None and is_own(_cause(exception)):
                raise
            if fault is None:
                raise self._failed(exception) from _cause(exception)
        else:
            return _success(raw, request)
        raise FailedRequest(fault)

    def _failed(self, exception: Exception) -> errors.AuthenticationFailedError:
        """Return the error for a policy or hook of the program that failed, and log where."""
        cause = _cause(exception)
        _LOGGER.debug("A request failed before or after the network\n%s", trace_of(cause))
        words = f"Authentication failed: {type(cause).__name__}: {cause}"
        return errors.AuthenticationFailedError(redacted_text(words, self._settings().secrets))

    def _settings(self) -> ConnectionSettings:
        options = self._options
        verify = options.get("connection_verify")
        if (verify is None or verify is True) and options.get("use_env_settings", True):
            verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        return ConnectionSettings(
            "" if verify is None or isinstance(verify, bool) else str(verify),
            str(options.get("connection_cert") or ""),
            proxy_secrets(options.get("proxies")),
        )

    def _send(self, endpoint: Endpoint, host: str, request: HttpRequest) -> RawReply:
        worker = current_worker()
        if worker is not None:
            worker.begin(self, redeems=endpoint is Endpoint.TOKEN, seen=not self._transport.given)
        built = self._opened()
        response = built.run(request, **self._run_options(endpoint, built.repeats))
        body = body_of(response)
        answer = response.http_response
        headers = {name.lower(): value for name, value in dict(answer.headers or {}).items()}
        _LOGGER.debug("%s answered %s for %s", host, answer.status_code, endpoint.value)
        return RawReply(
            endpoint,
            host,
            answer.status_code,
            headers,
            body[:LARGEST_BODY],
            truncated=len(body) > LARGEST_BODY,
            wall_now=time.time(),
        )

    def _run_options(self, endpoint: Endpoint, repeats: bool) -> dict[str, Any]:  # noqa: FBT001 - named at its only call
        limits, redeems = self._limits, endpoint is Endpoint.TOKEN
        self._local.redeems = redeems
        options: dict[str, Any] = {
            "connection_timeout": limits.connect,
            "read_timeout": limits.redeem if redeems else limits.read,
        }
        worker = current_worker()
        if worker is not None and worker.inline:
            # The caller's own thread makes the request and cannot abandon it, so its time limits do.
            options = {name: max(0.1, min(seconds, self._within())) for name, seconds in options.items()}
        if repeats:
            options["retry_on_methods"] = ["GET", "POST"]
            options["timeout"] = max(0.1, self._left())
            if not self._local.call.repeat:
                options["retry_total"] = 0
        return options

    def _left(self) -> float:
        """Return the seconds left in which the request may be repeated."""
        call: Call = self._local.call
        return min(call.started + self._limits.repeat(redeems=self._local.redeems) - _clock.monotonic(), self._within())

    def _within(self) -> float:
        call: Call = self._local.call
        return call.started + call.within - _clock.monotonic()

    def _opened(self) -> BuiltPipeline:
        with self._lock:
            if self._built is None or self._pid != os.getpid():
                # A forked child must not use its parent's connections.
                self._pid = os.getpid()
                self._transport.used()
                self._built = build_pipeline(self._options, self._left)
            return self._built


def _cause(exception: Exception) -> Exception:
    return exception.error if isinstance(exception, TransportError) else exception


def _as_msal_reads(reply: Mapping[str, object]) -> Success:
    return Success(json.dumps(reply))


def _success(raw: RawReply, request: HttpRequest) -> Mapping[str, object]:
    reply = read(raw)
    if isinstance(reply, Fault):
        raise FailedRequest(reply)
    if isinstance(reply, ServiceError):
        raise FailedRequest(replace(reply, reply=_error_response(raw, request)))
    return reply


def _error_response(raw: RawReply, request: HttpRequest) -> ErrorResponse:
    said = json_object(raw.body)
    body = json.dumps({name: said[name] for name in _SAID if name in said})
    headers = CaseInsensitiveDict(raw.headers)
    return ErrorResponse(raw.status, headers, ErrorRequest(request.method, request.url), body)
