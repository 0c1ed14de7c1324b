"""Leases on a Redis server: each ends by itself, and carries a number that tells a late holder from the next one."""

# Paths are text here, as the system calls of the stores take them.
# ruff: noqa: PTH123

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from doorcode import _clock
from doorcode._core.display import one_line
from doorcode._core.json_values import instant, json_object, number
from doorcode.cache._errors import StoreError
from doorcode.cache._files.host import here
from doorcode.cache._locks.lock import process_lives
from doorcode.cache._protocol import LeaseHolder

if TYPE_CHECKING:
    from doorcode.cache._stores.redis_server import RedisServer

__all__ = ["LONGEST", "RedisLease", "holder_of", "take"]

LONGEST: Final = 300.0
"""Seconds after which the lease of a process that died ends at the latest. A lease for longer, over a prompt, is
extended by a thread of its holder."""
_FENCE_KEPT: Final = 604_800
"""Seconds for which the number of the last lease is kept: longer than any lease lasts."""
_LONGEST_HOST: Final = 80
_ENDED: Final = "ZX"
_START_TIME: Final = 19
"""In ``/proc/PID/stat``: the states of a process that has ended, and the field of its start time (proc(5))."""

_TAKE: Final = """
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, #ARGV[1]) == ARGV[1] then return {1, string.match(held, '"fence": (%d+)')} end
if held and held ~= ARGV[4] then return {0, held} end
local fence = redis.call('INCR', KEYS[2])
redis.call('EXPIRE', KEYS[2], ARGV[5])
redis.call('SET', KEYS[1], ARGV[1] .. '{"fence": ' .. fence .. ', ' .. ARGV[2], 'PX', ARGV[3])
return {1, tostring(fence)}
"""
_RENEW: Final = """
local held = redis.call('GET', KEYS[1])
if not held or string.sub(held, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
return 1
"""
_RELEASE: Final = """
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, #ARGV[1]) == ARGV[1] then redis.call('EXPIRE', KEYS[1], 0) end
return 1
"""
# EXPIRE deletes as DEL does. A user without the right to DEL could take leases, and not release them.

_GIVEN_UP: Final[dict[str, None]] = {}
"""Tokens of leases that this process does not use, and that the server may have granted or kept all the same."""
_MOST_GIVEN_UP: Final = 1000


class RedisLease:
    """A lease that ends when it is released, or when its time is over.

    Args:
        server: the server that keeps it.
        key: its key on the server.
        token: 32 random hexadecimal digits, unique to this lease.
        fence: its number, which is higher than that of every earlier lease of the same name.
        seconds: how long the lease was taken for.

    Attributes:
        fence: its number.
    """

    def __init__(self, server: RedisServer, key: str, token: str, fence: int, seconds: float) -> None:
        self.fence = fence
        self._server = server
        self._key = key
        self._token = token
        self._pid = os.getpid()
        self._released = threading.Event()
        self._end = _clock.monotonic() + seconds
        self._until: float | None = None
        self._kept_alive = False
        self._keep_alive(seconds)

    def renew(self, seconds: float, until: float | None = None) -> bool:
        """Extend the lease to this many seconds from now; return False if it is lost, or the server fails."""
        if self._released.is_set() or self._pid != os.getpid():
            return False
        self._end, self._until = _clock.monotonic() + seconds, until
        self._keep_alive(seconds)
        try:
            return self._extend(seconds)
        except StoreError:
            return False

    def release(self) -> None:
        """Give the lease up; do nothing the second time, or in a forked child."""
        if self._released.is_set() or self._pid != os.getpid():
            return
        self._released.set()
        try:
            self._server.call(lambda client: client.eval(_RELEASE, 1, self._key, self._token), writes=True)
        except StoreError:  # it ends by itself
            _give_up(self._token)

    def _extend(self, seconds: float) -> bool:
        note = f'{{"fence": {self.fence}, {_note(seconds, self._until)}'
        lasts = _milliseconds(seconds)
        return bool(
            self._server.call(lambda client: client.eval(_RENEW, 1, self._key, self._token, note, lasts), writes=True)
        )

    def _keep_alive(self, seconds: float) -> None:
        if seconds <= LONGEST or self._kept_alive:
            return
        self._kept_alive = True
        with suppress(RuntimeError):  # no further thread can be had: the lease ends after LONGEST
            threading.Thread(target=self._extend_again, name="doorcode-lease", daemon=True).start()

    def _extend_again(self) -> None:
        while not self._released.wait(LONGEST / 4):
            left = self._end - _clock.monotonic()
            if left <= 0:
                return
            with suppress(StoreError):  # tried again after a while
                if not self._extend(left):
                    return


