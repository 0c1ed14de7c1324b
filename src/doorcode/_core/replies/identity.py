"""Read the user who signed in from a sign-in's reply: the fields of an AuthenticationRecord."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeGuard
from urllib.parse import urlsplit

from doorcode._core.display import LONGEST_NAME, one_line
from doorcode._core.json_values import as_object, decode_claims, decode_part, vschars, word
from doorcode._core.values import value_class

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADFS: Final = "adfs"
_TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_USERNAME_CLAIMS: Final = ("preferred_username", "upn", "email", "unique_name")


@value_class(frozen=True, slots=True)
class Identity:
    """The user who signed in.

    Attributes:
        home_account_id: the identifier of the account: ``uid.utid``, or ``sub`` without them.
        tenant_id: the tenant that issued the token.
        username: as the authority wrote it, to be cleaned where it is shown; "" when the reply names none (OpenID
            Connect Core 5.7).
    """

    home_account_id: str
    tenant_id: str
    username: str


def mailbox_header(home_account_id: str) -> dict[str, str]:
    """Return the header that tells Entra the account of a request, so that it is routed as MSAL's requests are.

    Args:
        home_account_id: as an authority or a record has it, whatever it holds.

    Returns:
        One header; none if the identifier cannot stand in a header, because the request works without this hint.
    """
    named = vschars(home_account_id)
    return {} if named is None else {"X-AnchorMailbox": f"Oid:{named.replace('.', '@')}"}


def identify(result: Mapping[str, object], asked_tenant: str) -> Identity | None:
    """Return the account that a successful reply is for.

    Args:
        result: MSAL's result, with ``id_token_claims`` and ``client_info`` where the reply had them.
        asked_tenant: the tenant of the request.

    Returns:
        The identity; None when the reply names no account. Wrong types in it count as missing.
    """
    claims = as_object(result.get("id_token_claims")) or {}
    home_account_id = account_of(result.get("client_info")) or word(claims.get("sub"))
    if home_account_id is None:
        return None
    return Identity(home_account_id, _tenant(claims, asked_tenant), _username(claims))


def account_named(reply: Mapping[str, object]) -> str | None:
    """Return the account that a token reply names, by ``client_info`` or the ID token; None if it names none."""
    claims = decode_claims(reply.get("id_token")) or {}
    return account_of(reply.get("client_info")) or word(claims.get("sub"))


def is_other_account(result: Mapping[str, object], home_account_id: str) -> bool:
    """Return whether the reply to a refresh is for another account than the one whose refresh token was redeemed.

    Without ``client_info``, the reply is for that account (OpenID Connect Core 12.2).

    Args:
        result: as for :func:`identify`.
        home_account_id: the account of the refresh token.
    """
    named = account_of(result.get("client_info"))
    subject = word((as_object(result.get("id_token_claims")) or {}).get("sub"))
    return named is not None and home_account_id.casefold() not in (named.casefold(), (subject or "").casefold())


def account_of(client_info: object) -> str | None:
    """Return the ``uid.utid`` in a ``client_info``; None when it does not decode to both."""
    info = decode_part(client_info) or {}
    uid, utid = word(info.get("uid")), word(info.get("utid"))
    return f"{uid}.{utid}" if uid and utid else None


def _tenant(claims: Mapping[str, object], asked: str) -> str:
    if asked.lower() == _ADFS:
        return _ADFS
    tid = claims.get("tid")
    return (tid if _is_tenant(tid) else None) or _tenant_of_issuer(claims.get("iss")) or asked


def _tenant_of_issuer(iss: object) -> str | None:
    try:
        path = urlsplit(iss).path if isinstance(iss, str) else ""
    except ValueError:
        return None
    segments = [segment for segment in path.split("/") if segment and segment.lower() != "dstsv2"]
    return segments[0] if segments and _is_tenant(segments[0]) else None


def _is_tenant(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(_TENANT.fullmatch(value))


def _username(claims: Mapping[str, object]) -> str:
    named = (claims.get(name) for name in _USERNAME_CLAIMS)
    return next((name for name in named if isinstance(name, str) and one_line(name, LONGEST_NAME)), "")
