"""A connection to the session's D-Bus that cannot hang and cannot make a window appear."""

# Text for paths, as in the system calls below it all.
# ruff: noqa: PTH110, PTH118

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, Final, Protocol

from doorcode import _clock
from doorcode.cache._errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Connection", "bus_address", "connect"]


CALLS_OF_THE_LIMIT: Final = 5
"""How many limits all calls of a connection may take together."""


class Connection(Protocol):
    """What is used of jeepney's connection, which has no types."""

    def close(self) -> None:
        """Close the socket."""
        ...


def bus_address(environ: Mapping[str, str]) -> str | None:
    """Return the address of the session's bus: as told, or where systemd has it; None when there is no session."""
    told = environ.get("DBUS_SESSION_BUS_ADDRESS")
    if told:
        return told
    runtime = environ.get("XDG_RUNTIME_DIR")
    socket = os.path.join(runtime, "bus") if runtime else ""
    return f"unix:path={socket}" if socket and os.path.exists(socket) else None


def connect(address: str, limit: float, clock: Callable[[], float] = _clock.monotonic) -> Connection:
    """Return a connection none of whose calls waits longer than a limit, all together five times that, or prompts.

    Args:
        address: of the bus.
        limit: seconds that a call may take: a bus that never answers is told from one that is busy.
        clock: seconds, monotonic.

    Raises:
        StoreUnavailable: the extra is not installed, or a call would ask a user.
        Exception: whatever jeepney raises for what is at that address.
    """
    try:
        importlib.import_module("secretstorage")
        jeepney = importlib.import_module("jeepney")
        bus = importlib.import_module("jeepney.bus")
        blocking = importlib.import_module("jeepney.io.blocking")
    except ImportError:
        raise StoreUnavailable("it needs `pip install doorcode[secret-service]`") from None
    deadline = clock() + CALLS_OF_THE_LIMIT * limit

    unbounded: Any = blocking.DBusConnection

    class Bounded(unbounded):  # type: ignore[misc] # jeepney has no types
        def send_and_get_reply(self, message: Any, *, timeout: float | None = None) -> Any:
            if message.header.fields.get(jeepney.HeaderFields.member) == "Prompt":
                raise StoreUnavailable("the keyring wants to ask a person, which needs a desktop")
            rest = deadline - clock()
            if rest <= 0:
                raise TimeoutError
            rest = min(rest, limit if timeout is None else timeout)
            self.sock.settimeout(rest)  # for what is sent; what is received has the other one
            return unbounded.send_and_get_reply(self, message, timeout=rest)

    sock = blocking.prep_socket(bus.get_bus(address), timeout=limit)
    try:
        connection: Connection = Bounded(sock)
    except BaseException:
        sock.close()
        raise
    return connection
