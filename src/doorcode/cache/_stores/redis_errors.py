"""Map errors of a Redis server to a StoreError that says what to do, without any credential."""

from __future__ import annotations

import re
from typing import Final

from doorcode._core.display import one_line
from doorcode.cache._errors import StoreError

__all__ = ["ForeignValueError", "foreign_value", "hinders_reading", "is_passing", "store_error"]

_LONGEST: Final = 200
_REFUSED: Final = ("NOAUTH", "WRONGPASS", "NOPERM", "AuthenticationError", "AuthorizationError", "NoPermissionError")
_REFUSED_IN_SCRIPT: Final = "The user executing the script can't"
_USER_INFO: Final = re.compile(r"(?<=://)\S+@")
_PASSING: Final = (
    "ConnectionError", "BusyLoadingError", "ReadOnlyError", "ClusterDownError", "MasterDownError", "TryAgainError",
    "MasterNotFoundError", "MaxConnectionsError", "TimeoutError",
)  # fmt: skip
"""Errors of redis-py that pass with a restart or a failover."""
_MEANINGS: Final = (
    (
        ("READONLY", "read only replica"),
        "takes no writes, as a replica does; connect to the primary, or wait for the failover",
    ),
    (("OOM", "OutOfMemoryError"), "has no memory left: raise its maxmemory, or give the token caches a ttl"),
    (("MISCONF",), "takes no writes, because it cannot save to its disk; look at its log"),
    (("NOREPLICAS",), "takes no writes, because it has too few replicas; look at its log"),
    (("LOADING", "BusyLoadingError"), "is still loading its data"),
    (("MOVED", "ASK "), "is a node of a cluster: give the store a redis.cluster.RedisCluster"),
    (("BUSY",), "is busy with a script that does not end"),
    (("CLUSTERDOWN", "MASTERDOWN", "MasterNotFound", "ClusterDown", "MasterDown"), "has no primary now"),
)


_OTHER_TYPE: Final = ("WRONGTYPE", "value is not an integer")


class ForeignValueError(StoreError):
    """Say that a key has a value that doorcode did not write."""


def foreign_value(place: str, key: str) -> ForeignValueError:
    """Return the error for a key whose value is not doorcode's.

    Args:
        place: where the server is.
        key: the key.
    """
    return ForeignValueError(
        f"{place} holds something else than a token cache under the key {key}; it was left as it is. Remove it, or use "
        "another name",
        where=place,
    )


def is_passing(error: BaseException) -> bool:
    """Tell whether a retry may help: after a lost connection, a restart or a failover."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, OSError) or (not _is_refusal(error) and bool(names & set(_PASSING)))


def hinders_reading(error: BaseException) -> bool:
    """Tell whether an error that will pass also prevents reads."""
    return "ReadOnlyError" not in {kind.__name__ for kind in type(error).__mro__}


def store_error(error: BaseException, place: str, secrets: tuple[str, ...], key: str = "") -> StoreError:
    """Return the error to raise for an exception of redis-py.

    Args:
        error: what it raised. Its frames and attributes lead to connections with their passwords, so that the cause of
            the result is another exception with the same words.
        place: where the server is.
        secrets: what no text may show.
        key: the key that the call was about.
    """
    said = str(error)
    for secret in secrets:
        said = said.replace(secret, "…")
    said = one_line(_USER_INFO.sub("…@", said), _LONGEST).rstrip(".")
    made: StoreError = StoreError(f"{place} {_meaning(error, said)}", where=place, errno=getattr(error, "errno", None))
    if any(sign in said for sign in _OTHER_TYPE):
        made = foreign_value(place, key)
    made.__cause__ = ConnectionError(f"{type(error).__name__}: {said}" if said else type(error).__name__)
    return made


def _meaning(error: BaseException, said: str) -> str:
    if _is_refusal(error):
        return f"refuses this program ({said}): look at the user, the password and the server's ACL"
    names = " ".join(kind.__name__ for kind in type(error).__mro__)
    for signs, meaning in _MEANINGS:
        if any(sign in said or sign in names for sign in signs):
            return meaning
    if "TimeoutError" in names:
        return "does not answer in time"
    if isinstance(error, LookupError):  # such as an environment variable that the program's function misses
        said = f"{type(error).__name__}: {said}"
    return f"cannot be used: {said or type(error).__name__}"


def _is_refusal(error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    said = str(error)
    return bool(names & set(_REFUSED)) or said.startswith(_REFUSED) or _REFUSED_IN_SCRIPT in said
