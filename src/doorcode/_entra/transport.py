"""The transport that requests to the authority go through: azure-core's own, over connections that are watched."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs

from doorcode._entra.certificate import WitnessSocket
from doorcode._worker import current_job

_SCHEMES: Final = ("https://", "http://")


class AuthorityTransport(RequestsTransport):  # type: ignore[misc] # azure-core loads it on first use
    """azure-core's transport for a credential that was given none."""

    def sleep(self, duration: float) -> None:
        """Wait before a request is made again, as long as anybody waits for it."""
        job = current_job()
        if job is None:
            super().sleep(duration)
        else:
            job.rest(duration)


def prepared(transport: Any) -> Any:
    """Return a transport whose connections are watched.

    Args:
        transport: of azure-core's, or another. Only the session that azure-core makes is changed, before its first
            request: a session that the program brings, or has used already, stays as it is.
    """
    if isinstance(transport, RequestsTransport) and transport.session is None:
        transport.open()
        session: Any = transport.session
        for scheme in _SCHEMES:
            theirs = session.get_adapter(scheme)
            session.mount(scheme, _Adapter(max_retries=theirs.max_retries))
    return transport


def without_netrc(transport: Any) -> dict[str, Any]:
    """Return the options of a request that keep it free of a password out of ``.netrc``.

    ``requests`` sends such a password to whichever host a ``default`` entry or the authority's own name fits. What the
    environment says of proxies and of certificates is still used, and so is an ``auth`` of the program's own session.
    """
    if not isinstance(transport, RequestsTransport) or getattr(transport.session, "auth", None):
        return {}
    return {"auth": _as_it_is}


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authenticate nothing, as a ``requests`` authentication: what a request carries stands in its body."""
    return request


class _Adapter(HTTPAdapter):
    """Make connections that are watched."""

    def build_connection_pool_key_attributes(self, *args: Any, **options: Any) -> Any:
        """Return what tells connections apart; requests 2.32.4 puts a TLS context there that everybody shares."""
        host, tls = super().build_connection_pool_key_attributes(*args, **options)
        if tls.pop("ssl_context", None) is not None:
            bundled: Any = requests.utils
            tls["ca_certs"] = bundled.extract_zipped_paths(bundled.DEFAULT_CA_BUNDLE_PATH)
        return host, tls

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Return the pool of connections for a request."""
        try:
            pool: Any = super().get_connection_with_tls_context(*args, **options)
        except TypeError as error:  # requests puts the address of a proxy without a host together
            message = "the address of the proxy has no host"
            raise requests.exceptions.InvalidProxyURL(message) from error
        pool.ConnectionCls = _watched(pool.ConnectionCls)
        return pool

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """Make the response; where a redirect leads nowhere, requests is not to stumble over that."""
        response = super().build_response(req, resp)
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
    """Tell the job whose request this is that its reply has begun."""

    def recv_into(self, *args: Any, **options: Any) -> int:
        """Read as ever."""
        count = super().recv_into(*args, **options)
        job = current_job()
        if job is not None and count:
            job.heard()
        return count


class _Watched:
    """A connection of urllib3's, whichever it is: direct, through a proxy or through SOCKS.

    Attributes:
        last_sock: its socket, also once http.client has let go of that while the reply is still read.
    """

    ssl_context: Any
    cert_reqs: Any
    sock: Any
    last_sock: Any = None

    def request(self, *args: Any, **options: Any) -> Any:
        """Send a request, if anybody waits for its reply."""
        self._use()
        return super().request(*args, **options)  # type: ignore[misc] # of whichever class this one is mixed into

    def getresponse(self, *args: Any, **options: Any) -> Any:
        """Read the reply's beginning."""
        self.last_sock = self.sock
        return super().getresponse(*args, **options)  # type: ignore[misc] # likewise

    def _use(self) -> None:
        job = current_job()
        if job is not None:
            job.use(self)

    def connect(self) -> None:
        """Connect; a certificate that is not trusted stays on the error."""
        self._use()
        if hasattr(self, "cert_reqs") and self.ssl_context is None:
            # As urllib3 makes one for each connection. Requests always says which certificates are trusted.
            self.ssl_context = create_urllib3_context(cert_reqs=resolve_cert_reqs(self.cert_reqs))
            self.ssl_context.sslsocket_class = _WatchedSocket
        super().connect()  # type: ignore[misc] # likewise
