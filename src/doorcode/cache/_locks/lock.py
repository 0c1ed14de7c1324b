"""The lock around one read, merge and write of a cache; it excludes msal-extensions too, in both of its modes.

With portalocker, msal-extensions creates ``<cache>.lockfile`` exclusively (trying for 5 s), locks it with ``flock`` and
removes it afterwards. Without portalocker, the existence of the file is its lock. Therefore doorcode creates the file
exclusively *and* locks it: the existence excludes the second mode, and the kernel's lock shows when the owner has died.

On file systems that cannot lock, such as some network mounts, existence alone is the lock. There a process takes over
another machine's lock file only after it has seen the file unchanged for ten seconds: a process ID says nothing about
another machine, and clocks differ. An owner whose lock was taken over notices that before it writes.
"""

# The functions of os take descriptors and flags, and do not follow links; pathlib's cannot do that.
# ruff: noqa: PTH104, PTH108

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Final

from doorcode import _clock
from doorcode.cache._errors import StoreError, StoreLocked
from doorcode.cache._files.ownership import make_private, open_own
from doorcode.cache._files.system import on_windows
from doorcode.cache._locks.fair_queue import FairQueue
from doorcode.cache._locks.flock import LockedFile, LockResult, try_lock
from doorcode.cache._locks.lock_file import LockFileMaker, Owner, content_of, owner_in, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["CacheLock", "HeldLock", "cache_lock", "process_lives"]

STALE_AFTER: Final = 10.0
"""Seconds after which a lock file without a kernel lock counts as abandoned, whichever process it names."""

GRACE: Final = 0.2
"""Seconds to watch a lock file without doorcode's mark before taking it over: its process may run in another container
or on another machine, where this process cannot check its ID."""

HOLDER_TIMEOUT: Final = 15.0
"""Seconds to wait for one holder; more than STALE_AFTER, so that an abandoned file never makes a wait fail."""

MOST_HOLDERS: Final = 4
"""The total wait, as a multiple of the wait for one holder, while holders change."""

FIRST_PAUSE: Final = 0.01
LAST_PAUSE: Final = 0.002
"""Seconds between tries: a process that has waited longer tries more often, which makes the wait fair."""


LOOK_EVERY: Final = 0.025
"""Seconds between reads of the lock file's owner; in between, this process only checks whether the file exists."""


class _Watch:
    """The last state of a lock file that one wait has seen, and since when, in monotonic seconds."""

    def __init__(self, start: float) -> None:
        self.state: tuple[int, int, int] | None = None
        self.since = start
        self.next_look = start

    def see(self, state: tuple[int, int, int] | None, now: float) -> None:
        """Note the state of the file; None if there is no file."""
        if state != self.state:
            self.state, self.since = state, now


class HeldLock:
    """The lock while a block holds it.

    Args:
        held: the lock file.
        path: the path of the lock file.
    """

    def __init__(self, held: LockedFile, path: str) -> None:
        self._held = held
        self._path = path

    def confirm(self) -> None:
        """Check that this process still holds the lock; call it just before a write.

        Raises:
            StoreLocked: another process took the lock over, because it looked abandoned.
        """
        if not self._held.same_file(self._path):
            raise StoreLocked(
                f"another process took {self._path} over, because this one had held it for too long; "
                "nothing was written",
                where=self._path,
            )


