"""Bind the loopback addresses of a redirect URI (RFC 8252 7.3), so that no other program can use the port."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

from doorcode._core.messages.descriptors import is_without_descriptors
from doorcode._core.values import value_class

PORTS: Final = range(8400, 9000)
"""The ports to try in this order if no redirect URI is given; app registrations and ``ssh -L`` rely on it."""
BACKLOG: Final = 128
"""Connections that may wait to be accepted."""


@value_class(frozen=True, slots=True)
class LoopbackAddress:
    """The loopback addresses and the path of a redirect URI.

    Attributes:
        uri: the redirect URI.
        hosts: the values of a browser's Host header that name it.
        path: the path that receives the redirect.
        addresses: the addresses to listen on, each with its family.
        port: the port to listen on.
    """

    uri: str
    hosts: frozenset[str]
    path: str
    addresses: tuple[tuple[socket.AddressFamily, str], ...]
    port: int


def loopback_address(redirect_uri: str) -> LoopbackAddress:
    """Return the addresses of a redirect URI; ``localhost`` always stands for 127.0.0.1 and ::1."""
    parts = urlsplit(redirect_uri)
    host, port = parts.hostname or "", parts.port or 0
    both = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
    one = ((socket.AF_INET6 if ":" in host else socket.AF_INET, host),)
    netloc = parts.netloc.lower()
    hosts = {netloc, netloc.removesuffix(":80")} if port == 80 else {netloc}  # noqa: PLR2004 - http's own port
    return LoopbackAddress(
        redirect_uri, frozenset(hosts), parts.path or "/", both if host == "localhost" else one, port
    )


def listen(redirect_uri: str | None) -> tuple[LoopbackAddress, list[socket.socket]]:
    """Listen on the addresses of a redirect URI.

    Args:
        redirect_uri: http on loopback with a port; None takes the first free one of ``PORTS`` on ``localhost``.

    Returns:
        the addresses, and a socket for each of them that this machine has.

    Raises:
        OSError: the port is taken, on either address family; none of ``PORTS`` is free; or this process may open no
            further connection.
    """
    if redirect_uri is not None:
        place = loopback_address(redirect_uri)
        return place, _bound(place)
    for port in PORTS:
        place = loopback_address(f"http://localhost:{port}")
        try:
            return place, _bound(place)
        except OSError as error:
            if is_without_descriptors(error):
                raise
    raise OSError(errno.EADDRINUSE, f"no port from {PORTS[0]} to {PORTS[-1]} is free")


def _bound(place: LoopbackAddress) -> list[socket.socket]:
    """Listen on every address or on none; an address family that this machine lacks is left out."""
    bound: list[socket.socket] = []
    try:
        bound.extend(_each_bound(place))
    except OSError:
        close_all(bound)
        raise
    if not bound:
        raise OSError(errno.EADDRNOTAVAIL, "this machine has no loopback address for it")
    return bound


def _each_bound(place: LoopbackAddress) -> Iterator[socket.socket]:
    for family, address in place.addresses:
        listening = _listening_if_there(family, address, place.port)
        if listening is not None:
            yield listening


def _listening_if_there(family: socket.AddressFamily, address: str, port: int) -> socket.socket | None:
    try:
        return _listening(family, address, port)
    except OSError as exception:
        if exception.errno in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
            return None
        raise


def _listening(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    """Return a socket that shares its port with no other socket."""
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # On Windows, SO_REUSEADDR would let other programs share the port. Elsewhere it only ignores old connections.
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        listening.setsockopt(socket.SOL_SOCKET, exclusive or socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, port))
        listening.listen(BACKLOG)
        listening.settimeout(0)
    except OSError:
        listening.close()
        raise
    return listening


def close_all(sockets: Iterable[socket.socket]) -> None:
    """Close sockets."""
    for each in sockets:
        each.close()
