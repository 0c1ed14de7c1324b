"""A desktop session's D-Bus with an unlocked gnome-keyring, in a home of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NEEDED = "gnome-keyring-daemon", "dbus-daemon"


@dataclass(frozen=True)
class SessionBus:
    """Where the bus is, and the number of the keyring's process."""

    address: str
    keyring: int


def missing(*others: str) -> list[str]:
    """Return which of the programs are not here."""
    return [program for program in (*NEEDED, *others) if not shutil.which(program)]


@contextmanager
def running(place: Path) -> Generator[SessionBus, None, None]:
    """Run both for a block, with their files in a directory that only its owner may read."""
    place.chmod(0o700)
    env = {**os.environ, "HOME": str(place), "XDG_RUNTIME_DIR": str(place), "XDG_DATA_HOME": str(place / "data")}
    env.pop("DBUS_SESSION_BUS_ADDRESS", None)
    command = ["dbus-daemon", "--session", "--nofork", "--print-address=1", f"--address=unix:dir={place}"]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert daemon.stdout is not None
    address = daemon.stdout.readline().strip()
    env["DBUS_SESSION_BUS_ADDRESS"] = address
    keyring = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
    )
    assert keyring.stdin is not None
    assert keyring.stdout is not None
    keyring.stdin.write(b"password")
    keyring.stdin.close()
    keyring.stdout.readline()  # it answers once it has said where its control socket is
    try:
        yield SessionBus(address, keyring.pid)
    finally:
        for process in (keyring, daemon):
            process.terminate()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
