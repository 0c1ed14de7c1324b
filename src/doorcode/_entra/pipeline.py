"""Build the azure-core pipeline of requests to the authority from the program's options."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final, cast

from azure.core.pipeline import Pipeline, PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import (
    CustomHookPolicy,
    DistributedTracingPolicy,
    HeadersPolicy,
    HttpLoggingPolicy,
    HTTPPolicy,
    ProxyPolicy,
    RequestIdPolicy,
    RetryPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.rest import HttpRequest, HttpResponse

from doorcode._core.display import one_line
from doorcode._core.json_values import header_text
from doorcode._core.replies.faults import LARGEST_BODY
from doorcode._core.replies.retry_after import pause_before_repeating
from doorcode._core.values import value_class
from doorcode._entra.transport import AuthorityTransport, prepared, without_netrc
from doorcode._entra.transport_errors import past_the_policies
from doorcode._entra.worker import stop_if_abandoned
from doorcode._lazy import version_of
from doorcode._log import logger
from doorcode.errors import AuthenticationFailedError

_LOGGER: Final = logger(__name__)
_USER_AGENT: Final = "User-Agent"
_LONGEST_HEADER: Final = 1000
"""The most characters of a header to log."""
_BODY: Final = "doorcode_body"
"""The key of a reply's body in its context."""


class TooLongToWaitError(Exception):
    """Carry a reply past the retry policy: another attempt would come too late."""

    def __init__(self, response: PipelineResponse[HttpRequest, HttpResponse]) -> None:
        super().__init__("Retry-After")
        self.response = response


class EachTryPolicy(HTTPPolicy[HttpRequest, HttpResponse]):
    """Check each try of a request before it is sent, and read its reply.

    Without the check, a retry would reach the authority after its call was cancelled. Without the reading, an unread
    reply would keep its connection.

    Args:
        left: returns the seconds left for the request and its retries.
    """

    def __init__(self, left: Callable[[], float]) -> None:
        super().__init__()
        self._left = left
        self._latest = threading.local()

    def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, HttpResponse]:
        """Send the request without a password from ``.netrc``, and read the reply's body up to the size limit.

        Raises:
            Abandoned: the request was abandoned.
            TooLongToWaitError: a retry would come too late.
            TransportError: a retry would end in the same way.
        """
        stop_if_abandoned()
        self.forget()
        request.context.options.update(without_netrc(request.context.transport))
        headers = request.http_request.headers
        if _USER_AGENT in headers:  # parts of it come from the environment and the system
            headers[_USER_AGENT] = header_text(headers[_USER_AGENT])
        try:
            response = checked(self.next.send(request))
            response.context[_BODY] = _read(response)
        except Exception as exception:
            error = past_the_policies(exception)
            if error is exception:
                self._latest.outcome = exception
                raise
            raise error from exception
        reply: Mapping[str, str] = response.http_response.headers or {}
        if pause_before_repeating(reply, time.time()) >= self._left():
            raise TooLongToWaitError(response)
        self._latest.outcome = TooLongToWaitError(response)
        return response

    def forget(self) -> None:
        """Drop the latest attempt of this thread, whose request and reply may hold tokens."""
        self._latest.outcome = None

    def before_pause(self, seconds: float) -> None:
        """Raise what the latest attempt ended with if a pause leaves no time for another one.

        Args:
            seconds: of the pause.

        Raises:
            Exception: the attempt's error, or ``TooLongToWaitError`` with its reply.
        """
        outcome: Exception | None = getattr(self._latest, "outcome", None)
        if outcome is not None and seconds >= self._left():
            raise outcome


def checked(response: PipelineResponse[HttpRequest, HttpResponse]) -> PipelineResponse[HttpRequest, HttpResponse]:
    """Return what the transport or a policy returned, which may be the program's own.

    Raises:
        AuthenticationFailedError: it is no response.
    """
    if not hasattr(getattr(response, "http_response", None), "status_code"):
        words = "Authentication failed: the program's transport= or one of its policies returned no response"
        step = "The method send of a policy must return what self.next.send(request) returned."
        raise AuthenticationFailedError(f"{words}\n{step}")
    return response


def body_of(response: PipelineResponse[HttpRequest, HttpResponse]) -> bytes:
    """Return a reply's body; of a longer body than ``LARGEST_BODY``, at least one byte more than that."""
    body: bytes | None = response.context.get(_BODY)
    return _read(response) if body is None else body


