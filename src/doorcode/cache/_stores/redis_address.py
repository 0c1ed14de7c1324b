"""The ``server`` option of the Redis store: a URL, a client of redis-py, or a function that returns one of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from doorcode._core.display import one_line
from doorcode._core.object_checks import is_coroutine_function
from doorcode._lazy import needs_extra

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["checked_server", "open_client", "place_of", "secrets_of"]

_SCHEMES: Final = ("redis", "rediss", "unix")
_USED: Final = ("eval", "get", "getrange", "pexpire", "pipeline", "scan")
_LONGEST_PLACE: Final = 120
_BYTES: Final = "make the Redis client without decode_responses=True: token caches are bytes"
_DATABASE: Final = re.compile(r"(/[0-9]{0,9})?")


def checked_server(server: object) -> object:
    """Check the option and return it; a function is not called yet.

    Raises:
        TypeError: it is neither a URL, nor a client of redis-py, nor a function.
        ValueError: the URL cannot be right, or the client turns replies into text.
    """
    if isinstance(server, str):
        _checked_url(server)
        return server
    if any(kind.__module__.startswith("redis.asyncio") for kind in type(server).__mro__):
        raise TypeError("give the store a redis.Redis, not one of redis.asyncio: it is used in threads of its own")
    if all(hasattr(server, name) for name in _USED):
        encoder = getattr(server, "get_encoder", lambda: None)()
        if getattr(encoder, "decode_responses", False):
            raise ValueError(_BYTES)
        return server
    if not callable(server) or is_coroutine_function(server):
        kind = type(server).__name__
        raise TypeError(f"server must be a URL, a redis.Redis, or a function that returns one of them, not {kind}")
    return server


def open_client(server: object, timeout: float) -> tuple[Any, bool]:
    """Return the client of redis-py for a server; calls the program's function.

    Args:
        server: what :func:`checked_server` returned.
        timeout: seconds to wait for a connection, and for data, where the program does not make the client itself.

    Returns:
        The client, and whether it was made here.

    Raises:
        ModuleNotFoundError: redis-py is not installed.
        TypeError: the function returned something else.
        ValueError: the function returned what cannot be used, or redis-py cannot use the URL.
    """
    if callable(server):
        found = checked_server(cast("Callable[[], object]", server)())
        if callable(found):
            raise TypeError("the function that names the Redis server returned a function")
        return open_client(found, timeout)
    return (_client_of(server, timeout), True) if isinstance(server, str) else (server, False)


def place_of(server: object) -> str:
    """Return where a server is, without its credentials, as text for the user."""
    if isinstance(server, str):
        parts = _checked_url(server)
        if parts.scheme == "unix":
            return f"Redis at {one_line(parts.path, _LONGEST_PLACE)}"
        host = parts.hostname or "localhost"
        return f"Redis at {one_line(f'{host}:{parts.port or 6379}{parts.path}', _LONGEST_PLACE)}"
    options = _options_of(server)
    at = options.get("path") or (f"{options['host']}:{options.get('port', 6379)}" if options.get("host") else "")
    return f"Redis at {one_line(str(at), _LONGEST_PLACE)}" if at else "Redis"


def secrets_of(server: object) -> tuple[str, ...]:
    """Return the secrets of a server, which no message may show: passwords, and the part of a URL that has them."""
    found = {str(_options_of(server).get("password") or "")}
    if isinstance(server, str):
        parts = _checked_url(server)
        user_info = parts.netloc.rpartition("@")[0]
        found |= {user_info, unquote(user_info), parts.password or "", unquote(parts.password or "")}
        # redis-py reads options from the query, a password among them.
        written = [each.partition("=") for each in parts.query.split("&")]
        found |= {value for name, _, value in written if "pass" in name}
        found |= {value for name, value in parse_qsl(parts.query) if "pass" in name}
    return tuple(sorted((each for each in found if each), key=len, reverse=True))


def has_secret(server: object) -> bool:
    """Tell whether the option contains the server's password."""
    return isinstance(server, str) and bool(secrets_of(server))


def _checked_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        right = parts.scheme in _SCHEMES and (parts.port is None or parts.port > 0)
    except ValueError:
        right, parts = False, SplitResult("", "", "", "", "")
    if not right or not (parts.hostname or parts.path):
        # It is not shown: a password with a '/' in it is what most often makes a URL unreadable.
        raise ValueError(
            "the URL of the Redis server cannot be read: write redis://, rediss:// (TLS) or unix://, and quote other "
            "characters than letters and digits in the password, as urllib.parse.quote(password, safe='') does"
        )
    if parts.scheme != "unix" and not _DATABASE.fullmatch(parts.path):
        # The path is not shown either: it may be a part of the password.
        raise ValueError(
            "the path of the Redis server's URL must be the number of a database, such as /0, or be left out; redis-py "
            "would use database 0 for any other"
        )
    if "decode_responses" in dict(parse_qsl(parts.query, keep_blank_values=True)):
        raise ValueError(_BYTES)
    return parts


def _client_of(url: str, timeout: float) -> object:
    try:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ModuleNotFoundError as missing:
        raise needs_extra("doorcode.cache.RedisStore", "redis", missing) from missing
    # The store itself tries again, for a bounded time.
    options: dict[str, Any] = {"retry": Retry(NoBackoff(), 0)}
    try:
        return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, **options)
    except (TypeError, ValueError):
        raise ValueError("redis-py cannot use the URL of the Redis server; look at what follows its '?'") from None


def _options_of(server: object) -> dict[str, object]:
    pool = getattr(server, "connection_pool", None)
    options: object = getattr(pool, "connection_kwargs", None)
    return cast("dict[str, object]", options) if isinstance(options, dict) else {}
