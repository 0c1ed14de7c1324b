"""Rows of MSAL's unified token cache, as MSAL itself writes them."""

from __future__ import annotations

import base64
import json
from typing import Any

import msal

CLIENT = "client-id"
HOST = "login.example"
ACCOUNT = "uid.utid"
TENANT = "tid"


def encoded(value: dict[str, Any]) -> str:
    """Return a JSON object in unpadded base64url, as in tokens and in client_info."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def id_token(**claims: Any) -> str:
    """Return an unsigned ID token."""
    return f"{encoded({'alg': 'none'})}.{encoded(claims)}.signature"


def reply(
    access_token: str = "AT",
    refresh_token: str | None = "RT",
    *,
    account: str = ACCOUNT,
    username: str = "ada@contoso.example",
    scope: str = "https://r/.default",
    **fields: Any,
) -> dict[str, Any]:
    """Return a successful reply of the token endpoint."""
    uid, utid = account.split(".")
    body = {
        "access_token": access_token,
        "refresh_token": refresh_token,
        "expires_in": 3600,
        "token_type": "Bearer",
        "scope": scope,
        "client_info": encoded({"uid": uid, "utid": utid}),
        "id_token": id_token(sub="sub", oid=uid, tid=utid, preferred_username=username),
        **fields,
    }
    return {name: value for name, value in body.items() if value is not None}


def rows(now: float, *, realm: str = TENANT, client_id: str = CLIENT, host: str = HOST, **fields: Any) -> Any:
    """Return what MSAL's token cache makes of a reply at that time."""
    body = reply(**fields)
    cache = msal.SerializableTokenCache()
    cache.add(
        {
            "client_id": client_id,
            "scope": body["scope"].split(),
            "token_endpoint": f"https://{host}/{realm}/oauth2/v2.0/token",
            "response": body,
        },
        now=now,
    )
    return json.loads(cache.serialize())