class TracePolicy(SansIOHTTPPolicy[HttpRequest, HttpResponse]):
    """Log requests and replies at DEBUG if ``logging_enable`` is set, as azure-core's policy does, but no bodies.

    The bodies of an authority's requests and replies are codes and tokens.
    """

    def __init__(self, logging_enable: bool = False, **_: object) -> None:  # noqa: FBT001, FBT002 - azure-core's shape
        self._enabled = logging_enable

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        """Log the method and the address."""
        if self._enabled:
            _LOGGER.debug("Request: %s %s", request.http_request.method, request.http_request.url.partition("?")[0])

    def on_response(
        self, request: PipelineRequest[HttpRequest], response: PipelineResponse[HttpRequest, HttpResponse]
    ) -> None:
        """Log the status."""
        if self._enabled:
            _LOGGER.debug("Response: %s for %s", response.http_response.status_code, request.http_request.method)


class HeaderLoggingPolicy(HttpLoggingPolicy):
    """Log requests and replies at INFO as azure-core does, with the authority's headers made safe to show."""

    def on_response(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> None:
        """Log the status and the headers."""
        answer = response.http_response
        headers = {one_line(name, _LONGEST_HEADER): one_line(text, _LONGEST_HEADER) for name, text in _items(answer)}
        shown: Any = SimpleNamespace(status_code=answer.status_code, headers=headers)
        super().on_response(request, PipelineResponse(response.http_request, shown, response.context))


def user_agent() -> str:
    """Return doorcode's User-Agent header."""
    return f"azsdk-python-doorcode/{version_of('doorcode')} Python/{platform.python_version()} ({platform.platform()})"


@value_class(frozen=True, slots=True)
class BuiltPipeline:
    """A pipeline.

    Attributes:
        pipeline: azure-core's.
        each_try: its last policy.
        repeats: whether it has a retry policy that understands the retry options.
    """

    pipeline: Pipeline[HttpRequest, HttpResponse]
    each_try: EachTryPolicy
    repeats: bool

    def run(self, request: HttpRequest, **options: Any) -> PipelineResponse[HttpRequest, HttpResponse]:
        """Send a request, and return the reply to its last attempt."""
        try:
            return checked(self.pipeline.run(request, stream=True, **options))
        except TooLongToWaitError as late:
            return late.response
        finally:
            self.each_try.forget()


def build_pipeline(options: Mapping[str, Any], left: Callable[[], float]) -> BuiltPipeline:
    """Build the pipeline that azure-identity's options describe.

    Args:
        options: ``transport``, ``policies``, ``retry_policy_class`` and the options of azure-core's policies.
        left: returns the seconds left for the request that this thread is making.
    """
    given = dict(options)
    transport = given.pop("transport", None)
    policies: list[Any] | None = given.pop("policies", None)
    retry_policy_class = given.pop("retry_policy_class", None) or RetryPolicy
    per_call = given.pop("per_call_policies", None) or []
    per_retry = given.pop("per_retry_policies", None) or given.pop("_per_retry_policies", None) or []
    if not policies:
        policies = [
            RequestIdPolicy(**given),
            HeadersPolicy(**given),
            UserAgentPolicy(base_user_agent=user_agent(), **given),
            ProxyPolicy(**given),
            *_listed(per_call),
            retry_policy_class(**given),
            *_listed(per_retry),
            CustomHookPolicy(**given),
            TracePolicy(**given),
            DistributedTracingPolicy(**given),
            HeaderLoggingPolicy(**given),
        ]
    repeats = any(isinstance(policy, RetryPolicy) for policy in policies)
    each_try = EachTryPolicy(left)
    transport = prepared(transport or AuthorityTransport(each_try.before_pause, **given))
    return BuiltPipeline(Pipeline(transport, policies=[*policies, each_try]), each_try, repeats)


def _read(response: PipelineResponse[HttpRequest, HttpResponse]) -> bytes:
    answer: Any = response.http_response
    if not isinstance(answer, HttpResponse):
        # Transports of older programs and of tests return azure-core's first generation of responses.
        text: object = answer.text(encoding="utf-8")
        return text.encode() if isinstance(text, str) else b""
    body = bytearray()
    try:
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > LARGEST_BODY:
                break
    finally:
        answer.close()
    # The program's hooks call text() and json(), which a streamed response lacks without this.
    cast("Any", answer)._content = bytes(body)  # noqa: SLF001 - azure-core has no public way
    return bytes(body)


def _items(answer: Any) -> list[tuple[str, str]]:
    return list(dict(answer.headers or {}).items())


def _listed(policies: Any) -> list[Any]:
    return list(cast("list[Any]", policies)) if isinstance(policies, (list, tuple)) else [policies]
