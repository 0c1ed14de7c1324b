"""Route each request to its endpoint, by method and path."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from doorcode.emulator._errors import RefusedError, description, error_response
from doorcode.emulator._wire import Request, Response
from doorcode.emulator.endpoints import authorize, device_authorization, device_login, discovery, token
from doorcode.emulator.endpoints.context import Context

Endpoint = Callable[[Context, str, Request], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: its name for counters and faults, and its methods and paths."""

    name: str
    methods: tuple[str, ...]
    path: re.Pattern[str]
    endpoint: Endpoint
    page: bool = False


def _route(name: str, methods: str, path: str, endpoint: Endpoint, *, page: bool = False) -> Route:
    return Route(name, tuple(methods.split()), re.compile(path), endpoint, page)


def _stylesheet(context: Context, _: str, __: Request) -> Response:
    return context.pages.stylesheet()


def _signed_out(context: Context, _: str, __: Request) -> Response:
    return context.pages.message("signed_out")


ROUTES: Final = (
    _route("instance", "GET", r"/(?P<tenant>[^/]+)/discovery/instance", discovery.instance),
    _route("discovery", "GET", r"/(?P<tenant>adfs)/\.well-known/openid-configuration", discovery.adfs_configuration),
    _route(
        "discovery",
        "GET",
        r"/(?P<tenant>[^/]+)(/v2\.0)?/\.well-known/openid-configuration",
        discovery.openid_configuration,
    ),
    _route("keys", "GET", r"/(?P<tenant>[^/]+)/discovery(/v2\.0)?/keys", discovery.keys),
    _route("devicecode", "POST", r"/(?P<tenant>[^/]+)/oauth2(/v2\.0)?/devicecode", device_authorization.devicecode),
    _route("token", "POST", r"/(?P<tenant>[^/]+)/oauth2(/v2\.0)?/token", token.token),
    _route("authorize", "GET", r"/(?P<tenant>[^/]+)/oauth2(/v2\.0)?/authorize", authorize.ask, page=True),
    _route("authorize", "POST", r"/(?P<tenant>[^/]+)/oauth2(/v2\.0)?/authorize", authorize.answer, page=True),
    _route("logout", "GET POST", r"/(?P<tenant>[^/]+)/oauth2(/v2\.0)?/logout", _signed_out, page=True),
    _route("devicelogin", "GET", r"/(?P<tenant>devicelogin)", device_login.ask, page=True),
    _route("devicelogin", "POST", r"/(?P<tenant>devicelogin)", device_login.answer, page=True),
    _route("stylesheet", "GET", r"/(?P<tenant>emulator)\.css", _stylesheet, page=True),
)
"""The routes, tried in this order; the paths without ``v2.0`` are those of AD FS."""
OTHER: Final = "other"
"""The name of requests that no endpoint answers."""
ENDPOINT_NAMES: Final = frozenset(
    {*(route.name for route in ROUTES), *(f"token:{name}" for name in token.GRANT_NAMES.values()), OTHER, "*"}
)
"""The names of endpoints for faults and counters; ``*`` stands for any."""


def check_endpoint(name: str) -> None:
    """Check the name of an endpoint: a misspelt one would have no faults and no requests.

    Raises:
        ValueError: no endpoint has this name.
    """
    if name not in ENDPOINT_NAMES:
        message = f"no endpoint {name!r}; there are {', '.join(sorted(ENDPOINT_NAMES))}"
        raise ValueError(message)


def endpoint_name(request: Request) -> str:
    """Return the name of a request's endpoint, such as ``token:device_code``."""
    found = _find(request)
    if found is None:
        return OTHER
    name = found[0].name
    grant_name = token.GRANT_NAMES.get(request.form.get("grant_type", ""))
    return f"{name}:{grant_name}" if name == "token" and grant_name is not None else name


def respond(context: Context, request: Request) -> Response:
    """Return the authority's answer to a request."""
    found = _find(request)
    if found is None:
        return Response(404, b"Not found", {"Content-Type": "text/plain; charset=utf-8"})
    route, tenant_name = found
    trace_id = str(uuid.uuid4())
    correlation_id = request.headers.get("client-request-id") or str(uuid.uuid4())
    ids = {"x-ms-request-id": trace_id, "client-request-id": correlation_id}
    try:
        return route.endpoint(context, tenant_name, request).with_headers(ids)
    except RefusedError as refused:
        now = context.state.clock()
        if route.page:
            words = description(refused.error, correlation_id, trace_id, now)
            return context.pages.error(refused.error.status, words).with_headers(ids)
        return error_response(refused.error, request.base_url, correlation_id, trace_id, now).with_headers(ids)


def _find(request: Request) -> tuple[Route, str] | None:
    for route in ROUTES:
        match = route.path.fullmatch(request.path)
        if match is not None and request.method in route.methods:
            return route, match["tenant"]
    return None
