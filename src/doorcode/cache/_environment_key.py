"""The encryption key that the environment supplies to a program without one of its own."""

# Paths and descriptors are those of the system calls here.
# ruff: noqa: PTH117

from __future__ import annotations

import base64
import binascii
import os
import stat
from typing import Final

from doorcode.cache._files.in_use import when_free
from doorcode.cache._files.system import flag
from doorcode.cache._key_source import KEY_BYTES

__all__ = ["KEY_FILE_VARIABLE", "KEY_VARIABLE", "environment_has_key", "key_of_environment"]

KEY_VARIABLE: Final = "DOORCODE_CACHE_KEY"
"""The variable that holds a key: the base64 form of 32 bytes."""

KEY_FILE_VARIABLE: Final = "DOORCODE_CACHE_KEY_FILE"
"""The variable that holds the absolute path of a file with such a key, such as a mounted secret."""

_LARGEST: Final = 4096
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_ADVICE: Final = "make one with `openssl rand -base64 32`"
_URL_SAFE: Final = str.maketrans("-_", "+/")


def environment_has_key() -> bool:
    """Tell whether one of the two variables is set; an empty one counts as not set."""
    return bool(os.environ.get(KEY_VARIABLE) or os.environ.get(KEY_FILE_VARIABLE))


def key_of_environment() -> bytes:
    """Return the 32 bytes that the environment names; blocks for a local file.

    Raises:
        ValueError: both variables are set, the file cannot be used, or it holds no valid key; no message shows a key.
    """
    path = os.environ.get(KEY_FILE_VARIABLE)
    if path and os.environ.get(KEY_VARIABLE):
        raise ValueError(f"{KEY_VARIABLE} and {KEY_FILE_VARIABLE} are both set; set one of them")
    # The key stays out of local variables here: a crash report may show those of the frames that raise.
    found = _decoded(_content(path)) if path else _decoded(os.environ.get(KEY_VARIABLE, ""))
    if isinstance(found, int):
        where = f"the file {path} of {KEY_FILE_VARIABLE}" if path else KEY_VARIABLE
        what = f"its text stands for {found} bytes" if found >= 0 else "its text is not base64"
        raise ValueError(f"{where} must hold {KEY_BYTES} bytes in base64, and {what}; {_ADVICE}")  # noqa: TRY004 - the number says what is wrong with the text
    return found


def _decoded(text: str) -> bytes | int:
    """Return the key; or its length in bytes if that is wrong, or -1 if the text is not base64."""
    text = "".join(text.split()).rstrip("=").translate(_URL_SAFE)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        return -1
    return key if len(key) == KEY_BYTES else len(key)


def _content(path: str) -> str:
    if not os.path.isabs(path):
        raise ValueError(f"{KEY_FILE_VARIABLE} must be an absolute path (it is {path!r})")
    try:
        # Mounted secrets are symbolic links, so links are followed. O_NONBLOCK: opening a named pipe must not wait.
        descriptor = when_free(lambda: os.open(path, os.O_RDONLY | flag("O_NONBLOCK") | flag("O_CLOEXEC")))
    except OSError as error:
        raise ValueError(f"cannot read the file {path} of {KEY_FILE_VARIABLE}: {error.strerror}") from error
    try:
        problem = _problem(os.fstat(descriptor))
        if problem:
            raise ValueError(f"the file {path} of {KEY_FILE_VARIABLE} {problem}")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(_LARGEST).decode("ascii", "replace")
    finally:
        os.close(descriptor)


def _problem(status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_size > _LARGEST:
        return f"is larger than {_LARGEST} bytes, so it is not a key"
    if hasattr(os, "geteuid") and status.st_mode & _OTHERS_WRITE:  # Windows has no such modes
        return "may be written by other users; take that from them with `chmod go-w`"
    return None
