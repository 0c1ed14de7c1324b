from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from doorcode.cache import StoreError
from doorcode.cache._flock import Grip, try_lock
from doorcode.cache._lease import try_lease


def test_makes_a_private_file_that_stays(tmp_path: Path) -> None:
    """The lease's file is 0600 whatever the umask is, and is not removed."""
    before = os.umask(0)
    try:
        lease = try_lease(str(tmp_path / "c.refresh.lock"))
    finally:
        os.umask(before)
    assert lease is not None
    lease.release()
    assert (tmp_path / "c.refresh.lock").stat().st_mode & 0o777 == 0o600


def test_does_not_follow_a_planted_link(tmp_path: Path) -> None:
    """A link in its place is an error."""
    (tmp_path / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(StoreError) as caught:
        try_lease(str(tmp_path / "lock"))
    assert caught.value.errno == errno.ELOOP
    assert not (tmp_path / "victim").exists()


def test_takes_a_new_file_when_somebody_removed_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that vanishes between its opening and its locking leases nothing; when it always does, nobody gets one."""
    path = tmp_path / "lock"
    losses = iter(range(1))

    def lock_and_lose(descriptor: int) -> Grip:
        if next(losses, None) is not None:
            path.unlink()
        return try_lock(descriptor)

    monkeypatch.setattr("doorcode.cache._lease.try_lock", lock_and_lose)
    lease = try_lease(str(path))
    assert lease is not None
    lease.release()
    losses = iter(range(100))
    assert try_lease(str(path)) is None