def take(server: RedisServer, key: str, fence_key: str, seconds: float) -> RedisLease | None:
    """Try once to take a lease.

    If its holder was a process of this machine that has died, the lease is taken at once. So is a lease that this
    process has given up: the server granted it too late, or was away when it was to be released. The lease of a
    process that died on another machine ends by itself.

    Args:
        server: where it is.
        key: of the lease.
        fence_key: of the number of the last lease, on the same shard.
        seconds: how long it is needed at most.

    Raises:
        StoreError: the server cannot be used.
    """
    token, note = os.urandom(16).hex(), _note(seconds, None)
    unused = b""
    request = _Request()
    for _ in range(2):
        arguments = (key, fence_key, token, note, _milliseconds(seconds), unused, _FENCE_KEPT)
        try:
            got, said = server.call(partial(request.send, arguments), writes=True, key=f"{key} or {fence_key}")
            if got:
                return RedisLease(server, key, token, int(said), seconds)
        except BaseException:  # Ctrl-C included
            if request.leave():
                _give_up(token)
            raise
        if not _is_given_up(said) and not _is_dead(said):
            return None
        unused = said
    return None


def holder_of(held: bytes | None) -> LeaseHolder | None:
    """Return the holder of a lease from the value of its key."""
    said = _read(held)
    process = int(number(said.get("process")) or 0)
    host = one_line(said.get("host"), _LONGEST_HOST)
    return LeaseHolder(process or None, host, instant(said.get("until"))) if said else None


class _Request:
    """A request for a lease, whose caller may leave before it is sent: connecting may take longer than a call."""

    def __init__(self) -> None:
        self._was_sent = self._is_left = False

    def send(self, arguments: tuple[object, ...], client: Any) -> list[Any]:
        """Send the request, unless the caller has left; return the answer."""
        self._was_sent = True  # before the check: `leave` looks at the two in the other order
        if self._is_left:
            return [0, b""]
        answer: list[Any] = client.eval(_TAKE, 2, *arguments)
        return answer

    def leave(self) -> bool:
        """Note that the caller has left; return whether the server may grant the lease all the same."""
        self._is_left = True
        return self._was_sent


def _note(seconds: float, until: float | None) -> str:
    """Return a description of the holder for other processes: JSON without its opening brace."""
    host = here()
    process = os.getpid()
    fields = {"process": process, "started": _started(process), "host": host.name, "boot": host.boot}
    return json.dumps({**fields, "space": host.processes, "seconds": seconds, "until": until})[1:]


def _give_up(token: str) -> None:
    _GIVEN_UP[token] = None
    for oldest in list(_GIVEN_UP)[:-_MOST_GIVEN_UP]:
        _GIVEN_UP.pop(oldest, None)


def _is_given_up(held: bytes) -> bool:
    return held[: held.find(b"{")].decode("ascii", "replace") in _GIVEN_UP


def _is_dead(held: bytes) -> bool:
    """Tell whether a holder was a process of this machine and has died."""
    said, host = _read(held), here()
    process = int(number(said.get("process")) or 0)
    same = bool(host.boot and host.processes) and (said.get("boot"), said.get("space")) == (host.boot, host.processes)
    return same and process > 0 and not (process_lives(process) and _started(process) in {said.get("started"), ""})


def _started(process: int) -> str:
    """Return when a process of this machine started, in ticks of its kernel; "zombie" for one that has ended.

    The empty text stands for what cannot be known: another user's process may be hidden.
    """
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "zombie" if fields[0] in _ENDED else fields[_START_TIME]


def _read(held: bytes | None) -> dict[str, object]:
    if not isinstance(held, bytes):
        return {}
    try:
        return json_object(held[held.index(b"{") :])
    except ValueError:
        return {}


def _milliseconds(seconds: float) -> int:
    return max(1, int(min(seconds, LONGEST) * 1000))
