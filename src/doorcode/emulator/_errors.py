"""The authority's errors: one function per error that a client can receive, and the body of the reply.

The numbers are Entra's (learn.microsoft.com, "Microsoft Entra authentication and authorization error codes"); the texts
are this emulator's. An error has no number if Microsoft documents none (``slow_down``, ``authorization_declined``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import final

from doorcode.emulator._wire import Response, json_response


@dataclass(frozen=True, slots=True)
class EntraError:
    """An error of the authority.

    Args:
        error: the OAuth code, such as ``invalid_grant``.
        number: Entra's number, such as 50173; None if there is none.
        words: one or more sentences for the user.
        status: the HTTP status.
        suberror: Entra's more specific code, or None.
        claims: the claims request that a client should pass on (Conditional Access).
    """

    error: str
    number: int | None
    words: str
    status: int = 400
    suberror: str | None = None
    claims: Mapping[str, object] | None = None


@final
class RefusedError(Exception):
    """Refuse a request with an error, which the route turns into the reply."""

    def __init__(self, error: EntraError) -> None:
        super().__init__(error.error)
        self.error = error


def description(error: EntraError, correlation_id: str, trace_id: str, now: float) -> str:
    """Return ``error_description``: the number, the text, and the IDs for Microsoft's support."""
    number = "" if error.number is None else f"AADSTS{error.number}: "
    ids = f"Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp(now)}"
    return f"{number}{error.words} {ids}"


def error_response(error: EntraError, base_url: str, correlation_id: str, trace_id: str, now: float) -> Response:
    """Return the JSON reply for an error (RFC 6749 5.2, with Entra's additions)."""
    content: dict[str, object] = {
        "error": error.error,
        "error_description": description(error, correlation_id, trace_id, now),
        "error_codes": [] if error.number is None else [error.number],
        "timestamp": timestamp(now),
        "trace_id": trace_id,
        "correlation_id": correlation_id,
    }
    if error.number is not None:
        content["error_uri"] = f"{base_url}/error?code={error.number}"
    if error.suberror is not None:
        content["suberror"] = error.suberror
    if error.claims is not None:
        content["claims"] = json.dumps(error.claims)
    return json_response(content, error.status)


def timestamp(now: float) -> str:
    """Return Unix seconds in Entra's format."""
    return datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")


def authorization_pending() -> EntraError:
    """Say that the user has not approved the device code yet (RFC 8628 3.5)."""
    return EntraError("authorization_pending", 70016, "The user has not entered the code and approved it yet.")


def slow_down() -> EntraError:
    """Say that the device polls faster than its interval (RFC 8628 3.5)."""
    return EntraError("slow_down", None, "The device polls too often.")


def authorization_declined() -> EntraError:
    """Say that the user declined."""
    return EntraError("authorization_declined", None, "The authorization request was denied.")


def expired_token() -> EntraError:
    """Say that the device code has expired."""
    return EntraError("expired_token", 70020, "The device_code is not valid: it has expired.")


def bad_verification_code() -> EntraError:
    """Say that no such device code was issued to this client."""
    return EntraError("bad_verification_code", 70018, "The device_code is not one that was issued here.")


def already_redeemed() -> EntraError:
    """Say that a code, or under rotation a refresh token, was used a second time."""
    return EntraError("invalid_grant", 54005, "The grant was already redeemed; ask for a new one.")


def malformed_grant(parameter: str) -> EntraError:
    """Say that a code or refresh token was never issued."""
    return EntraError("invalid_grant", 9002313, f"The request is malformed: {parameter} cannot be read.")


def other_client() -> EntraError:
    """Say that a grant was issued to another application."""
    return EntraError("invalid_grant", 70000, "The grant was issued to another application.", suberror="bad_token")


def grant_expired() -> EntraError:
    """Say that a refresh token has outlived its lifetime."""
    words = "The refresh token has expired due to inactivity."
    return EntraError("invalid_grant", 700082, words, suberror="bad_token")


def code_expired() -> EntraError:
    """Say that an authorization code came too late."""
    return EntraError("invalid_grant", 70008, "The authorization code has expired.")


