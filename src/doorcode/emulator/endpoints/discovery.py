"""The discovery endpoints: instance discovery, OpenID configuration and keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from doorcode.emulator._errors import RefusedError, malformed_tenant, unknown_instance, unknown_tenant
from doorcode.emulator._wire import Request, Response, json_response
from doorcode.emulator.authority.directory import MULTI_TENANT, Tenant
from doorcode.emulator.authority.scopes import OIDC_SCOPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from doorcode.emulator.endpoints.context import Context

CLOUDS: Final[tuple[tuple[str, ...], ...]] = (
    ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"),
    ("login.partner.microsoftonline.cn", "login.chinacloudapi.cn"),
    ("login.microsoftonline.us", "login.usgovcloudapi.net"),
    ("login-us.microsoftonline.com",),
)
"""The hosts of each cloud in instance discovery, with the preferred one first."""
TENANT_NAME: Final = re.compile(r"[A-Za-z0-9.-]+")


def instance(_: Context, __: str, request: Request) -> Response:
    """Answer instance discovery: the aliases of every cloud, and the address of the authority's configuration.

    Raises:
        RefusedError: the host in ``authorization_endpoint`` is in no cloud and is not the emulator.
    """
    own = urlsplit(request.base_url).netloc
    content: dict[str, object] = {"api-version": request.query.get("api-version", "1.1")}
    asked = request.query.get("authorization_endpoint")
    if asked is not None:
        content = {"tenant_discovery_endpoint": _described_at(asked, own), **content}
    content["metadata"] = [_aliases((own,)), *(_aliases(hosts) for hosts in CLOUDS)]
    return json_response(content)


def openid_configuration(context: Context, tenant_name: str, request: Request) -> Response:
    """Answer OpenID Connect discovery for a tenant (OIDC Discovery 4.2, RFC 8628 4)."""
    issuer_tenant, path_tenant = _tenant(context, tenant_name)
    base = f"{request.base_url}/{path_tenant}"
    return json_response(
        {
            **_capabilities(),
            "issuer": f"{request.base_url}/{issuer_tenant}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "cloud_instance_name": urlsplit(request.base_url).netloc,
            "tenant_region_scope": None,
        }
    )


def adfs_configuration(_: Context, __: str, request: Request) -> Response:
    """Answer OpenID Connect discovery as AD FS does."""
    base = f"{request.base_url}/adfs"
    return json_response(
        {
            **_capabilities(),
            "issuer": base,
            "authorization_endpoint": f"{base}/oauth2/authorize",
            "token_endpoint": f"{base}/oauth2/token",
            "device_authorization_endpoint": f"{base}/oauth2/devicecode",
            "end_session_endpoint": f"{base}/oauth2/logout",
            "jwks_uri": f"{base}/discovery/keys",
            "access_token_issuer": f"{base}/services/trust",
        }
    )


def keys(context: Context, _: str, __: Request) -> Response:
    """Answer with the keys that sign tokens."""
    return json_response(context.signer.key_set())


def find_tenant(context: Context, tenant_name: str) -> Tenant:
    """Return the tenant of a GUID, a domain name or ``consumers``, or refuse the request."""
    if not TENANT_NAME.fullmatch(tenant_name):
        raise RefusedError(malformed_tenant(tenant_name))
    tenant = context.state.directory.tenant(tenant_name)
    if tenant is None:
        raise RefusedError(unknown_tenant(tenant_name))
    return tenant


def require_tenant(context: Context, tenant_name: str) -> None:
    """Refuse a request at a tenant that does not exist."""
    if tenant_name.lower() not in MULTI_TENANT:
        find_tenant(context, tenant_name)


def _described_at(authorization_endpoint: str, own: str) -> str:
    asked = urlsplit(authorization_endpoint)
    # MSAL sends the host without its port.
    host = own if asked.hostname == urlsplit(f"//{own}").hostname else asked.netloc.lower()
    if asked.scheme != "https" or host not in {own, *(host for hosts in CLOUDS for host in hosts)}:
        raise RefusedError(unknown_instance())
    version = "/v2.0" if "/v2.0" in asked.path else ""
    return f"https://{host}/{asked.path.split('/')[1]}{version}/.well-known/openid-configuration"


def _aliases(hosts: tuple[str, ...]) -> Mapping[str, object]:
    preferred_cache = "login.windows.net" if "login.windows.net" in hosts else hosts[0]
    return {"preferred_network": hosts[0], "preferred_cache": preferred_cache, "aliases": list(hosts)}


def _tenant(context: Context, tenant_name: str) -> tuple[str, str]:
    """Return the tenant's name in the issuer and in the paths: the GUID, or Entra's placeholder."""
    name = tenant_name.lower()
    if name in MULTI_TENANT:
        return "{tenantid}", name
    tenant_id = find_tenant(context, tenant_name).tenant_id
    return tenant_id, name if name == "consumers" else tenant_id


def _capabilities() -> Mapping[str, object]:
    return {
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": list(OIDC_SCOPES),
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "oid", "tid"],
    }
