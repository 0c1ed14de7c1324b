"""Read the ``claims`` parameter (OIDC Core 5.5), as far as Entra's clients use it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from doorcode.emulator._errors import RefusedError, malformed_claims

if TYPE_CHECKING:
    from collections.abc import Mapping


def parse_claims(text: str | None) -> Mapping[str, object]:
    """Return the claims request as an object; {} without one.

    Raises:
        RefusedError: the text is not a JSON object.
    """
    if not text:
        return {}
    try:
        parsed: object = json.loads(text)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise RefusedError(malformed_claims())
    return cast("Mapping[str, object]", parsed)


def handles_challenges(claims: Mapping[str, object]) -> bool:
    """Tell whether the client has the capability ``CP1``: it handles claims challenges (CAE)."""
    return "CP1" in _values(claims, "xms_cc")


def authentication_contexts(claims: Mapping[str, object]) -> tuple[str, ...]:
    """Return the requested authentication contexts (``acrs``)."""
    return _values(claims, "acrs")


def covers(asked: Mapping[str, object], required: Mapping[str, object]) -> bool:
    """Tell whether a sign-in with the claims request ``asked`` meets ``required``, claim by claim.

    A requirement without claims blocks every sign-in.
    """
    wanted = _access_token(required)
    return bool(wanted) and all(
        set(_values(required, name)) <= set(_values(asked, name)) and name in _access_token(asked) for name in wanted
    )


def merge(first: Mapping[str, object], second: Mapping[str, object]) -> Mapping[str, object]:
    """Merge two claims requests; the second takes precedence."""
    merged = dict(first)
    for name, value in second.items():
        known = merged.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            merged[name] = merge(cast("Mapping[str, object]", known), cast("Mapping[str, object]", value))
        else:
            merged[name] = value
    return merged


def _access_token(claims: Mapping[str, object]) -> Mapping[str, object]:
    section = claims.get("access_token")
    return cast("Mapping[str, object]", section) if isinstance(section, dict) else {}


def _values(claims: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return ``value`` and ``values`` of one claim; OIDC Core 5.5.1 allows either."""
    member = _access_token(claims).get(name)
    if not isinstance(member, dict):
        return ()
    request = cast("Mapping[str, object]", member)
    several = request.get("values")
    found = [*cast("list[object]", several)] if isinstance(several, list) else []
    return tuple(str(value) for value in [*found, request.get("value")] if value is not None)
