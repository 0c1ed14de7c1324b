"""Find the user at the other end of a loopback connection, on systems that tell."""

from __future__ import annotations

import os
import socket
import sys
from enum import Enum, auto
from pathlib import Path
from typing import Final

TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""Linux's tables of TCP connections, with the addresses, the state and the user of each."""
ESTABLISHED: Final = "01"
"""The state of an open connection. Closed connections are listed under root, without their user."""
COMMAND_LINES_ARE_PUBLIC: Final = os.name != "nt"
"""Whether users can read the command lines of each other's programs. On Windows only administrators can."""
_ROOT: Final = 0
_UID_FIELD: Final = 4


class Peer(Enum):
    """The user at the other end of a connection."""

    THIS_USER = auto()
    ANOTHER_USER = auto()
    UNKNOWN = auto()


def peer_of(connection: socket.socket) -> Peer:
    """Return the user at the other end of a loopback connection.

    Root counts as this user: root can act as this user anyway, and owns the connections of a tunnel or of WSL. If
    ``sudo`` or ``pkexec`` runs this program as root, the calling user counts as this user too.
    """
    uid = uid_of(connection)
    if uid is None:
        return Peer.UNKNOWN if COMMAND_LINES_ARE_PUBLIC else Peer.THIS_USER
    return Peer.THIS_USER if uid in _own_uids() else Peer.ANOTHER_USER


def uid_of(connection: socket.socket) -> int | None:
    """Return the user ID at the other end of a connection; None if the system does not tell."""
    try:
        entries = _table_entries(connection.getpeername(), connection.getsockname())
        for table, entry in zip(TABLES, entries, strict=True):
            _, found, rest = (table.read_text("ascii") if entry else "").partition(entry or "-")
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


def _table_entries(theirs: tuple[object, ...], ours: tuple[object, ...]) -> tuple[str | None, str]:
    """Return the text to find in each table for the other end; an IPv4 address may be in both."""
    addresses = [(str(address), int(str(port))) for address, port, *_ in (theirs, ours)]
    if ":" in addresses[0][0]:
        return None, _table_entry(socket.AF_INET6, addresses)
    mapped = [(f"::ffff:{address}", port) for address, port in addresses]
    return _table_entry(socket.AF_INET, addresses), _table_entry(socket.AF_INET6, mapped)


def _table_entry(family: socket.AddressFamily, addresses: list[tuple[str, int]]) -> str:
    shown = (f"{_hexadecimal(socket.inet_pton(family, address))}:{port:04X}" for address, port in addresses)
    return f" {' '.join(shown)} {ESTABLISHED} "


def _hexadecimal(packed: bytes) -> str:
    """Return an address as the kernel prints it: words of 32 bits in this machine's byte order."""
    words = (packed[i : i + 4] for i in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
