"""Normalise a successful reply of the token endpoint, so that MSAL can take it whatever it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode._core.json_values import decode_claims, duration, instant, vschars, word
from doorcode._core.replies.identity import account_of
from doorcode._core.secret import SecretDict

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_EXPIRES_IN: Final = 600
"""How long a token is taken to be valid if its reply does not say, in seconds; MSAL uses the same value."""

# Fields that MSAL computes itself, or fails on if they are wrong; each is put back if it is right.
_OURS: Final = frozenset(
    {
        "access_token",
        "client_info",
        "error",
        "expires_in",
        "expires_on",
        "ext_expires_in",
        "foci",
        "id_token",
        "id_token_claims",
        "refresh_in",
        "refresh_on",
        "refresh_token",
        "scope",
        "token_source",
        "token_type",
    }
)


def token_reply(body: Mapping[str, object], wall_now: float) -> SecretDict:
    """Normalise a token reply (RFC 6749 5.1, OpenID Connect Core 3.1.3.3).

    Readable values come out in the one type that MSAL expects; the others are left out, so that a sign-in that the
    user has finished is not lost because of them.

    Args:
        body: the JSON object.
        wall_now: the time of the reply, in Unix seconds.

    Returns:
        The reply, flat, to be handed to MSAL.

    Raises:
        ValueError: it holds no usable access token; the message says why.
    """
    reply = SecretDict({name: value for name, value in body.items() if _is_extra(name, value)})
    reply["access_token"] = _access_token(body.get("access_token"))
    reply["token_type"] = word(body.get("token_type")) or "Bearer"
    reply["expires_in"] = _expires_in(body, wall_now)
    reply.update(_optional(body))
    reply.update(_identity_fields(body))
    return reply


def _access_token(value: object) -> str:
    token = vschars(value)
    if token:
        return token
    if value is None or value == "":
        raise ValueError("no access_token in it")
    raise ValueError("an access_token that cannot be one (RFC 6749 A.12)")


def _expires_in(body: Mapping[str, object], wall_now: float) -> int:
    lifetime = duration(body.get("expires_in"))
    if lifetime is None:
        # AAD v1 sends an instant as well.
        end = instant(body.get("expires_on"))
        unsaid = 0 if "expires_in" in body else DEFAULT_EXPIRES_IN
        lifetime = unsaid if end is None else duration(end - wall_now)
    return int(lifetime or 0)


def _optional(body: Mapping[str, object]) -> dict[str, object]:
    refresh_in, ext = duration(body.get("refresh_in")), duration(body.get("ext_expires_in"))
    scope = word(body.get("scope"))
    found: dict[str, object | None] = {
        "refresh_token": vschars(body.get("refresh_token")),
        "scope": scope if scope and scope.strip() else None,
        "foci": word(body.get("foci")),
        "ext_expires_in": None if ext is None else int(ext),
        "refresh_in": int(refresh_in) if refresh_in and refresh_in >= 1 else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _identity_fields(body: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    known = account_of(body.get("client_info")) is not None
    if known:
        found["client_info"] = body["client_info"]
    if _is_readable(body.get("id_token"), known=known):
        found["id_token"] = body["id_token"]
    return found


def _is_readable(id_token: object, *, known: bool) -> bool:
    claims = decode_claims(id_token)
    if claims is None or not (known or word(claims.get("sub"))):
        return False
    # MSAL copies these into the cache, where other programs read them as text; it turns a null username into "".
    usable = (claims.get(name) or "" for name in ("preferred_username", "upn"))
    return all(isinstance(value, str) for value in (*usable, claims.get("oid", ""), claims.get("sub", "")))


def _is_extra(name: str, value: object) -> bool:
    private = name in _OURS or name.startswith(("_", "error_"))
    return not private and (value is None or isinstance(value, (str, int, float)))
