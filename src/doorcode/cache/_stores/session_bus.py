"""A connection to the session's D-Bus that cannot hang and never shows a dialog."""

# Paths are text here, as the system calls of the stores take them.
# ruff: noqa: PTH110, PTH118

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, Final, Protocol

from doorcode import _clock
from doorcode.cache._errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["NO_SESSION", "Connection", "bus_address", "connect"]

NO_SESSION: Final = "there is no D-Bus session (DBUS_SESSION_BUS_ADDRESS is not set)"
"""The reason for which no keyring of a desktop is reached where :func:`bus_address` finds none."""

CALLS_OF_THE_LIMIT: Final = 5
"""The time limit of all calls of a connection together, as a multiple of the limit of one call."""


class Connection(Protocol):
    """The method of jeepney's connection that this package calls; jeepney has no types."""

    def close(self) -> None:
        """Close the socket."""
        ...


def bus_address(environ: Mapping[str, str]) -> str | None:
    """Return the address of the session's bus: the environment's or systemd's; None if there is no session."""
    told = environ.get("DBUS_SESSION_BUS_ADDRESS")
    if told:
        return told
    runtime = environ.get("XDG_RUNTIME_DIR")
    socket = os.path.join(runtime, "bus") if runtime else ""
    return f"unix:path={socket}" if socket and os.path.exists(socket) else None


def connect(address: str, limit: float, clock: Callable[[], float] = _clock.monotonic) -> Connection:
    """Connect to a bus; calls of the connection never prompt, and all of them together take five limits at most.

    Args:
        address: the address of the bus.
        limit: seconds that one call may take.
        clock: monotonic seconds.

    Raises:
        StoreUnavailable: the extra is not installed, or a call would prompt the user.
        Exception: jeepney cannot connect to the address.
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
                raise StoreUnavailable("the keyring wants to ask the user, which needs a desktop")
            rest = deadline - clock()
            if rest <= 0:
                raise TimeoutError
            rest = min(rest, limit if timeout is None else timeout)
            self.sock.settimeout(rest)  # for sending; timeout= is for receiving
            return unbounded.send_and_get_reply(self, message, timeout=rest)

    sock = blocking.prep_socket(bus.get_bus(address), timeout=limit)
    try:
        connection: Connection = Bounded(sock)
    except BaseException:
        sock.close()
        raise
    return connection
