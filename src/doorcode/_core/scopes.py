"""Compare scopes: which ones are reserved, which resource they name, and whether a grant covers a request."""

from __future__ import annotations

import re
from typing import Final

RESERVED: Final = frozenset({"openid", "profile", "offline_access"})
"""Scopes that MSAL adds to every request itself (OpenID Connect Core 3.1.2.1 and 11)."""

_DEFAULT: Final = ".default"
_DEFAULT_SPELT: Final = frozenset({".default", "default"})
# Patterns that are text are compiled by their first use: a stored token needs none of them.
_HOST: Final = r"(?i)([a-z0-9-]+\.)+(com|net|us|cn|de|org|io)"
"""The form of a resource without a scheme; a permission such as ``User.Read`` does not have it."""
_GUID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def wanted(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes that say what a token is for, in order, without reserved ones and repetitions."""
    return tuple(dict.fromkeys(scope for scope in scopes if scope.lower() not in RESERVED))


def check_one_resource(scopes: tuple[str, ...], method: str) -> None:
    """Check that scopes belong together: Entra issues a token for one resource (AADSTS28000).

    Raises:
        ValueError: two scopes name different resources.
    """
    named: dict[str, str] = {}
    for scope in scopes:
        resource = resource_of(scope)
        if resource is not None:
            named[resource] = scope
    if len(named) > 1:
        first, second = list(named.values())[:2]
        raise ValueError(
            f"'{method}' got scopes of two resources, {first!r} and {second!r}: "
            "a token is for one resource, so ask for one token each"
        )


def resource_of(scope: str) -> str | None:
    """Return the resource that a scope names, for comparison: ``scheme://...`` or a GUID before its last slash.

    Returns:
        The resource in lower case, without slashes at its end; None for a scope like ``User.Read``.
    """
    head, separator, tail = scope.lower().partition("://")
    if not separator:
        name = head.partition("/")[0]
        return name if name != head and re.fullmatch(_GUID, name) else None
    name = (tail.rpartition("/")[0] or tail).rstrip("/")
    # api://GUID and GUID name the same application.
    return name if head == "api" else f"{head}://{name}"


def answers(target: str, scopes: tuple[str, ...]) -> bool:
    """Tell whether a cached token's target has every scope, whatever their case (RFC 6749 3.3)."""
    held = frozenset(target.lower().split())
    return all(scope.lower() in held for scope in scopes)


def covers(asked: tuple[str, ...], granted: str | None) -> bool:
    """Tell whether the scopes that a reply grants cover those that were requested, however spelt (RFC 6749 5.1).

    Entra may answer ``api://app/user_impersonation`` with ``user_impersonation``, ``user.read`` with
    ``User.Read``, and ``/.default`` with whatever was consented to.

    Args:
        asked: the scopes of the request.
        granted: ``scope`` of its reply, space-separated; None if it had none, which grants what was requested.
    """
    if granted is None:
        return True
    held = frozenset(granted.lower().split())
    short = frozenset(scope.rpartition("/")[2] for scope in held)
    return all(_given(scope.lower(), held, short) for scope in wanted(asked))


def _given(scope: str, held: frozenset[str], short: frozenset[str]) -> bool:
    if scope in held:
        return True
    name = scope.rpartition("/")[2]
    if name == ".default":
        return bool(held)
    # A short name may stand for a long one; two long names are different permissions.
    return name in held or (name == scope and name in short)


def meant(scope: str) -> str | None:
    """Return the correction of a scope without a permission or a scheme, or with ``.default`` misspelt.

    Returns:
        The corrected scope; None if the scope can be right.
    """
    if re.fullmatch(_HOST, scope.partition("/")[0]):
        full = f"https://{scope}"
        return meant(full) or full
    scheme, separator, tail = scope.rstrip("/").rpartition("://")
    resource, slash, permission = tail.rpartition("/")
    if not separator and not re.fullmatch(_GUID, (resource or permission).lower()):
        return None
    if slash and permission.lower() in _DEFAULT_SPELT:
        right = f"{scheme}{separator}{resource}/{_DEFAULT}"
        return right if right != scope else None
    return None if slash and not scope.endswith("/") else f"{scope.rstrip('/')}/{_DEFAULT}"


def default_among_others(scopes: tuple[str, ...]) -> str | None:
    """Return the scope ending in ``/.default`` that stands beside permissions, which Entra refuses (AADSTS70011)."""
    named = wanted(scopes)
    default = next((scope for scope in named if scope.rpartition("/")[2].lower() == _DEFAULT), None)
    return default if len(named) > 1 else None
