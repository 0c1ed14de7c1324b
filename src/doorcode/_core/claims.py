"""Check a claims request, and merge the client's capabilities into it."""

from __future__ import annotations

import json
from typing import Final, NoReturn

from doorcode._core.json_values import as_object, decode_part, is_shallow, json_kind

CAPABILITIES: Final = ("CP1",)
"""The client capability that announces support for claims challenges (continuous access evaluation)."""

_ACCESS_TOKEN: Final = "access_token"  # noqa: S105 - a name in a claims request


def parse_claims(claims: object) -> dict[str, object] | None:
    """Decode a claims request (OpenID Connect Core 5.5).

    Args:
        claims: the text of a JSON object; None and the empty string ask for nothing.

    Returns:
        The object; None when nothing is asked for.

    Raises:
        TypeError: it is no string.
        ValueError: it is no JSON object, or what it asks of the access token is none.
    """
    if claims is None or claims == "":
        return None
    if not isinstance(claims, str):
        raise TypeError(f"claims must be a string, not {type(claims).__name__}")
    value = _decode(claims)
    asked = as_object(value)
    if asked is None:
        raise ValueError(f"claims must be the text of a JSON object, not of {json_kind(value)}")
    if not is_shallow(asked):
        raise ValueError("claims are nested too deeply")
    if as_object(asked.get(_ACCESS_TOKEN, {})) is None:
        raise ValueError("claims must hold an object under 'access_token'")
    return asked


def merge_claims(claims: str | None, cae: bool) -> str | None:  # noqa: FBT001 - the one question that merging asks
    """Return what is sent as ``claims``: the request, with the CP1 capability for CAE.

    Without a capability to add, the text stays as the caller wrote it, as MSAL does.

    Raises:
        TypeError: ``claims`` is no string.
        ValueError: ``claims`` is no JSON object.
    """
    merged = parse_claims(claims)
    if not cae:
        return claims if merged is not None else None
    access_token = as_object((merged or {}).get(_ACCESS_TOKEN)) or {}
    capability = {"xms_cc": {"values": list(CAPABILITIES)}}
    return json.dumps({**(merged or {}), _ACCESS_TOKEN: {**access_token, **capability}})


def _decode(claims: str) -> object:
    try:
        value: object = json.loads(claims, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("claims are nested too deeply") from None
    except ValueError:
        # The text itself is left out: a challenge may contain details about the user.
        hint = ": they are still base64, decode them first" if decode_part(claims) else ""
        raise ValueError(f"claims must be the text of a JSON object{hint}") from None
    return value


def _refuse(_constant: str) -> NoReturn:
    raise ValueError
