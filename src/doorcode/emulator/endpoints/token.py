"""The token endpoint, which redeems device codes, refresh tokens and authorization codes for tokens."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from doorcode.emulator import _errors
from doorcode.emulator._errors import RefusedError
from doorcode.emulator.authority.claims import merge, parse_claims
from doorcode.emulator.authority.grants import SLOW_DOWN_SECONDS, Answer, IssuedDeviceCode
from doorcode.emulator.authority.scopes import parse_scopes
from doorcode.emulator.authority.tokens import Grant
from doorcode.emulator.endpoints.discovery import require_tenant
from doorcode.emulator.endpoints.token_reply import token_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from doorcode.emulator._wire import Fields, Request, Response
    from doorcode.emulator.authority.directory import User
    from doorcode.emulator.endpoints.context import Context

DEVICE_CODE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
GRANT_NAMES: Final[Mapping[str, str]] = {
    DEVICE_CODE_GRANT: "device_code",
    "device_code": "device_code",
    "refresh_token": "refresh_token",
    "authorization_code": "authorization_code",
}
"""The name for counters and faults by ``grant_type``. Entra still accepts the draft's ``device_code``."""


def token(context: Context, tenant_name: str, request: Request) -> Response:
    """Redeem a grant (RFC 6749 4.1.3, 6; RFC 8628 3.4)."""
    form = request.form
    require_tenant(context, tenant_name)
    application = context.state.application(form.get("client_id"), tenant_name)
    grant_type = _required(form, "grant_type")
    redeem = _REDEEM.get(GRANT_NAMES.get(grant_type, ""))
    if redeem is None:
        raise RefusedError(_errors.unsupported_grant_type(grant_type))
    if not application.public_client and not {"client_secret", "client_assertion"} & set(form):
        raise RefusedError(_errors.needs_secret())
    return redeem(context, tenant_name, request)


def _redeem_device_code(context: Context, tenant_name: str, request: Request) -> Response:
    state, form = context.state, request.form
    code = state.device_code(_required(form, "device_code"), form["client_id"])
    if code.answer is Answer.REDEEMED:
        raise RefusedError(_errors.already_redeemed())
    if code.answer is Answer.DECLINED:
        raise RefusedError(_errors.authorization_declined())
    if state.clock() >= code.expires_on:
        raise RefusedError(_errors.expired_token())
    _mind_interval(context, code)
    if code.account is None:
        raise RefusedError(_errors.authorization_pending())
    grant = _grant(context, tenant_name, form, state.user_of(code.account), code.scope, code.claims)
    reply = token_reply(context, request, grant)
    state.answer(code, Answer.REDEEMED)
    return reply


def _mind_interval(context: Context, code: IssuedDeviceCode) -> None:
    state = context.state
    early = code.last_poll_on is not None and state.clock() - code.last_poll_on < code.interval
    if state.settings.enforce_interval and early:
        # RFC 8628 3.5: the interval MUST be increased by 5 seconds for this and all subsequent requests.
        state.polled(code, code.interval + SLOW_DOWN_SECONDS)
        raise RefusedError(_errors.slow_down())
    state.polled(code, code.interval)


def _redeem_refresh_token(context: Context, tenant_name: str, request: Request) -> Response:
    state, form = context.state, request.form
    known = state.refresh_tokens.get(_required(form, "refresh_token"))
    if known is None:
        raise RefusedError(_errors.malformed_grant("refresh_token"))
    if known.client_id != form["client_id"] and state.settings.family_id is None:
        raise RefusedError(_errors.other_client())
    if known.revoked:
        raise RefusedError(_errors.grant_revoked())
    if known.spent:
        raise RefusedError(_errors.already_redeemed())
    if state.clock() >= known.expires_on:
        raise RefusedError(_errors.grant_expired())
    grant = _grant(context, tenant_name, form, state.user_of(known.account), form.get("scope"), known.claims)
    reply = token_reply(context, request, grant)
    if state.settings.rotation == "reject":
        state.refresh_tokens[known.token] = replace(known, spent=True)
    return reply


def _redeem_authorization_code(context: Context, tenant_name: str, request: Request) -> Response:
    state, form = context.state, request.form
    code = state.authorization_codes.get(_required(form, "code"))
    if code is None:
        raise RefusedError(_errors.malformed_grant("code"))
    if code.client_id != form["client_id"]:
        raise RefusedError(_errors.other_client())
    if code.redeemed:
        raise RefusedError(_errors.already_redeemed())
    if state.clock() >= code.expires_on:
        raise RefusedError(_errors.code_expired())
    if code.redirect_uri != _required(form, "redirect_uri"):
        raise RefusedError(_errors.wrong_redirect_uri(form["redirect_uri"]))
    if code.code_challenge is not None and _challenge(form.get("code_verifier", "")) != code.code_challenge:
        raise RefusedError(_errors.wrong_verifier())
    grant = _grant(context, tenant_name, form, state.user_of(code.account), code.scope, code.claims)
    reply = token_reply(context, request, replace(grant, nonce=code.nonce))
    state.authorization_codes[code.code] = replace(code, redeemed=True)
    return reply


_REDEEM: Final[Mapping[str, Callable[[Context, str, Request], Response]]] = {
    "device_code": _redeem_device_code,
    "refresh_token": _redeem_refresh_token,
    "authorization_code": _redeem_authorization_code,
}


def _grant(
    context: Context,
    tenant_name: str,
    form: Fields,
    user: User,
    scope: str | None,
    met: Mapping[str, object],
) -> Grant:
    """Return the grant of a sign-in at this tenant; refuse users of other tenants, and policies that are not met.

    Policies check ``met``, the claims request of the sign-in: the user has not met claims of a later request.
    """
    scopes = parse_scopes(scope)
    realm = context.state.realm(tenant_name, user)
    asked = merge(met, parse_claims(form.get("claims")))
    grant = Grant(user, realm, tenant_name.lower(), form["client_id"], scopes, asked, met)
    subject = {
        "user": user.username,
        "tenant_id": realm,
        "client_id": grant.client_id,
        "resource": scopes.resource,
    }
    for policy in context.state.policies:
        refusal = policy.refusal(subject, met)
        if refusal is not None:
            raise RefusedError(refusal)
    return grant


def _challenge(code_verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 4.6)."""
    digest = hashlib.sha256(code_verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _required(form: Fields, name: str) -> str:
    value = form.get(name)
    if not value:
        raise RefusedError(_errors.missing_parameter(name))
    return value
