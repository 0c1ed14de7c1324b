"""Say which user of this machine is at the other end of a loopback connection, where the system tells."""

from __future__ import annotations

import os
import socket
import sys
from enum import Enum, auto
from pathlib import Path
from typing import Final

TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""Linux's lists of TCP connections: the addresses of each, its state, and the user who opened it."""
ESTABLISHED: Final = "01"
"""A connection that its program still holds. One that was closed is listed without its user, as root's."""
COMMAND_LINES_ARE_PUBLIC: Final = os.name != "nt"
"""Whether one user can read the command lines of another's programs. Windows shows them to administrators alone."""
_ROOT: Final = 0
_UID_FIELD: Final = 4


class Peer(Enum):
    """Who is at the other end of a connection."""

    THIS_USER = auto()
    ANOTHER_USER = auto()
    UNKNOWN = auto()


def peer_of(connection: socket.socket) -> Peer:
    """Return who is at the other end of a loopback connection.

    Root counts as this user: it can do whatever this user can, and carries the connections of a tunnel or of WSL. For a
    program that ``sudo`` or ``pkexec`` runs as root, so does the user who called it.
    """
    uid = uid_of(connection)
    if uid is None:
        return Peer.UNKNOWN if COMMAND_LINES_ARE_PUBLIC else Peer.THIS_USER
    return Peer.THIS_USER if uid in _own_uids() else Peer.ANOTHER_USER


def uid_of(connection: socket.socket) -> int | None:
    """Return the number of the user who opened the other end; None where the system does not say."""
    try:
        needles = _needles(connection.getpeername(), connection.getsockname())
        for table, needle in zip(TABLES, needles, strict=True):
            _, found, rest = (table.read_text("ascii") if needle else "").partition(needle or "-")
            if found:
                return int(rest.split(maxsplit=_UID_FIELD)[_UID_FIELD - 1])
    except (OSError, ValueError, IndexError):
        return None  # another system, or a container that hides the tables
    return None


def _own_uids() -> set[int]:
    own = {os.geteuid(), _ROOT}
    if os.geteuid() == _ROOT:
        callers = (os.environ.get(name, "") for name in ("SUDO_UID", "PKEXEC_UID"))
        own.update(int(caller) for caller in callers if caller.isdecimal())
    return own


def _needles(theirs: tuple[object, ...], ours: tuple[object, ...]) -> tuple[str | None, str]:
    """Return what the other end's line has in each of the tables; an IPv4 address may stand in both."""
    addresses = [(str(address), int(str(port))) for address, port, *_ in (theirs, ours)]
    if ":" in addresses[0][0]:
        return None, _line(socket.AF_INET6, addresses)
    mapped = [(f"::ffff:{address}", port) for address, port in addresses]
    return _line(socket.AF_INET, addresses), _line(socket.AF_INET6, mapped)


def _line(family: socket.AddressFamily, addresses: list[tuple[str, int]]) -> str:
    shown = (f"{_hexadecimal(socket.inet_pton(family, address))}:{port:04X}" for address, port in addresses)
    return f" {' '.join(shown)} {ESTABLISHED} "


def _hexadecimal(packed: bytes) -> str:
    """Return an address as the kernel prints it: words of 32 bits, each a number of this machine's byte order."""
    words = (packed[i : i + 4] for i in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
