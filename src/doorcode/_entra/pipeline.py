"""The azure-core pipeline that requests to the authority go through, from the program's own options."""

from __future__ import annotations

import platform
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
from doorcode._core.replies.retry_after import pause_before_repeating
from doorcode._core.values import dataclass
from doorcode._entra.transport import AuthorityTransport, prepared, without_netrc
from doorcode._entra.transport_errors import past_the_policies
from doorcode._lazy import version_of
from doorcode._log import logger
from doorcode._worker import stop_if_abandoned

_LOGGER: Final = logger(__name__)
LARGEST_BODY: Final = 1024 * 1024
"""Bytes of a reply that are read at most, after decompression."""
_USER_AGENT: Final = "User-Agent"
_LONGEST_HEADER: Final = 1000
"""Characters of a header that a log gets."""
_BODY: Final = "doorcode_body"
"""Where the body of a reply stands in its context."""


class TooLongToWaitError(Exception):
    """Carry a reply past the policy that repeats requests: it asks to be left alone for longer than there is."""

    def __init__(self, response: PipelineResponse[HttpRequest, HttpResponse]) -> None:
        super().__init__("Retry-After")
        self.response = response


class EachTryPolicy(HTTPPolicy[HttpRequest, HttpResponse]):
    """Look after each try of a request: send none that nobody waits for, and read what it brings.

    A repetition would reach the authority after a cancelled call, and a reply that nobody read would keep its
    connection.

    Args:
        left: returns the seconds that are left for the request and its repetitions.
    """

    def __init__(self, left: Callable[[], float]) -> None:
        super().__init__()
        self._left = left

    def send(self, request: PipelineRequest[HttpRequest]) -> PipelineResponse[HttpRequest, HttpResponse]:
        """Send it, with no password that is not the program's, and read the reply's body as far as it is of interest.

        Raises:
            Abandoned: nobody waits for it any more.
            TooLongToWaitError: the next try would come too late.
            TransportError: another try would end in the same way.
        """
        stop_if_abandoned()
        request.context.options.update(without_netrc(request.context.transport))
        headers = request.http_request.headers
        if _USER_AGENT in headers:  # a part of it comes from the environment, and another from the system
            headers[_USER_AGENT] = header_text(headers[_USER_AGENT])
        try:
            response = self.next.send(request)
            response.context[_BODY] = _read(response)
        except Exception as exception:
            error = past_the_policies(exception)
            if error is exception:
                raise
            raise error from exception
        reply: Mapping[str, str] = response.http_response.headers or {}
        if pause_before_repeating(reply, time.time()) >= self._left():
            raise TooLongToWaitError(response)
        return response


def body_of(response: PipelineResponse[HttpRequest, HttpResponse]) -> bytes:
    """Return a reply's body: one byte more than ``LARGEST_BODY`` at least, where it is longer than that."""
    body: bytes | None = response.context.get(_BODY)
    return _read(response) if body is None else body


class TracePolicy(SansIOHTTPPolicy[HttpRequest, HttpResponse]):
    """Log requests and replies at DEBUG when ``logging_enable`` is set, as azure-core's own policy does, but no body.

    Bodies to and from an authority are codes and tokens.
    """

    def __init__(self, logging_enable: bool = False, **_: object) -> None:  # noqa: FBT001, FBT002 - azure-core's shape
        self._enabled = logging_enable

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        """Log what is asked."""
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
    """Return what doorcode calls itself towards the authority."""
    return f"azsdk-python-doorcode/{version_of('doorcode')} Python/{platform.python_version()} ({platform.platform()})"


@dataclass(frozen=True, slots=True)
class BuiltPipeline:
    """A pipeline, and whether one of its policies repeats requests and so understands its options."""

    pipeline: Pipeline[HttpRequest, HttpResponse]
    repeats: bool


def build_pipeline(options: Mapping[str, Any], left: Callable[[], float]) -> BuiltPipeline:
    """Build the pipeline that azure-identity's options describe.

    Args:
        options: ``transport``, ``policies``, ``retry_policy_class`` and what azure-core's policies take.
        left: returns the seconds that are left for the request that this thread is making.
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
    policies = [*policies, EachTryPolicy(left)]
    repeats = any(isinstance(policy, RetryPolicy) for policy in policies)
    return BuiltPipeline(Pipeline(prepared(transport or AuthorityTransport(**given)), policies=policies), repeats)


def _read(response: PipelineResponse[HttpRequest, HttpResponse]) -> bytes:
    answer: Any = response.http_response
    if not isinstance(answer, HttpResponse):
        # Transports of older programs and of tests answer with azure-core's first generation of responses.
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
    # For hooks of the program's, which read text() and json() of replies as if they had not been streamed.
    cast("Any", answer)._content = bytes(body)  # noqa: SLF001 - azure-core has no public way
    return bytes(body)


def _items(answer: Any) -> list[tuple[str, str]]:
    return list(dict(answer.headers or {}).items())


def _listed(policies: Any) -> list[Any]:
    return list(cast("list[Any]", policies)) if isinstance(policies, (list, tuple)) else [policies]
