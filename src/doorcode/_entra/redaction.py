"""Remove secrets from exceptions of other libraries, which become the cause of doorcode's."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast
from urllib.parse import unquote
from urllib.request import getproxies

from doorcode._core.display import masked
from doorcode._frames import chain

_USER_INFO: Final = re.compile(r"[^\s/@'\"()]+:[^\s/@'\"()]*@")
_HELD: Final = ("request", "response", "pool", "conn", "_conn", "exc_traceback", "continuation_token", "model")
"""Attributes of azure-core's, requests' and urllib3's exceptions that lead to bodies, headers or frames."""
QUOTING: Final = frozenset({"BadStatusLine", "InvalidChunkLength"})
"""Exceptions of http.client and urllib3 that quote a reply which is not HTTP. A token may stand there, as where a proxy
joins the chunks of a reply and leaves its ``Transfer-Encoding``."""
_GONE: Final = "…"


def proxy_secrets(proxies: object) -> tuple[str, ...]:
    """Return the user names and passwords in the addresses of proxies, as written and decoded.

    Args:
        proxies: the program's proxies, as azure-core takes them; the proxies of the environment are added.
    """
    own = cast("Mapping[object, object]", proxies).values() if isinstance(proxies, Mapping) else ()
    found: set[str] = set()
    for address in (*own, *getproxies().values()):
        if isinstance(address, str) and "@" in address:
            user_info = address.rpartition("@")[0].rpartition("://")[2]
            password = user_info.partition(":")[2]
            found |= {user_info, unquote(user_info), password, unquote(password)}
    return tuple(sorted((secret for secret in found if secret), key=len, reverse=True))


def redacted_text(text: str, secrets: Iterable[str]) -> str:
    """Return a text without these secrets, and without any user name and password in an address."""
    for secret in secrets:
        text = text.replace(secret, _GONE)
    return _USER_INFO.sub("", text)


def redacted(exception: BaseException, secrets: Iterable[str] = ()) -> BaseException:
    """Remove secrets from an exception and all that it wraps.

    The frames of tracebacks and the attributes of exceptions hold requests and replies, and messages hold proxies'
    passwords and parts of replies.

    Args:
        exception: the transport's exception, which is changed.
        secrets: the texts to remove.

    Returns:
        the exception; or, if a secret cannot be removed from it, a new one with the same message, without a reply.
    """
    secrets = tuple(secrets)
    quoting = next((name for name in map(_name, chain(exception)) if name in QUOTING), None)
    if quoting is not None:
        return ConnectionError(f"{_name(exception)}: {quoting}")
    for link in chain(exception):
        _redact(link, secrets)
    if not any(_shows(link, secret) for link in chain(exception) for secret in secrets):
        return exception
    return ConnectionError(redacted_text(f"{_name(exception)}: {exception}", secrets))


def trace_of(exception: BaseException) -> str:
    """Return a traceback for a log, without local variables and long words, which may be secrets."""
    lines = traceback.format_tb(exception.__traceback__)
    return f"{''.join(lines)}{type(exception).__name__}: {masked(str(exception))}"


def _redact(link: BaseException, secrets: tuple[str, ...]) -> None:
    link.__traceback__ = None
    held = vars(link)
    for name in _HELD:
        if held.get(name) is not None:
            held[name] = None
    for name, value in held.items():
        if isinstance(value, str):
            held[name] = redacted_text(value, secrets)
        elif isinstance(value, bytes):  # http.client.IncompleteRead has what it read of a reply
            held[name] = b""
    args: tuple[Any, ...] = tuple(redacted_text(arg, secrets) if isinstance(arg, str) else arg for arg in link.args)
    if args != link.args:
        link.args = args


def _name(link: BaseException) -> str:
    return type(link).__name__


def _shows(link: BaseException, secret: str) -> bool:
    return secret in f"{link} {link!r} {vars(link)}"