def process_lives(pid: int) -> bool:
    """Tell whether this machine has a process with that ID; True when that is unknown."""
    if on_windows():  # os.kill would end the process there
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
        path: the path of the lock file; its directory must exist when the lock is taken.
        wait_timeout: seconds to wait for one holder before giving up.
        clock: monotonic seconds.
        now: seconds since 1970, to compare with a file's time.
        sleep: waits for seconds.
        lives: tells whether a process ID is in use.
        queue: orders doorcode's own processes before they try; None lets them race for the lock.
    """

    def __init__(
        self,
        path: str,
        *,
        wait_timeout: float = HOLDER_TIMEOUT,
        clock: Callable[[], float] = _clock.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        lives: Callable[[int], bool] = process_lives,
        queue: FairQueue | None = None,
    ) -> None:
        self.path = path
        self._wait_timeout = wait_timeout
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._lives = lives
        self._queue = queue
        self._released = float("-inf")

    @contextlib.contextmanager
    def hold(self) -> Generator[HeldLock]:
        """Hold the lock for a block; waits as long as holders come and go. Not reentrant.

        Raises:
            StoreLocked: one holder had the lock for ``wait_timeout`` seconds, or several for four times as long.
            StoreError: the lock file cannot be created, or is not a regular file of this user.
        """
        start = self._clock()
        self._let_others(start)
        turn = self._enter(start)
        try:
            with contextlib.closing(LockFileMaker(self.path)) as maker:
                held = self._acquire(maker, start)
            try:
                yield HeldLock(held, self.path)
            finally:
                self._release(held)
        finally:
            if turn is not None:
                turn.close()

    def _enter(self, start: float) -> LockedFile | None:
        try:
            return self._queue.enter(self._wait_timeout) if self._queue else None
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
        """Pause after a release, so that a waiting process can take the lock before this one takes it again."""
        if start - self._released < FIRST_PAUSE:
            self._sleep(FIRST_PAUSE)

    def _create(self, maker: LockFileMaker) -> LockedFile | None:
        try:
            return maker.create()
        except OSError as error:
            if on_windows() and isinstance(error, PermissionError):  # the file is being removed
                return None
            raise self._failed(error) from error

    def _take_over(self, watch: _Watch) -> LockedFile | None:
        """Take an abandoned lock file over; note the state of any other."""
        try:
            descriptor = open_own(self.path, os.O_RDWR)
        except FileNotFoundError:
            watch.see(None, self._clock())
            return None
        except OSError as error:
            if on_windows() and isinstance(error, PermissionError):
                return None
            raise self._failed(error) from error
        # A new file is only read and not locked, because that could fail its owner's own attempt to lock it.
        try:
            status = os.fstat(descriptor)
            owner = owner_in(content_of(descriptor))
        except OSError:  # on Windows, a file that another process has locked cannot be read
            os.close(descriptor)
            return None
        watch.see((status.st_ino, status.st_mtime_ns, status.st_size), self._clock())
        if not self._abandoned(owner, watch, status.st_mtime):
            os.close(descriptor)
            return None
        return self._claim(LockedFile(descriptor, try_lock(descriptor)), owner, watch)

    def _claim(self, held: LockedFile, owner: Owner, watch: _Watch) -> LockedFile | None:
        """Keep a file that is locked and still at its path; close any other."""
        with held.closed_on_error():
            if held.result is LockResult.UNSUPPORTED:
                self._remove_abandoned(held, owner, watch)
            if held.result is not LockResult.HELD or not held.same_file(self.path):
                held.close()
                return None
            with contextlib.suppress(OSError):
                make_private(held.descriptor)
            sign(held)
        return held

    def _remove_abandoned(self, held: LockedFile, owner: Owner, watch: _Watch) -> None:
        """Remove an abandoned lock file on a file system without locks; the next process to create one has the lock."""
        if not owner.same_processes and self._clock() - watch.since <= STALE_AFTER:
            return  # it may belong to another machine, and no kernel lock shows that its owner lives
        aside = f"{self.path}.{os.urandom(6).hex()}"
        with contextlib.suppress(OSError):
            # Only one process succeeds in renaming it. A file that turns out to be another one is put back.
            os.rename(self.path, aside)
            if not held.same_file(aside):
                os.link(aside, self.path)
            os.unlink(aside)

    def _abandoned(self, owner: Owner, watch: _Watch, modified: float) -> bool:
        """Tell whether the owner of a lock file seems to be gone; the caller then tries the kernel's lock."""
        if owner.marked and owner.same_kernel is not False:
            return True  # unless the attempt to lock it fails
        age = self._clock() - watch.since
        if age < GRACE:
            return False
        if owner.same_processes is False:
            return age > STALE_AFTER
        gone = owner.process is not None and not self._lives(owner.process)
        # The wall clock may have been set back since; then the age on the monotonic clock decides.
        return gone or max(age, self._now() - modified) > STALE_AFTER

    def _release(self, held: LockedFile) -> None:
        if not held.open:  # in a forked child, the lock belongs to the parent
            return
        try:
            ours = held.same_file(self.path)
            if on_windows():  # an open file cannot be removed there
                held.close()
            if ours:
                with contextlib.suppress(OSError):
                    os.unlink(self.path)
        finally:  # Ctrl-C may come here; a file that is left is unlocked, and the next process takes it over
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
    """Return the lock of the cache at a path: ``<path>.lockfile``, with its queue in ``<path>.write.lock``."""
    return CacheLock(f"{path}.lockfile", queue=FairQueue(f"{path}.write.lock"))
