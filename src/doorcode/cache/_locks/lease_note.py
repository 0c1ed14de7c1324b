"""The note that the holder of a lease writes into the lease's file: its process, and how long it may need."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Final

from doorcode._core.display import one_line
from doorcode._core.json_values import duration, instant, json_object, number
from doorcode._core.values import value_class
from doorcode.cache._errors import StoreError
from doorcode.cache._files.ownership import open_own
from doorcode.cache._protocol import LeaseHolder

__all__ = ["LeaseNote", "holder_in", "read_note", "write_note"]

_LONGEST: Final = 1024
_LONGEST_HOST: Final = 80
_START: Final = 1
"""The offset of the note: on Windows, other processes cannot read the first byte, because it is locked."""


@value_class(frozen=True, slots=True)
class LeaseNote:
    """One note. Each is unique, so that a renewed lease differs from a lease whose holder has stopped.

    Attributes:
        name: random, different for each note.
        seconds: how long the holder may need the lease after it wrote the note.
        until: the latest time at which the holder's work can end, in Unix seconds; None when that is unknown.
        process: the holder's process ID.
        host: the name of the holder's machine.
    """

    name: str
    seconds: float
    until: float | None = None
    process: int = 0
    host: str = ""

    @classmethod
    def of_this_process(cls, seconds: float, until: float | None) -> LeaseNote:
        """Return a new note of this process."""
        host = os.uname().nodename if hasattr(os, "uname") else ""
        return cls(os.urandom(8).hex(), seconds, until, os.getpid(), host)


def write_note(descriptor: int, note: LeaseNote | None) -> None:
    """Write a note into an open lease file, or remove the note; ignore a failed write, as the lease holds anyway."""
    text = b""
    if note is not None:
        fields = {"name": note.name, "seconds": note.seconds, "until": note.until}
        text = b"\n" + json.dumps({**fields, "process": note.process, "host": note.host}).encode()
    with contextlib.suppress(OSError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, os.write(descriptor, text) if text else 0)


def read_note(path: str) -> LeaseNote | None:
    """Return the note in a lease file; None if there is none, or it cannot be read."""
    try:
        descriptor = open_own(path, os.O_RDONLY)
    except (OSError, StoreError):
        return None
    try:
        os.lseek(descriptor, _START, os.SEEK_SET)
        return _note(json_object(os.read(descriptor, _LONGEST)))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)


def holder_in(path: str) -> LeaseHolder | None:
    """Return the holder that the note in a lease file names; None without a note."""
    note = read_note(path)
    return None if note is None else LeaseHolder(note.process or None, note.host, note.until)


def _note(said: dict[str, object]) -> LeaseNote | None:
    seconds = duration(said.get("seconds"))
    if seconds is None:
        return None
    process = int(number(said.get("process")) or 0)
    host = one_line(said.get("host"), _LONGEST_HOST)
    return LeaseNote(str(said.get("name")), seconds, instant(said.get("until")), process, host)
