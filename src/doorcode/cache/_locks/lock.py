"""The lock around one read, merge and write of a cache, kept out of msal-extensions' way in both of its modes.

With portalocker, msal-extensions creates ``<cache>.lockfile`` exclusively (trying for 5 s), locks it with ``flock`` and
removes it afterwards; without, the file's existence is the whole lock. So ours creates it exclusively *and* locks
it: existence keeps the second kind out, and the kernel tells everybody who can ask when its owner is gone.

Where the kernel cannot lock, as on some network file systems, existence alone is the lock. A lock file of another
machine is stale only when this process has seen it unchanged for ten seconds: a process number means nothing there, and
clocks differ. Whoever was so slow that its lock was taken notices before it writes.
"""

# Descriptors, flags, links not followed, and text for paths, as in the system calls below it all.
# ruff: noqa: PTH104, PTH108

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Final

from doorcode import _clock
from doorcode.cache._errors import StoreError, StoreLocked
from doorcode.cache._files.ownership import make_private, open_own
from doorcode.cache._locks.fair_queue import FairQueue
from doorcode.cache._locks.flock import LockedFile, LockResult, on_windows, try_lock
from doorcode.cache._locks.lock_file import LockFileMaker, Owner, content_of, owner_in, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["CacheLock", "QueueTurn", "cache_lock", "process_lives"]

STALE_AFTER: Final = 10.0
"""Seconds after which a lock file that nobody has locked counts as left behind, whatever process it names."""

GRACE: Final = 0.2
"""Seconds that a lock file which may be another library's is watched before it is taken: its process may live in
another container, or on another machine, where its number means nothing to us."""

PATIENCE: Final = 15.0
"""Seconds to wait for one holder; more than STALE_AFTER, so that a file left behind never ends a wait."""

MOST_HOLDERS: Final = 4
"""How many times as long to wait in all, where holders come and go."""

FIRST_PAUSE: Final = 0.01
LAST_PAUSE: Final = 0.002
"""Seconds between tries: shorter the longer somebody waits, which is what makes the wait fair."""


LOOK_EVERY: Final = 0.025
"""Seconds between looks at whose the file is; in between it is enough to see whether it is there."""


class _Watch:
    """What one wait has seen of a lock file, in seconds of the monotonic clock."""

    def __init__(self, start: float) -> None:
        self.state: tuple[int, int, int] | None = None
        self.since = start
        self.next_look = start

    def see(self, state: tuple[int, int, int] | None, now: float) -> None:
        """Note the state of the file; None when there is none."""
        if state != self.state:
            self.state, self.since = state, now


class QueueTurn:
    """Hold the lock until the block ends.

    Args:
        held: the lock file.
        path: where it should be.
    """

    def __init__(self, held: LockedFile, path: str) -> None:
        self._held = held
        self._path = path

    def confirm(self) -> None:
        """Check that the lock is still held; call it just before anything is written.

        Raises:
            StoreLocked: another process took it for one that was left behind.
        """
        if not self._held.same_file(self._path):
            raise StoreLocked(
                f"another process took {self._path} over, because this one had held it for too long; "
                "nothing was written",
                where=self._path,
            )


def process_lives(pid: int) -> bool:
    """Tell whether a process of this machine has that number; true where that cannot be known."""
    if on_windows():  # os.kill would end it there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


