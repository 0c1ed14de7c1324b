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

    The frames of tracebacks and the attributes of exceptions hold requests, and messages hold proxies' passwords.

    Args:
        exception: the transport's exception, which is changed.
        secrets: the texts to remove.

    Returns:
        the exception; or, if a secret cannot be removed from it, a new one with the same message.
    """
    secrets = tuple(secrets)
    for link in chain(exception):
        _redact(link, secrets)
    if not any(_shows(link, secret) for link in chain(exception) for secret in secrets):
        return exception
    return ConnectionError(redacted_text(f"{type(exception).__name__}: {exception}", secrets))


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
    args: tuple[Any, ...] = tuple(redacted_text(arg, secrets) if isinstance(arg, str) else arg for arg in link.args)
    if args != link.args:
        link.args = args


def _shows(link: BaseException, secret: str) -> bool:
    return secret in f"{link} {link!r} {vars(link)}"
