"""Check the arguments of the public API, before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, cast

from doorcode._core.json_values import header_text
from doorcode._core.object_checks import is_coroutine_function, refuse_class
from doorcode._core.scopes import check_one_resource
from doorcode._core.uris import is_loopback, split_uri

if TYPE_CHECKING:
    from collections.abc import Callable

PROMPTS: Final = "doorcode.prompts"
"""The package of this library's own prompts."""
_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
_TENANT: Final = re.compile(r"[.-]*[A-Za-z0-9][A-Za-z0-9.-]*")
_CLIENT_ID: Final = re.compile(r"[\x21-\x7E]+")
_HEADER_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCOPES: Final = ("scopes", "scope", "resource")
_LOOPBACK: Final = "register and pass http://localhost:8400"
_MAPPINGS: Final = {"proxies": "{'https': 'http://proxy.example:8080'}", "headers": "{'X-Name': 'value'}"}
_EXPLODED: Final = 3
_SHOWN: Final = 80


def check_scopes(scopes: tuple[object, ...], method: str, keywords: Collection[str] = ()) -> tuple[str, ...]:
    """Check the scopes of one request.

    Args:
        scopes: what the caller passed.
        method: the public method's name, for messages.
        keywords: the names of further arguments, among which a scope may be.

    Returns:
        The same scopes, byte for byte and in order; each one alone, where a text has several with spaces between them.

    Raises:
        TypeError: one is no string.
        ValueError: there is none, one cannot be a scope-token (RFC 6749 3.3), a string was
            unpacked, or two name different resources.
    """
    if not scopes:
        named = next((f": pass it without {name}=, as in {method}(scope)" for name in _SCOPES if name in keywords), "")
        raise ValueError(f"'{method}' requires at least one scope{named}")
    texts = tuple(_text(scope, method) for scope in scopes)
    if len(texts) >= _EXPLODED and all(len(text) == 1 for text in texts):
        raise ValueError(
            f"'{method}' got single characters as scopes, so a string was taken apart: "
            "pass a scope whole, without a star before it, or in a list where a list is asked for"
        )
    tokens = tuple(token for text in texts for token in _scope_tokens(text, method))
    check_one_resource(tokens, method)
    return tokens


def check_scope_texts(scopes: tuple[object, ...], method: str) -> None:
    """Check the scopes for a credential of any library, which may have rules of its own.

    Args:
        scopes: what the caller passed.
        method: the public function's name, for messages.

    Raises:
        TypeError: one is no string.
        ValueError: there is none, or one is empty.
    """
    if not scopes:
        raise ValueError(f"{method} requires at least one scope")
    if not all(_text(scope, method).strip() for scope in scopes):
        raise ValueError(f"'{method}' got an empty scope")


def check_tenant(tenant: object, name: str = "tenant_id") -> str:
    """Check a tenant: an ID or a domain name.

    Raises:
        TypeError: it is no string.
        ValueError: it holds anything but letters, digits, "-" and ".", or neither letter nor digit.
    """
    if not isinstance(tenant, str):
        raise TypeError(f"{name} must be a string, not {_kind(tenant)}")
    if not _TENANT.fullmatch(tenant):
        raise ValueError(
            f"{name} {_shown(tenant)} is not a tenant: only letters, digits, '-' and '.' may stand in it. "
            "The Azure portal shows the tenant ID under Microsoft Entra ID, Overview; "
            "https://learn.microsoft.com/entra/fundamentals/how-to-find-tenant tells more"
        )
    return tenant


def check_client_id(client_id: object) -> str:
    """Check an application (client) ID (RFC 6749 2.2).

    Raises:
        TypeError: it is no string.
        ValueError: it is empty, or holds spaces or anything else than printable ASCII.
    """
    if not isinstance(client_id, str):
        raise TypeError(f"client_id must be a string, not {_kind(client_id)}")
    if not _CLIENT_ID.fullmatch(client_id):
        raise ValueError(
            f"client_id {_shown(client_id)} is not an application ID: "
            "copy 'Application (client) ID' from the app registration's overview"
        )
    return client_id


def check_callback(value: object) -> Callable[..., object] | None:
    """Check a prompt callback.

    Raises:
        TypeError: it is neither None nor callable, or the class of a prompt, or the function that returns one.
    """
    if is_of(value, PROMPTS) and getattr(value, "__name__", None) == "default":
        message = "prompt_callback must be what prompts.default() returns, not the function: write prompts.default()"
        raise TypeError(message)
    # The objects of such a class are the prompts; calling the class itself would only make one.
    if isinstance(value, type) and any("__call__" in vars(each) for each in value.__mro__):
        refuse_class("prompt_callback", value)
    if value is None or callable(value):
        return value
    raise TypeError(
        f"prompt_callback must be callable with (verification_uri, user_code, expires_on), not {_kind(value)}"
    )


def is_of(function: object, package: str) -> bool:
    """Return whether a function is defined in a package."""
    # __globals__ belongs to the module that defines the function, whatever functools.wraps has copied onto it.
    return isinstance(function, FunctionType) and is_in(function.__globals__.get("__name__"), package)


def is_in(module: object, package: str) -> bool:
    """Return whether this is the name of a module in a package, or of the package itself."""
    return isinstance(module, str) and f"{module}.".startswith(f"{package}.")


def check_plain_callback(value: object) -> Callable[..., object] | None:
    """Check a prompt callback that is called but not awaited: a coroutine function would never run.

    Raises:
        TypeError: it is not callable, or a coroutine function.
    """
    callback = check_callback(value)
    if callback is None:
        return None
    for name in ("__call__", "waiting", "finished"):
        if is_coroutine_function(getattr(callback, name, None)) or is_coroutine_function(callback):
            which = "prompt_callback" if name == "__call__" else f"prompt_callback.{name}"
            message = f"{which} is a coroutine function, which only the credentials of doorcode.aio await"
            raise TypeError(message)
    return callback


