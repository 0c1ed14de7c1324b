"""The ASGI application: read a request, log it, apply a queued fault, and send the endpoint's answer."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from typing import TYPE_CHECKING, Final, cast, final
from urllib.parse import parse_qsl

from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse

from doorcode.emulator._errors import error_response
from doorcode.emulator._faults import (
    Edit,
    ErrorReply,
    Fault,
    Faults,
    Hang,
    Json,
    Latency,
    LostReply,
    Pass,
    Reply,
    Reset,
)
from doorcode.emulator._wire import Fields, Request, Response
from doorcode.emulator.endpoints.routes import endpoint_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import Receive, Scope, Send

    from doorcode.emulator._log import RequestLog

HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
"""A Host header (RFC 9110 7.2): a name or an address, with an optional port."""
MISDIRECTED: Final = 421
NOT_HERE: Final = (
    "This emulator does not answer to that host name. To use it by another name than 127.0.0.1 or localhost, "
    "start it with that name: Emulator(names=(...))."
)
MAX_BODY: Final = 1 << 20
"""The most bytes to read of a request; the rest is ignored."""


@final
class App:
    """The ASGI application of the authority.

    Args:
        respond: answers a request as Entra would; thread-safe.
        faults: the queued faults.
        log: records the requests.
        clock: returns Unix seconds.
        reset: resets the connection of a client's address.
        hosts: the names and addresses that the authority answers to. Others are refused, because a web page can make
            its own name resolve to this machine (DNS rebinding).
    """

    def __init__(
        self,
        respond: Callable[[Request], Response],
        faults: Faults,
        log: RequestLog,
        clock: Callable[[], float],
        reset: Callable[[tuple[str, int]], None],
        hosts: Iterable[str],
    ) -> None:
        self._respond = respond
        self._faults = faults
        self._log = log
        self._clock = clock
        self._reset = reset
        self._hosts = frozenset(host.lower().strip("[]") for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        http = HttpRequest(scope, receive)
        if not self._is_named(http.headers.get("host")):
            return await HttpResponse(NOT_HERE, MISDIRECTED, media_type="text/plain")(scope, receive, send)
        request = await _read(http)
        endpoint = endpoint_name(request)
        mark = self._log.arrived(endpoint, request)
        response = await self._answer(self._faults.take(endpoint), request, receive)
        if response is None:
            client = cast("tuple[str, int]", scope["client"])
            self._reset(client)
            return await _disconnected(receive)
        self._log.answered(mark, response.status)
        headers = dict(response.headers)
        return await HttpResponse(response.body, response.status, headers)(scope, receive, send)

    def _is_named(self, host: str | None) -> bool:
        """Return whether a Host header names this authority; HTTP/1.0 has none."""
        found = HOST.fullmatch(host or "")
        return host is None or (found is not None and found["name"].lower().strip("[]").rstrip(".") in self._hosts)

    async def _answer(self, fault: Fault, request: Request, receive: Receive) -> Response | None:
        """Return the answer to send, or None to reset the connection."""
        while isinstance(fault, Latency):
            if await _gone_within(fault.seconds, receive):
                return None
            fault = fault.then
        if isinstance(fault, Hang):
            await _disconnected(receive)
        if isinstance(fault, (Hang, Reset)):
            return None
        if isinstance(fault, Reply):
            return _reply(fault)
        if isinstance(fault, ErrorReply):
            return self._error(fault, request)
        return _after(fault, self._respond(request))

    def _error(self, fault: ErrorReply, request: Request) -> Response:
        correlation_id = request.headers.get("client-request-id") or str(uuid.uuid4())
        now = self._clock()
        response = error_response(fault.error, request.base_url, correlation_id, str(uuid.uuid4()), now)
        return _edited(response, Edit(lambda content: {**content, **fault.extra}))


def _after(fault: Pass | LostReply | Edit, response: Response) -> Response | None:
    if isinstance(fault, LostReply):
        return None
    return _edited(response, fault) if isinstance(fault, Edit) else response


def _edited(response: Response, fault: Edit) -> Response:
    content = cast("Json", json.loads(response.body))
    changed = fault.change(content)
    body = json.dumps(content if changed is None else changed).encode()
    return Response(response.status, body, response.headers)


def _reply(fault: Reply) -> Response:
    content_type = {} if fault.content_type is None else {"Content-Type": fault.content_type}
    return Response(fault.status, fault.body, {**content_type, **fault.headers})


async def _read(http: HttpRequest) -> Request:
    body = bytearray()
    async for chunk in http.stream():
        body += chunk[: MAX_BODY - len(body)]
    form = http.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return Request(
        method=http.method,
        path=http.url.path,
        base_url=_base_url(http),
        query=Fields(parse_qsl(http.url.query, keep_blank_values=True)),
        form=Fields(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True) if form else ()),
        headers=Fields(http.headers.items()),
    )


def _base_url(http: HttpRequest) -> str:
    """Return the server's URL as the client wrote it."""
    address, port = cast("tuple[str, int]", http.scope["server"])
    return f"https://{http.headers.get('host') or f'{address}:{port}'}"


async def _disconnected(receive: Receive) -> None:
    # ASGI: once the body has been read, the next thing to receive is http.disconnect.
    await receive()


async def _gone_within(seconds: float, receive: Receive) -> bool:
    try:
        await asyncio.wait_for(_disconnected(receive), seconds)
    except asyncio.TimeoutError:
        return False
    return True
