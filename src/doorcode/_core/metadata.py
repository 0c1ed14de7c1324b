"""Read an authority's metadata: where its endpoints are (RFC 8414, OpenID Connect Discovery 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode._core.uris import is_https, split_uri
from doorcode._core.wire import word

if TYPE_CHECKING:
    from collections.abc import Mapping

_REQUIRED: Final = ("authorization_endpoint", "token_endpoint")
_DEVICE: Final = "device_authorization_endpoint"


def discovery_reply(body: Mapping[str, object]) -> dict[str, object]:
    """Normalise an OpenID configuration.

    Returns:
        Its endpoints, each an https URI, its issuer where that is text, and its other plain values.

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
