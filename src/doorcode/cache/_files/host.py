"""Identify the machine, boot and namespaces of this process, which decide whose process IDs and kernel keys it sees."""

# Paths are text here, as the system calls of the stores take them.
# ruff: noqa: PTH116, PTH123

from __future__ import annotations

import contextlib
import functools
import os
import time

from doorcode._core.values import value_class

__all__ = ["Host", "booted_at", "here"]


@value_class(frozen=True, slots=True)
class Host:
    """Where a process runs. No value contains white space; an empty value is unknown.

    Attributes:
        name: the machine's name, as text for the user.
        machine: a digest of the machine's identity, the same after a reboot.
        boot: the kernel's boot ID, new with every boot.
        processes: the PID namespace.
        users: the user namespace; each has its own keyrings.
    """

    name: str
    machine: str
    boot: str
    processes: str
    users: str


def here() -> Host:
    """Return where this process runs. Namespaces are read at each call, because they may change; the rest is cached."""
    name, machine, boot = _machine()
    return Host(name, machine, boot, _namespace("pid"), _namespace("user"))


def booted_at() -> float:
    """Return when the kernel started, in seconds since 1970; 0 if that is unknown."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if clock is None else time.time() - time.clock_gettime(clock)


@functools.cache
def _machine() -> tuple[str, str, str]:
    import hashlib  # it loads OpenSSL, which a cache that is only read does not need

    node = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    name = "".join(node.split())
    identity = _text("/etc/machine-id") or _text("/var/lib/dbus/machine-id")
    # Copies of one machine image may share the identity; their names differ.
    digest = hashlib.sha256(f"{identity} {name}".encode()).hexdigest()[:16]
    return name, digest, _text("/proc/sys/kernel/random/boot_id").replace("-", "")


def _text(path: str) -> str:
    with contextlib.suppress(OSError, ValueError), open(path, encoding="ascii") as file:
        return "".join(file.read(100).split())
    return ""


def _namespace(kind: str) -> str:
    with contextlib.suppress(OSError):
        return str(os.stat(f"/proc/self/ns/{kind}").st_ino)
    return ""
