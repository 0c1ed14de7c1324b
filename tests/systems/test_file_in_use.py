"""Windows neither replaces nor removes a file that any process has open: doorcode waits, for a bounded time."""

from __future__ import annotations

import base64
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doorcode.cache import StoreError, StoreLocked
from doorcode.cache._environment_key import KEY_FILE_VARIABLE, key_of_environment
from doorcode.cache._files import disk, in_use
from doorcode.cache._stores.read_only_file import ReadOnlyFile

OLD, NEW = b'{"a": 1}', b'{"a": 2}'
TIMES = 3


class Refusal:
    """Refuse a function of ``os`` with Windows' error, so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, times: int = TIMES) -> None:
        self.left = times
        self.calls = 0
        self._real: Callable[..., Any] = getattr(os, name)
        monkeypatch.setattr(os, name, self)

    def __call__(self, path: Any, *arguments: Any, **options: Any) -> Any:
        if not str(path).endswith(("cache", "cache.tmp")):
            return self._real(path, *arguments, **options)
        self.calls += 1
        if self.left > 0:
            self.left -= 1
            raise PermissionError(errno.EACCES, "Permission denied")
        return self._real(path, *arguments, **options)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a file that another process has open."""
    path = tmp_path / "cache"
    path.write_bytes(OLD)
    path.chmod(0o600)
    return path


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Windows' rules apply."""
    monkeypatch.setattr(in_use, "on_windows", lambda: True)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up at once."""
    monkeypatch.setattr(in_use, "IN_USE_TIMEOUT", 0.0)


OPERATIONS: dict[str, tuple[str, Callable[[Path], object], bytes | None]] = {
    "read": ("open", lambda path: disk.read(str(path)), OLD),
    "look": ("stat", lambda path: disk.read(str(path)), OLD),
    "stamp": ("stat", lambda path: disk.file_stamp(str(path)), OLD),
    "signal": ("stat", lambda path: disk.signal_stamp(str(path)), OLD),
    "other programs' file": ("open", lambda path: ReadOnlyFile(str(path)).load(), OLD),
    "replace": ("replace", lambda path: disk.replace(str(path), NEW, 1), NEW),
    "write": ("open", lambda path: disk.replace(str(path), NEW, 1), NEW),
    "remove": ("unlink", lambda path: disk.remove(str(path)), None),
    "set aside": ("replace", lambda path: disk.move_aside(str(path), "damaged", None), None),
}
"""What is done -> the function that Windows refuses, how it is done, and what the file then holds."""


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize("name", OPERATIONS)
def test_waits_until_the_other_process_is_done(name: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operation succeeds as soon as the file is free."""
    function, operation, left = OPERATIONS[name]
    refusal = Refusal(monkeypatch, function)
    operation(path)
    monkeypatch.undo()
    assert refusal.left == 0
    assert (path.read_bytes() if path.exists() else None) == left


@pytest.mark.usefixtures("windows", "impatient")
@pytest.mark.parametrize("name", OPERATIONS)
def test_gives_up_and_leaves_the_file_as_it_was(name: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that stays in use is an error that names it."""
    function, operation, _ = OPERATIONS[name]
    Refusal(monkeypatch, function, times=1000)
    with pytest.raises(StoreError, match=r"cache: Permission denied"):
        operation(path)
    monkeypatch.undo()
    assert path.read_bytes() == OLD


@pytest.mark.parametrize("name", OPERATIONS)
def test_other_systems_do_not_wait(name: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a denied permission is not about who has the file open."""
    function, operation, _ = OPERATIONS[name]
    refusal = Refusal(monkeypatch, function, times=1)
    with pytest.raises(StoreError, match="Permission denied"):
        operation(path)
    assert refusal.left == 0


@pytest.mark.usefixtures("windows")
def test_a_lock_that_is_lost_meanwhile_ends_the_wait(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this process still holds the cache's lock is checked before each attempt."""
    refusal = Refusal(monkeypatch, "replace", times=1000)

    def confirm() -> None:
        if refusal.calls == TIMES:
            raise StoreLocked("taken over", where=str(path))

    with pytest.raises(StoreLocked):
        disk.replace(str(path), NEW, 1, confirm)
    assert refusal.calls == TIMES
    assert path.read_bytes() == OLD


@pytest.mark.usefixtures("windows")
def test_a_key_file_that_is_being_replaced_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the environment is read once it can be."""
    path.write_bytes(base64.b64encode(bytes(32)))
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(path))
    refusal = Refusal(monkeypatch, "open")
    assert key_of_environment() == bytes(32)
    assert refusal.left == 0