class CacheLock:
    """Exclude every other process and thread from a cache while it is read, merged and written.

    Args:
        path: of the lock file; its directory must exist when the lock is taken.
        wait_timeout: seconds to wait for one holder before giving up.
        clock: seconds, monotonic.
        now: seconds since 1970, to compare with a file's time.
        sleep: waits for seconds.
        lives: tells whether a process number is in use.
        line: where ours queue up before they try; None leaves it to luck.
    """

    def __init__(
        self,
        path: str,
        *,
        wait_timeout: float = PATIENCE,
        clock: Callable[[], float] = _clock.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        lives: Callable[[int], bool] = process_lives,
        line: FairQueue | None = None,
    ) -> None:
        self.path = path
        self._wait_timeout = wait_timeout
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._lives = lives
        self._line = line
        self._released = float("-inf")

    @contextlib.contextmanager
    def hold(self) -> Generator[QueueTurn]:
        """Hold the lock for a block; waits as long as holders come and go. Not reentrant.

        Raises:
            StoreLocked: one holder had it for ``wait_timeout`` seconds, or others for four times as long.
            StoreError: the lock file cannot be made, or is not a regular file of this user's.
        """
        start = self._clock()
        self._let_others(start)
        turn = self._enter(start)
        try:
            with contextlib.closing(LockFileMaker(self.path)) as maker:
                held = self._acquire(maker, start)
            try:
                yield QueueTurn(held, self.path)
            finally:
                self._release(held)
        finally:
            if turn is not None:
                turn.close()

    def _enter(self, start: float) -> LockedFile | None:
        try:
            return self._line.enter(self._wait_timeout) if self._line else None
        except TimeoutError:
            raise self._too_long(self._clock() - start) from None

    def _acquire(self, maker: LockFileMaker, start: float) -> LockedFile:
        watch = _Watch(self._clock())
        while True:
            held = self._create(maker)
            if held is None and self._clock() >= watch.next_look:
                held = self._take_over(watch)
                watch.next_look = self._clock() + LOOK_EVERY
            if held is not None:
                return held
            now = self._clock()
            if now - watch.since >= self._wait_timeout or now - start >= MOST_HOLDERS * self._wait_timeout:
                raise self._too_long(now - start)
            self._sleep(max(LAST_PAUSE, FIRST_PAUSE / (1 + 50 * (now - start))))

    def _let_others(self, start: float) -> None:
        """Give whoever waits a turn before this process takes the lock again."""
        if start - self._released < FIRST_PAUSE:
            self._sleep(FIRST_PAUSE)

    def _create(self, maker: LockFileMaker) -> LockedFile | None:
        try:
            return maker.create()
        except OSError as error:
            if on_windows() and isinstance(error, PermissionError):  # it is being removed
                return None
            raise self._failed(error) from error

    def _take_over(self, watch: _Watch) -> LockedFile | None:
        """Take a lock file that was left behind; note what was seen of one that was not."""
        try:
            descriptor = open_own(self.path, os.O_RDWR)
        except FileNotFoundError:
            watch.see(None, self._clock())
            return None
        except OSError as error:
            if on_windows() and isinstance(error, PermissionError):
                return None
            raise self._failed(error) from error
        # Nobody is kept from locking a file that is new: it is only looked at, until it can be one left behind.
        try:
            status = os.fstat(descriptor)
            owner = owner_in(content_of(descriptor))
        except OSError:  # Windows lets nobody read what another process has locked
            os.close(descriptor)
            return None
        watch.see((status.st_ino, status.st_mtime_ns, status.st_size), self._clock())
        if not self._abandoned(owner, watch, status.st_mtime):
            os.close(descriptor)
            return None
        return self._claim(LockedFile(descriptor, try_lock(descriptor)), owner, watch)

    def _claim(self, held: LockedFile, owner: Owner, watch: _Watch) -> LockedFile | None:
        """Keep a file that is locked and still in its place, and let any other go."""
        if held.grip is LockResult.UNSUPPORTED:
            self._remove_abandoned(held, owner, watch)
        if held.grip is not LockResult.HELD or not held.same_file(self.path):
            held.close()
            return None
        with contextlib.suppress(OSError):
            make_private(held.descriptor)
        sign(held)
        return held

    def _remove_abandoned(self, held: LockedFile, owner: Owner, watch: _Watch) -> None:
        """Make room for a new lock file where the kernel locks none; whoever creates it first has the lock."""
        if not owner.same_processes and self._clock() - watch.since <= STALE_AFTER:
            return  # it may be another machine's, and no lock tells
        aside = f"{self.path}.{os.urandom(6).hex()}"
        with contextlib.suppress(OSError):
            # One process only gets to rename it: what is removed afterwards is this file, or is put back.
            os.rename(self.path, aside)
            if not held.same_file(aside):
                os.link(aside, self.path)
            os.unlink(aside)

    def _abandoned(self, owner: Owner, watch: _Watch, modified: float) -> bool:
        """Tell whether the owner of a lock file that may be without the kernel's lock is gone."""
        if owner.marked and owner.same_kernel is not False:
            return True  # unless the kernel says that it is locked
        age = self._clock() - watch.since
        if age < GRACE:
            return False
        if owner.same_processes is False:
            return age > STALE_AFTER
        gone = owner.process is not None and not self._lives(owner.process)
        # The clock of the wall may have been set back since: then what was seen with the other clock decides.
        return gone or max(age, self._now() - modified) > STALE_AFTER

    def _release(self, held: LockedFile) -> None:
        if not held.open:  # a forked child: the lock is its parent's
            return
        ours = held.same_file(self.path)
        if on_windows():  # an open file cannot be removed there
            held.close()
        if ours:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        held.close()
        self._released = self._clock()

    def _failed(self, error: OSError) -> StoreError:
        words = f"cannot lock the token cache: {self.path}: {error.strerror}"
        return StoreError(words, where=self.path, errno=error.errno)

    def _too_long(self, waited: float) -> StoreLocked:
        owner = self._owner()
        who = "another process" if owner is None or owner.process is None else f"process {owner.process}"
        where = f" of the machine {owner.host!r}" if owner is not None and owner.same_kernel is False else ""
        return StoreLocked(
            f"{who}{where} has held {self.path} for {waited:.0f} s; if it is stuck, end it, and remove the file",
            where=self.path,
        )

    def _owner(self) -> Owner | None:
        try:
            descriptor = open_own(self.path, os.O_RDONLY)
        except (OSError, StoreError):
            return None
        try:
            return owner_in(content_of(descriptor))
        except OSError:
            return None
        finally:
            os.close(descriptor)


def cache_lock(path: str) -> CacheLock:
    """Return the lock of the cache at a path: ``<path>.lockfile``, behind the line at ``<path>.write.lock``."""
    return CacheLock(f"{path}.lockfile", line=FairQueue(f"{path}.write.lock"))
