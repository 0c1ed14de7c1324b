"""Build the reply with tokens (RFC 6749 5.1, OIDC Core 3.1.3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode.emulator._wire import Request, Response, json_response
from doorcode.emulator.authority.claims import handles_challenges
from doorcode.emulator.authority.tokens import Grant, access_token_claims, client_info, id_token_claims

if TYPE_CHECKING:
    from doorcode.emulator.authority.settings import Settings
    from doorcode.emulator.endpoints.context import Context

TWO_HOURS: Final = 7200
"""The lifetime in seconds from which Entra tells clients to refresh after half of it."""


def token_reply(context: Context, request: Request, grant: Grant) -> Response:
    """Return an access token, and what the scopes and the request ask for beside it.

    The refresh token inherits the claims that the sign-in met, not those that came with this request alone.
    """
    state = context.state
    now, uti = int(state.clock()), state.issue_access_token_id(grant.user)
    lifetime = _lifetime(state.settings, grant)
    content: dict[str, object] = {
        "token_type": "Bearer",
        "scope": grant.scopes.granted,
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": context.signer.sign(access_token_claims(grant, now, lifetime, uti)),
    }
    refresh_in = _refresh_in(state.settings, lifetime)
    if refresh_in is not None:
        content["refresh_in"] = refresh_in
    if "offline_access" in grant.scopes.oidc:
        content["refresh_token"] = state.issue_refresh_token(grant.user, grant.client_id, grant.met).token
        if state.settings.family_id is not None:
            content["foci"] = state.settings.family_id
    if "openid" in grant.scopes.oidc:
        content["id_token"] = context.signer.sign(id_token_claims(grant, request.base_url, now, lifetime))
    if request.form.get("client_info") == "1" and not grant.adfs:
        content["client_info"] = client_info(grant.user)
    return json_response(content)


def _lifetime(settings: Settings, grant: Grant) -> int:
    return settings.cae_lifetime if handles_challenges(grant.claims) else settings.access_token_lifetime


def _refresh_in(settings: Settings, lifetime: int) -> int | None:
    if settings.refresh_in == "auto":
        return lifetime // 2 if lifetime >= TWO_HOURS else None
    return settings.refresh_in
