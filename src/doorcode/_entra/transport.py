"""The transport of requests to the authority: azure-core's own, over connections that a worker can cut."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

from doorcode._entra.certificate import WitnessSocket
from doorcode._entra.worker import current_worker

_SCHEMES: Final = ("https://", "http://")
_LONGEST_LENGTH: Final = 18
"""The most digits of a ``Content-Length``."""


class AuthorityTransport(RequestsTransport):  # type: ignore[misc] # azure-core loads it on first use
    """azure-core's transport for a credential that was given none.

    Args:
        before_pause: called with the seconds of a pause before a request is repeated; raises if that is too long.
        options: azure-core's.
    """

    def __init__(self, before_pause: Callable[[float], object], **options: Any) -> None:
        super().__init__(**options)
        self._before_pause = before_pause

    def sleep(self, duration: float) -> None:
        """Wait before a request is repeated; end the wait if the request is abandoned."""
        self._before_pause(duration)
        worker = current_worker()
        if worker is None:
            super().sleep(duration)
        else:
            worker.pause(duration)


def prepared(transport: Any) -> Any:
    """Return the transport, with connections that a worker can cut.

    Args:
        transport: azure-core's transport or another one. Only a session that azure-core itself creates is changed,
            before its first request: a session of the program stays as it is.
    """
    # A mock of this class has no session.
    if isinstance(transport, RequestsTransport) and getattr(transport, "session", transport) is None:
        transport.open()
        session: Any = transport.session
        for scheme in _SCHEMES:
            theirs = session.get_adapter(scheme)
            session.mount(scheme, _Adapter(max_retries=theirs.max_retries))
    return transport


def without_netrc(transport: Any) -> dict[str, Any]:
    """Return request options that keep a password from ``.netrc`` out of the request.

    ``requests`` would send such a password to any host that an entry, or the ``default`` entry, matches. The
    environment's proxies and certificates still apply, and so does the ``auth`` of the program's own session.
    """
    if not isinstance(transport, RequestsTransport) or getattr(getattr(transport, "session", None), "auth", None):
        return {}
    return {"auth": _as_it_is}


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return the request unchanged: an authentication for ``requests`` that adds nothing."""
    return request


class _Adapter(HTTPAdapter):
    """Make connections that a worker can cut."""

    def build_connection_pool_key_attributes(self, *args: Any, **options: Any) -> Any:
        """Return the pool's key, without the TLS context that requests 2.32.4 shares between all connections."""
        host, tls = super().build_connection_pool_key_attributes(*args, **options)
        if tls.pop("ssl_context", None) is not None:
            bundled: Any = requests.utils
            tls["ca_certs"] = bundled.extract_zipped_paths(bundled.DEFAULT_CA_BUNDLE_PATH)
        return host, tls

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Return the pool of connections for a request."""
        try:
            pool: Any = super().get_connection_with_tls_context(*args, **options)
        except TypeError as error:  # requests raises it for a proxy's address without a host
            message = "the address of the proxy has no host"
            raise requests.exceptions.InvalidProxyURL(message) from error
        pool.ConnectionCls = _watched(pool.ConnectionCls)
        return pool

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """Make the response, without a redirect address or a length that requests or azure-core cannot parse."""
        response = super().build_response(req, resp)
        length = response.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit() and len(length) <= _LONGEST_LENGTH):
            del response.headers["content-length"]  # urllib3 has read it, also twice the same number ("5, 5")
        location = response.headers.get("location")
        if location is not None and not _can_be_followed(location):
            del response.headers["location"]
        return response


def _can_be_followed(location: str) -> bool:
    try:
        _ = urlsplit(location).port
    except ValueError:
        return False
    return location.isascii() and location.isprintable()


@lru_cache(maxsize=16)
def _watched(connection_class: type[Any]) -> type[Any]:
    if issubclass(connection_class, _Watched):
        return connection_class
    return type(connection_class.__name__, (_Watched, connection_class), {})


class _WatchedSocket(WitnessSocket):
    """Tell the worker of a request that its reply has begun."""

    def recv_into(self, *args: Any, **options: Any) -> int:
        """Read from the socket, and report the first bytes."""
        count = super().recv_into(*args, **options)
        worker = current_worker()
        if worker is not None and count:
            worker.reply_began()
        return count


class _Watched:
    """A mixin for urllib3's connections: direct, through a proxy or through SOCKS.

    Attributes:
        last_sock: the socket, which stays here when http.client drops it before the reply is read to its end.
    """

    ssl_context: Any
    cert_reqs: Any
    sock: Any
    last_sock: Any = None

    def request(self, *args: Any, **options: Any) -> Any:
        """Send a request, unless its worker was abandoned."""
        self._use(sends=True)
        return super().request(*args, **options)  # type: ignore[misc] # of the class that this one is mixed into

    def getresponse(self, *args: Any, **options: Any) -> Any:
        """Read the beginning of the reply."""
        self.last_sock = self.sock
        return super().getresponse(*args, **options)  # type: ignore[misc] # likewise

    def _use(self, *, sends: bool) -> None:
        worker = current_worker()
        if worker is not None:
            worker.use(self, sends=sends)

    def connect(self) -> None:
        """Connect; the error about an untrusted certificate carries the certificate."""
        self._use(sends=False)
        if hasattr(self, "cert_reqs") and self.ssl_context is None:
            # urllib3 also makes a context for each connection. Requests always names the trusted certificates.
            self.ssl_context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
            self.ssl_context.sslsocket_class = _WatchedSocket
        super().connect()  # type: ignore[misc] # likewise
