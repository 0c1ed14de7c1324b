"""Token caches on a Redis server, one for each user and client, shared by processes on many machines."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from doorcode._core.display import safe_repr
from doorcode._core.json_values import json_object
from doorcode._core.numeric_checks import check_seconds
from doorcode._core.values import value_class
from doorcode._frames import clears_frames
from doorcode._lazy import LazyModule
from doorcode.cache._ciphers.key_set import KeySet, key_set
from doorcode.cache._errors import StoreError
from doorcode.cache._key_source import KeySource
from doorcode.cache._locks.lease import check_lease_name
from doorcode.cache._protocol import Conflict, Lease, LeaseHolder, Loaded, Stamp
from doorcode.cache._stores import redis_lease
from doorcode.cache._stores.redis_errors import ForeignValueError, foreign_value
from doorcode.cache._stores.redis_listing import heads, scanned
from doorcode.cache._stores.redis_server import RedisServer
from doorcode.cache._stores.redis_value import (
    LONGEST_HEAD,
    MAGIC,
    STAMP_CHARACTERS,
    USUAL_HEAD,
    StoredValue,
    all_values,
    checked_partition,
    label_bound,
    new_stamp,
    pack,
    size_of_head,
    unpack,
)

if TYPE_CHECKING:
    import redis
    import redis.cluster
    import typing_extensions
else:
    redis, typing_extensions = LazyModule("redis"), LazyModule("typing_extensions")

__all__ = ["RedisStore", "RedisUser"]

_LONGEST_TTL: Final = 3_155_760_000
"""100 years, in seconds; a Redis server refuses a time that is much longer."""
_LONGEST_TIMEOUT: Final = 86_400
"""A day, in seconds; sockets and threads refuse a timeout that is much longer."""

_SAVE: Final = """
local now = redis.call('GET', KEYS[1])
local held = ''
if now == '' then now = false end
if now then
  if string.sub(now, 1, #ARGV[1]) ~= ARGV[1] then return {0, now} end
  held = string.sub(now, #ARGV[1] + 1, #ARGV[1] + #ARGV[3])
end
if held == ARGV[3] then return {1} end
if held ~= ARGV[2] then return {0, now} end
if ARGV[5] == '0' then redis.call('SET', KEYS[1], ARGV[4]) else redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5]) end
return {1}
"""
_DELETE: Final = """
local start = redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1)
if start ~= '' and start ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
"""


@value_class(frozen=True, slots=True)
class RedisUser:
    """A user with a token cache in a Redis store; it may be empty, after a sign-out.

    Attributes:
        user: the program's own identifier of the user.
        client_id: the application, if the program keeps several apart.
    """

    user: str
    client_id: str


class RedisStore:
    """Keep a token cache on a Redis server (or on a compatible one, such as Valkey), for programs on many machines.

    Pass it to ``doorcode.TokenCachePersistenceOptions`` as ``store``. If another process has written since the
    last read, a write is repeated on the newer content. One process at a time refreshes, under a lease. Content that
    this program cannot read is never overwritten. The first operation connects to the server.

    Args:
        server: a URL (``redis://``, ``rediss://`` for TLS, ``unix://``); a client of redis-py, also for Sentinel or a
            cluster; or a function that returns one of these. A function is called once in each process. A function and
            a URL without a password can be pickled.
        name: the name of the cache; programs with the same name and key share sign-ins.
        user: the program's own identifier of the user with these tokens; see ``for_user``.
        client_id: the application, if the program keeps several applications of a user apart.
        encryption_key: 32 bytes, or a function that returns them, to encrypt the content with. Of several keys, the
            first one encrypts and each of them decrypts. By default the key of the environment, as for files.
        allow_unencrypted_storage: whether the cache may be plain if there is no key.
        ttl: seconds after the last read or write after which the server removes a cache; by default never.
        timeout: seconds that one operation on the server may take, with all its retries.

    Raises:
        TypeError: a value has the wrong type.
        ValueError: there is no key, or a value is invalid; no message shows the URL.
    """

    @clears_frames
    def __init__(
        self,
        server: str | redis.Redis | redis.cluster.RedisCluster | Callable[[], object],
        *,
        name: str = "msal.cache",
        user: str = "",
        client_id: str = "",
        encryption_key: KeySource | Sequence[KeySource] | None = None,
        allow_unencrypted_storage: bool = False,
        ttl: float | None = None,
        timeout: float = 2.0,
    ) -> None:
        self._ttl: float | None = None if ttl is None else check_seconds("ttl", ttl, _LONGEST_TTL)
        self._partition = checked_partition(name, user, client_id)
        self._keys: KeySet = key_set(encryption_key, plain_allowed=allow_unencrypted_storage)
        self._server = RedisServer(server, check_seconds("timeout", timeout, _LONGEST_TIMEOUT))

    @property
    def encrypted(self) -> bool:
        """Tell whether the content is encrypted before it leaves the process."""
        return self._keys.encrypts

    @property
    def remote(self) -> bool:
        """Return True: the content is on a server, which other machines use while this process cannot reach it."""
        return True

    def describe(self) -> str:
        """Return where the cache is and how it is protected, as text for the user."""
        how = "encrypted with the program's own key" if self.encrypted else "not encrypted"
        return f"{self._server.place} (cache {self._partition.name!r}), {how}"

    def for_user(self, user: str, client_id: str = "") -> typing_extensions.Self:
        """Return the store of another user of the same program, which shares the connections of this one.

        Args:
            user: the program's own identifier of the user. Take it from an authenticated session, never from a
                parameter of a request.
            client_id: the application, if the program keeps several applications of a user apart.

        Raises:
            TypeError: a value is not text.
            ValueError: a value is too long.
        """
        other = copy.copy(self)
        vars(other)["_partition"] = checked_partition(self._partition.name, user, client_id)
        return other

    @clears_frames
    def users(self) -> Iterator[RedisUser]:
        """Yield the users with a cache of this name; blocks for the server, page by page.

        Users who sign in or out meanwhile may be missing.

        Raises:
            StoreError: the server cannot be used.
            StoreKeyError: these keys cannot decrypt a user's name; raised after all other users were yielded.
        """
        unreadable: StoreError | None = None
        for page in self._pages():
            found_heads = self._server.call(partial(heads, page, USUAL_HEAD), writes=False)
            for key, head in zip(page, found_heads, strict=True):
                try:
                    found = self._user_at(key, head)
                except StoreError as error:
                    unreadable = error
                    continue
                if found is not None:
                    yield found
        if unreadable is not None:
            raise unreadable

    @clears_frames
    def delete_all(self) -> int:
        """Sign out all users of this cache's name, by deleting their caches on the server.

        Returns:
            The number of caches. A user who signs in meanwhile may stay.

        Raises:
            StoreError: the server cannot be used, and some caches may be left; or a key of this name has something
                else than a token cache, which was left as it is, and all caches were deleted.
        """
        count = 0
        foreign: list[str] = []
        for page in self._pages():
            left = [key for key in page if not self._deleted(key)]
            count += len(page) - len(left)
            foreign += left
        if foreign:
            raise self._foreign(foreign[0])
        return count

    # -- the Protocol of stores

    @clears_frames
    def load(self) -> Loaded:
        """Return the content and its stamp; a read restarts the ``ttl``."""
        key = self._partition.value_key
        raw = self._server.call(lambda client: client.get(key), writes=False, key=key)
        if raw is not None and self._ttl is not None:
            self._touch(key)
        return self._loaded(raw)

    @clears_frames
    def save(self, data: bytes, expected: Stamp) -> Stamp | Conflict:
        """Replace the content if it is still what the caller loaded."""
        if not data:
            raise ValueError("there is nothing to save: use delete()")
        stamp, key = new_stamp(), self._partition.value_key
        label = self._encrypt(self._partition.label, label_bound(key))
        packed = pack(StoredValue(stamp, label, self._encrypt(data, self._partition.bound)))
        lasts = 0 if self._ttl is None else _milliseconds(self._ttl)
        arguments = (key, MAGIC, expected or "", stamp, packed, lasts)
        saved, *now = self._server.call(lambda client: client.eval(_SAVE, 1, *arguments), writes=True, key=key)
        if saved:
            return stamp
        loaded = self._loaded(now[0] if now else None)
        return Conflict(loaded.data, loaded.stamp)

    @clears_frames
    def delete(self) -> None:
        """Remove the content, whichever key it is encrypted with; leave a value that is no token cache."""
        self._delete(self._partition.value_key)

    @clears_frames
    def stamp(self) -> Stamp:
        """Return the stamp alone, from the first bytes of the value."""
        key, last = self._partition.value_key, len(MAGIC) + STAMP_CHARACTERS - 1
        raw: bytes = self._server.call(lambda client: client.getrange(key, 0, last), writes=False, key=key)
        if not raw:
            return None
        if not raw.startswith(MAGIC):
            raise self._foreign()
        return raw[len(MAGIC) :].decode("ascii", "replace")

    @clears_frames
    def lease(self, name: str, seconds: float) -> Lease | None:
        """Try once to get a lease, which ends by itself when its holder dies."""
        key = self._partition.lease_key(check_lease_name(name))
        return redis_lease.take(self._server, key, self._partition.fence_key, seconds)

    @clears_frames
    def lease_holder(self, name: str) -> LeaseHolder | None:
        """Return the holder of a lease; None if there is none."""
        key = self._partition.lease_key(check_lease_name(name))
        return redis_lease.holder_of(self._server.call(lambda client: client.get(key), writes=False, key=key))

    @safe_repr
    def __repr__(self) -> str:
        return f"<RedisStore: {self.describe()}>"

    # -- values

    def _encrypt(self, data: bytes, bound: bytes) -> bytes:
        return self._keys.encrypt(data, bound, self._server.place)

    def _loaded(self, raw: bytes | None) -> Loaded:
        if not raw:
            return Loaded(None, None)
        try:
            value = unpack(raw)
        except ValueError:
            raise self._foreign() from None
        return Loaded(self._keys.decrypt(value.tokens, self._partition.bound, self._server.place), value.stamp)

    def _foreign(self, key: str = "") -> ForeignValueError:
        return foreign_value(self._server.place, key or self._partition.value_key)

    def _touch(self, key: str) -> None:
        lasts = _milliseconds(self._ttl or 0.0)
        try:
            self._server.call(lambda client: client.pexpire(key, lasts), writes=True, repeats=False)
        except StoreError:
            return  # a replica takes no writes: the primary's time goes on

    def _delete(self, key: str) -> None:
        if not self._deleted(key):
            raise self._foreign(key)

    def _deleted(self, key: str) -> bool:
        """Delete the value of a key, and return whether it is gone; leave one that is no token cache."""
        try:
            return bool(self._server.call(lambda client: client.eval(_DELETE, 1, key, MAGIC), writes=True, key=key))
        except ForeignValueError:
            return False

    def _pages(self) -> Iterator[list[str]]:
        """Yield the keys of all caches of this name, each once, in pages."""
        seen = set[str]()
        replies: Iterator[list[bytes]] = self._server.call(
            partial(scanned, all_values(self._partition.name)), writes=False
        )
        # Most replies are empty where most keys are another program's: each of them has the time of a call.
        while (raw := self._server.call(lambda _: next(replies, None), writes=False, repeats=False)) is not None:
            page = [key for key in dict.fromkeys(each.decode() for each in raw) if key not in seen]
            seen.update(page)
            if page:
                yield page

    def _user_at(self, key: str, head: object) -> RedisUser | None:
        """Return whose value a key has, from its first bytes or the error for them; None where there is none now."""
        try:
            if isinstance(head, bytes) and head and len(head) < size_of_head(head):
                (head,) = self._server.call(partial(heads, [key], LONGEST_HEAD), writes=False)
            if not isinstance(head, bytes):
                raise self._server.error(cast("Exception", head), key)
            if not head:
                return None  # signed out meanwhile
            label = unpack(head).label
        except ValueError:
            raise self._foreign(key) from None
        said = json_object(self._keys.decrypt(label, label_bound(key), self._server.place))
        return RedisUser(str(said.get("user")), str(said.get("client_id")))


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