def grant_revoked() -> EntraError:
    """Say that the user's sign-ins were revoked, by a password change or an administrator."""
    words = "The grant was revoked; the user has to sign in again."
    return EntraError("invalid_grant", 50173, words, suberror="bad_token")


def not_in_tenant(username: str, tenant: str) -> EntraError:
    """Say that the user is neither a member nor a guest of the tenant."""
    return EntraError("invalid_grant", 50020, f"The account '{username}' does not exist in tenant '{tenant}'.")


def wrong_verifier() -> EntraError:
    """Say that the PKCE verifier is missing or does not match the challenge (RFC 7636 4.6)."""
    return EntraError("invalid_grant", 501481, "The code_verifier does not match the code_challenge.")


def wrong_redirect_uri(uri: str) -> EntraError:
    """Say that the redirect URI is not the application's, or not the one that the code was issued for."""
    return EntraError("invalid_request", 50011, f"The redirect URI '{uri}' does not match one of the application's.")


def missing_parameter(name: str) -> EntraError:
    """Say which required parameter is missing."""
    return EntraError("invalid_request", 900144, f"The request must contain the parameter '{name}'.")


def malformed_claims() -> EntraError:
    """Say that the claims parameter is not a JSON object."""
    return EntraError("invalid_request", 9002313, "The request is malformed: claims is not a JSON object.")


def unsupported_grant_type(name: str) -> EntraError:
    """Say that the token endpoint knows no such grant."""
    return EntraError("unsupported_grant_type", 70003, f"The grant type '{name}' is not supported.")


def invalid_scope(scope: str) -> EntraError:
    """Say that a scope is malformed, or that ``.default`` is mixed with others."""
    return EntraError("invalid_scope", 70011, f"The scope '{scope}' is not valid.")


def several_resources(scope: str) -> EntraError:
    """Say that the scopes belong to more than one resource."""
    return EntraError("invalid_scope", 28000, f"The scope '{scope}' names more than one resource.")


def unknown_application(client_id: str, tenant: str) -> EntraError:
    """Say that no application has this client ID."""
    words = f"There is no application with identifier '{client_id}' in the directory '{tenant}'."
    return EntraError("unauthorized_client", 700016, words)


def needs_secret() -> EntraError:
    """Say that the application is not a public client: "Allow public client flows" is off."""
    words = "The request must contain 'client_assertion' or 'client_secret': the application is no public client."
    return EntraError("invalid_client", 7000218, words, status=401)


def unknown_tenant(tenant: str) -> EntraError:
    """Say that no tenant has this ID or domain name."""
    words = f"There is no tenant '{tenant}' in this emulator. Emulator.add_tenant('{tenant}') adds it."
    return EntraError("invalid_tenant", 90002, words)


def malformed_tenant(tenant: str) -> EntraError:
    """Say that the tenant in the path is no GUID, domain name or keyword."""
    words = f"The tenant identifier '{tenant}' is neither a GUID nor a domain name."
    return EntraError("invalid_request", 900023, words)


def unknown_instance() -> EntraError:
    """Say that instance discovery does not know the host."""
    return EntraError("invalid_instance", 50049, "Unknown or invalid instance.")


def consent_declined() -> EntraError:
    """Say that the user cancelled in the browser."""
    return EntraError("access_denied", 65004, "The user declined to consent to the application.", suberror="cancel")


def login_required() -> EntraError:
    """Say that a request had ``prompt=none`` while no user is signed in."""
    return EntraError("login_required", 50058, "A silent sign-in was requested, but no user is signed in.")


def unsupported_response_type(name: str) -> EntraError:
    """Say that the authorization endpoint returns only codes."""
    return EntraError("unsupported_response_type", 70005, f"The response_type '{name}' is not supported.")


def unsupported_challenge_method(name: str) -> EntraError:
    """Say that PKCE is supported with S256 only (RFC 7636 4.2)."""
    return EntraError("invalid_request", 50149, f"The code_challenge_method '{name}' is not supported.")
