"""An authority's metadata, as its reply and as a cache row (RFC 8414, OpenID Connect Discovery 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode._core.json_values import instant, word
from doorcode._core.msal_cache.rows import rows_of
from doorcode._core.uris import is_https, split_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from doorcode._core.msal_cache.rows import Row, State

_REQUIRED: Final = ("authorization_endpoint", "token_endpoint")
_DEVICE: Final = "device_authorization_endpoint"
METADATA: Final = "DoorcodeMetadata"
"""The section of a token cache that holds OpenID configurations by their URL; MSAL keeps it and ignores it."""
REMEMBERED_FOR: Final = 86400
"""How long a cached configuration is used, in seconds: as long as MSAL uses one within a process."""


def discovery_reply(body: Mapping[str, object]) -> dict[str, object]:
    """Normalise an OpenID configuration.

    Returns:
        Its endpoints, each an https URI, its issuer if that is text, and its other plain values.

    Raises:
        ValueError: an endpoint is missing or is no https URI; the message says which.
    """
    named = (*_REQUIRED, _DEVICE) if body.get(_DEVICE) is not None else _REQUIRED
    for name in named:
        if not is_https(body.get(name)):
            raise ValueError(f"a {name} that is not an https URL" if body.get(name) else f"no {name} in it")
    # MSAL takes the tenant from the first part of this path, and fails without one.
    parts = split_uri(body["token_endpoint"])
    if parts is None or not parts.path.strip("/"):
        raise ValueError("a token_endpoint without a path")
    dropped = {_DEVICE, "issuer"}
    if body.get(_DEVICE) is not None:
        dropped.remove(_DEVICE)
    if word(body.get("issuer")):
        dropped.remove("issuer")
    return {name: value for name, value in body.items() if name not in dropped and _is_plain(value)}


def metadata_row(url: str, reply: Mapping[str, object], now: float) -> Row | None:
    """Return the cache row for an OpenID configuration.

    Args:
        url: where it is.
        reply: as :func:`discovery_reply` returned it.
        now: Unix seconds.

    Returns:
        Its endpoints and issuer; None if an endpoint is of another host than ``url``: tokens go only to a host that
        the program named, or that this host has just named itself.
    """
    named = {name: reply[name] for name in (*_REQUIRED, _DEVICE, "issuer") if name in reply}
    return {**named, "cached_at": str(int(now))} if _is_at_home(url, named) else None


def remembered(state: State, url: str, now: float) -> dict[str, object] | None:
    """Return an OpenID configuration from a cache, checked as a reply is.

    Args:
        state: of the cache.
        url: where the configuration is.
        now: Unix seconds.

    Returns:
        As :func:`discovery_reply`; None if the cache has none, or if it is too old or invalid.
    """
    row = dict(rows_of(state, METADATA)).get(url)
    cached_at = None if row is None else instant(row.get("cached_at"))
    if row is None or cached_at is None or not cached_at <= now < cached_at + REMEMBERED_FOR:
        return None
    try:
        reply = discovery_reply({name: value for name, value in row.items() if name != "cached_at"})
    except ValueError:
        return None
    return reply if _is_at_home(url, reply) else None


def _is_at_home(url: str, reply: Mapping[str, object]) -> bool:
    home, names = _netloc(url), (*_REQUIRED, _DEVICE) if _DEVICE in reply else _REQUIRED
    return home is not None and all(_netloc(reply.get(name)) == home for name in names)


def _netloc(uri: object) -> str | None:
    parts = split_uri(uri)
    return None if parts is None else parts.netloc.lower()


def instance_reply(body: Mapping[str, object]) -> dict[str, object]:
    """Normalise a reply of instance discovery.

    Raises:
        ValueError: it names no https URL of the authority's configuration.
    """
    if not is_https(body.get("tenant_discovery_endpoint")):
        raise ValueError("no tenant_discovery_endpoint in it that is an https URL")
    return {name: value for name, value in body.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float))
