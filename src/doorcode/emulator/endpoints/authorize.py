"""The authorization endpoint (RFC 6749 4.1.1): the user decides, and the browser brings the application the answer."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from doorcode.emulator import _errors
from doorcode.emulator._errors import EntraError, RefusedError, description
from doorcode.emulator._wire import Request, Response, redirect, with_query
from doorcode.emulator.authority.claims import parse_claims
from doorcode.emulator.authority.scopes import parse_scopes
from doorcode.emulator.authority.tokens import client_info
from doorcode.emulator.endpoints.discovery import require_tenant
from doorcode.emulator.endpoints.interactions import Interaction
from doorcode.emulator.endpoints.questions import Decision, ask_account, proceed, sign_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from doorcode.emulator.authority.directory import Application, User
    from doorcode.emulator.endpoints.context import Context

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
NETLOC: Final = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
"""The origins that the Content-Security-Policy of a page may contain for a redirect URI."""


def ask(context: Context, tenant_name: str, request: Request) -> Response:
    """Show the first page of a sign-in, or redirect the browser with an error at once."""
    state, query = context.state, request.query
    require_tenant(context, tenant_name)
    application = state.application(query.get("client_id"), tenant_name)
    redirect_uri = query.get("redirect_uri", "")
    # RFC 6749 4.1.2.1: the browser MUST NOT be redirected to an invalid redirection URI.
    if not _allowed(application, redirect_uri):
        raise RefusedError(_errors.wrong_redirect_uri(redirect_uri))
    parts = urlsplit(redirect_uri)
    interaction = Interaction(
        action=request.path,
        tenant_name=tenant_name,
        client_id=application.client_id,
        scope=query.get("scope", ""),
        parameters=query,
        form_targets=(f"{parts.scheme}://{parts.netloc}",),
    )
    try:
        _check(query)
    except RefusedError as refused:
        return _send_error(context, request, interaction, refused.error)
    return _first_page(context, request, interaction)


def answer(context: Context, _: str, request: Request) -> Response:
    """Take the account, then the decision, and redirect the browser to the application."""
    interaction = context.state.interactions.take(request.form.get("ticket", ""), request.path)
    if interaction is None:
        return context.pages.message("stale")
    decision = proceed(context, interaction, request.form)
    if isinstance(decision, Response):
        return decision
    if decision is Decision.CANCELLED or interaction.user is None:
        return _send_error(context, request, interaction, _errors.consent_declined())
    return _send_code(context, interaction, interaction.user)


def _first_page(context: Context, request: Request, interaction: Interaction) -> Response:
    approver, prompt = context.state.auto_approver, request.query.get("prompt")
    hint = request.query.get("login_hint")
    if approver is not None:
        user = _approved(context, interaction, approver.username, hint)
        if user is not None:
            return _send_code(context, interaction, user)
        prompt = None if prompt == "select_account" else prompt
    if prompt == "none":
        return _send_error(context, request, interaction, _errors.login_required())
    if hint and prompt != "select_account":
        return sign_in(context, interaction, hint)
    return ask_account(context, interaction)


def _approved(context: Context, interaction: Interaction, username: str | None, hint: str | None) -> User | None:
    """Return the user to sign in without a question: the approver's, the hint's or the first; None to ask."""
    directory = context.state.directory
    if username is None and hint is None:
        return next(iter(directory.candidates(interaction.tenant_name)), None)
    user = directory.user(username or hint or "")
    # A user whom a test named may be unable to sign in here; the application gets that error at the token endpoint.
    is_known = user is not None and (username is not None or directory.realm(interaction.tenant_name, user) is not None)
    return user if is_known else None


def _check(query: Mapping[str, str]) -> None:
    """Refuse invalid requests whose error may be sent to the redirect URI (RFC 6749 4.1.2.1)."""
    response_type = query.get("response_type")
    if response_type is None:
        raise RefusedError(_errors.missing_parameter("response_type"))
    if response_type != "code":
        raise RefusedError(_errors.unsupported_response_type(response_type))
    parse_scopes(query.get("scope"))
    parse_claims(query.get("claims"))
    method = query.get("code_challenge_method", "plain")
    if "code_challenge" in query and method != "S256":
        raise RefusedError(_errors.unsupported_challenge_method(method))


def _allowed(application: Application, redirect_uri: str) -> bool:
    try:
        parts = urlsplit(redirect_uri)
        loopback = parts.scheme == "http" and parts.hostname in LOOPBACK
    except ValueError:
        return False
    if parts.fragment or not NETLOC.fullmatch(parts.netloc) or not (loopback or parts.scheme == "https"):
        return False
    if not application.redirect_uris:
        # Codes of an unregistered application may go to this machine only.
        return parts.hostname in LOOPBACK
    # RFC 8252 7.3: a loopback redirect URI may have any port.
    if loopback:
        return _without_port(redirect_uri) in {_without_port(uri) for uri in application.redirect_uris}
    return redirect_uri in application.redirect_uris


def _without_port(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.hostname}{parts.path.rstrip('/')}"


def _send_code(context: Context, interaction: Interaction, user: User) -> Response:
    state, parameters = context.state, interaction.parameters
    claims = parse_claims(parameters.get("claims"))
    code = state.issue_authorization_code(user, interaction.tenant_name, claims, parameters)
    answer = {"code": code.code, "session_state": str(uuid.uuid4())}
    if parameters.get("client_info") == "1":
        answer["client_info"] = client_info(user)
    return _send(context, replace(interaction, user=user), answer)


def _send_error(context: Context, request: Request, interaction: Interaction, error: EntraError) -> Response:
    correlation_id = request.query.get("client-request-id") or str(uuid.uuid4())
    words = description(error, correlation_id, str(uuid.uuid4()), context.state.clock())
    answer = {"error": error.error, "error_description": words}
    if error.suberror is not None:
        answer["error_subcode"] = error.suberror
    return _send(context, interaction, answer)


def _send(context: Context, interaction: Interaction, answer: Mapping[str, str]) -> Response:
    """Return the answer that takes the browser to the application, in the requested response mode."""
    parameters = interaction.parameters
    redirect_uri = parameters["redirect_uri"]
    state = {"state": parameters["state"]} if "state" in parameters else {}
    fields = {**answer, **state}
    mode = parameters.get("response_mode", "query")
    if mode == "form_post":
        return context.pages.form_post(redirect_uri, fields, interaction.form_targets[0])
    if mode == "fragment":
        return redirect(f"{redirect_uri}#{urlencode(fields)}")
    return redirect(with_query(redirect_uri, fields))