def check_redirect_uri(value: object) -> str:
    """Check a redirect URI that this machine can listen on (RFC 8252 7.3, 8.3).

    Raises:
        TypeError: it is no string.
        ValueError: it has no port, a fragment, another scheme, or is http elsewhere than on loopback.
    """
    if not isinstance(value, str):
        raise TypeError(f"redirect_uri must be a string, not {_kind(value)}")
    parts = split_uri(value)
    if parts is None or not parts.port or "#" in value:
        raise ValueError(f"redirect_uri {_shown(value)} must be a URL with a port: {_LOOPBACK}")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ValueError(f"redirect_uri {_shown(value)} must be http on localhost, or https: {_LOOPBACK}")
    return value


def check_loopback_uri(value: object) -> str:
    """Check a redirect URI that this machine itself answers: http on loopback (RFC 8252 7.3).

    Raises:
        TypeError: it is no string.
        ValueError: it has no port or a query, or is not http on this machine, where only this process can listen.
    """
    parts = split_uri(value) if isinstance(value, str) else None
    if parts is not None and (parts.scheme != "http" or not is_loopback(parts.hostname or "") or parts.query):
        raise ValueError(
            f"redirect_uri {_shown(str(value))} cannot be listened on: it must be http on localhost, with a port and "
            f"without a query; {_LOOPBACK}"
        )
    return check_redirect_uri(value)


def home_account_id_of(account: object) -> str:
    """Return the identifier of an account that the caller names.

    Raises:
        TypeError: it is none of those that ``accounts()`` returns, nor a record.
    """
    found = getattr(account, "home_account_id", None)
    if isinstance(found, str):
        return found
    raise TypeError(f"account must be one of accounts(), or an AuthenticationRecord, not {_kind(account)}")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> str | None:
    """Check an option that is one of a few words, or None; an empty text is none.

    Raises:
        ValueError: it is anything else.
    """
    if value is None or value == "" or value in choices:
        return value or None if isinstance(value, str) else None
    raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}, not {value!r:.{_SHOWN}}")


def check_login_hint(value: object) -> str | None:
    """Check a sign-in name to fill the sign-in page in with; None stands for no name.

    Raises:
        TypeError: it is no string.
        ValueError: it cannot stand in a URL.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(
                "login_hint holds half of a character (a lone surrogate), which no URL can carry"
            ) from None
        return value if value.strip() else None
    if value is None:
        return None
    raise TypeError(f"login_hint must be a string, not {_kind(value)}")


def check_mappings(options: Mapping[str, object]) -> None:
    """Check the options of an azure-core pipeline that are mappings; None means that the program sets none.

    Raises:
        TypeError: one is anything else, such as the proxy's address alone.
    """
    for name, example in _MAPPINGS.items():
        value = options.get(name)
        if value is not None and not isinstance(value, Mapping):
            raise TypeError(f"{name} must be a mapping such as {example}, not {_kind(value)}")


def check_headers(options: Mapping[str, object]) -> None:
    """Check the options of an azure-core pipeline whose text becomes a header of each request.

    Raises:
        ValueError: a text cannot be the value of a header, or the name of one (RFC 9110 5.1, 5.5).
    """
    for name in ("user_agent", "sdk_moniker", "request_id"):
        _check_header_value(name, options.get(name))
    for name in ("headers", "base_headers"):
        given = options.get(name)
        headers: Mapping[object, object] = cast("Any", given) if isinstance(given, Mapping) else {}
        for header, value in headers.items():
            if isinstance(header, str) and not re.fullmatch(_HEADER_NAME, header):
                raise ValueError(f"{name}= has {_shown(header)}, which cannot be the name of a header (RFC 9110 5.1)")
            _check_header_value(f"{name}= for {header}", value)


def _check_header_value(name: str, value: object) -> None:
    # The value is not shown: a program may send a secret of its own in a header.
    if isinstance(value, str) and (value != header_text(value) or value[:1].isspace()):
        raise ValueError(
            f"{name} cannot be sent: a header is one line of Latin-1 characters without a space before them "
            "(RFC 9110 5.5)"
        )


def check_optional_flag(name: str, value: object) -> bool | None:
    """Check an option that is on, off, or None, which leaves the choice to the credential.

    Raises:
        TypeError: it is anything else.
    """
    return None if value is None else check_flag(name, value)


def check_flag(name: str, value: object) -> bool:
    """Check an option that is on or off; None is off.

    Raises:
        TypeError: it is anything else, such as the text "false", which Python would count as true.
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    raise TypeError(f"{name} must be True or False, not {_kind(value)}")


def _text(scope: object, method: str) -> str:
    if isinstance(scope, str):
        return scope
    if isinstance(scope, (list, tuple, set, frozenset)):
        raise TypeError(f"'{method}' takes each scope as an argument of its own: write {method}(*scopes)")
    raise TypeError(f"'{method}' takes scopes as strings, not {_kind(scope)}")


def _scope_tokens(text: str, method: str) -> list[str]:
    """Return the scopes of a text, which many programs pass as a request has them: separated by spaces."""
    tokens = [token for token in text.split(" ") if token]
    if not text.strip():
        raise ValueError(f"'{method}' got an empty scope")
    for token in tokens:
        if not _SCOPE_TOKEN.fullmatch(token):
            hint = ": remove the tab or line end around it" if _SCOPE_TOKEN.fullmatch(token.strip()) else ""
            raise ValueError(f"'{method}' got {_shown(token)}, which cannot be a scope (RFC 6749 3.3){hint}")
    return tokens


def _kind(value: object) -> str:
    return type(value).__name__


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
