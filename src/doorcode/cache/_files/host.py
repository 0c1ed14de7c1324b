"""Which machine, boot and namespaces this process runs in: whose process numbers and kernel keys it can see."""

# Text for paths, as in the system calls below it all.
# ruff: noqa: PTH116, PTH123

from __future__ import annotations

import contextlib
import functools
import os
import time

from doorcode._core.values import dataclass

__all__ = ["Host", "booted_at", "here"]


@dataclass(frozen=True, slots=True)
class Host:
    """Where a process runs. No value holds white space; an empty one is not known.

    Attributes:
        name: the machine's name, for people.
        machine: a digest of the machine's identity, the same after a reboot.
        boot: the running kernel's own identity, new with every boot.
        processes: the namespace of process numbers.
        users: the namespace of users, each of which has keyrings of its own.
    """

    name: str
    machine: str
    boot: str
    processes: str
    users: str


def here() -> Host:
    """Return where this process runs; a namespace may change while it runs, and the rest does not."""
    name, machine, boot = _machine()
    return Host(name, machine, boot, _namespace("pid"), _namespace("user"))


def booted_at() -> float:
    """Return when the kernel started, in seconds since 1970; long ago where that is not known."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if clock is None else time.time() - time.clock_gettime(clock)


@functools.cache
def _machine() -> tuple[str, str, str]:
    import hashlib  # which brings OpenSSL along, and a cache that is only read does not need it

    node = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    name = "".join(node.split())
    identity = _text("/etc/machine-id") or _text("/var/lib/dbus/machine-id")
    # Machines that were installed as copies of one may share the identity, and have names of their own.
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
