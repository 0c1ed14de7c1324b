"""The device authorization endpoint (RFC 8628 3.1, 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from doorcode.emulator._errors import RefusedError, needs_secret
from doorcode.emulator._wire import Request, Response, json_response
from doorcode.emulator.authority.claims import parse_claims
from doorcode.emulator.authority.scopes import parse_scopes
from doorcode.emulator.endpoints.discovery import require_tenant

if TYPE_CHECKING:
    from doorcode.emulator.endpoints.context import Context

MESSAGE: Final = "Open {verification_uri} in a browser and enter the code {user_code} to sign in."


def devicecode(context: Context, tenant_name: str, request: Request) -> Response:
    """Issue a device code, with the address at which the user approves it."""
    state, form = context.state, request.form
    require_tenant(context, tenant_name)
    application = state.application(form.get("client_id"), tenant_name)
    if not application.public_client:
        raise RefusedError(needs_secret())
    scope = form.get("scope", "")
    parse_scopes(scope)
    code = state.issue_device_code(application.client_id, tenant_name, scope, parse_claims(form.get("claims")))
    verification_uri = f"{request.base_url}/devicelogin"
    content: dict[str, object] = {
        "user_code": code.user_code,
        "device_code": code.device_code,
        "verification_uri": verification_uri,
        "expires_in": state.settings.expires_in,
        "interval": state.settings.interval,
        "message": _message(state.settings.message, verification_uri, code.user_code),
    }
    return json_response({name: value for name, value in content.items() if value is not None})


def _message(template: str | None, verification_uri: str, user_code: str) -> str:
    # str.format would fail on other braces in a test's message.
    text = MESSAGE if template is None else template
    return text.replace("{verification_uri}", verification_uri).replace("{user_code}", user_code)
