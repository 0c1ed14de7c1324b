"""Check the arguments of a credential's calls, and make token requests of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from doorcode._core.checks import check_scopes, check_tenant
from doorcode._core.claims import parse_claims
from doorcode._core.clouds import default_scope
from doorcode._core.model import TokenRequest
from doorcode._core.tenants import resolve_tenant, resumed_elsewhere, same_tenant, tenant_refused
from doorcode._session.memory import is_mapping

if TYPE_CHECKING:
    from doorcode._config import Config


class TokenRequests:
    """Make the token requests of one credential.

    Args:
        config: the credential's options.
    """

    def __init__(self, config: Config) -> None:
        self._config = config

    def checked(
        self,
        scopes: tuple[object, ...],
        method: str,
        claims: str | None,
        tenant_id: str | None,
        enable_cae: bool,  # noqa: FBT001 - azure-core's name and place
        options: Mapping[str, object],
    ) -> TokenRequest:
        """Check a caller's request.

        Raises:
            TypeError: a value of a wrong type.
            ValueError: no scope, or a value that cannot be right.
            ClientAuthenticationError: a tenant that the credential may not ask.
        """
        checked = check_scopes(scopes, method, options.keys())
        parse_claims(claims)
        return TokenRequest(checked, self._tenant(tenant_id), claims or None, bool(enable_cae), dict(options))

    def resumed(self, asked: TokenRequest) -> TokenRequest:
        """Check the request of a sign-in that another process began, as if it began here.

        Raises:
            ValueError: a value that cannot be right, or a tenant to which this credential would not send the request.
            ClientAuthenticationError: a tenant that the credential may not ask.
        """
        if self._allowed(check_tenant(asked.tenant_id)) is None:
            from doorcode.errors import AuthenticationFailedError

            raise AuthenticationFailedError(resumed_elsewhere(asked.tenant_id, self._config.tenant_id))
        request = self.checked(asked.scopes, "resume", asked.claims, asked.tenant_id, asked.enable_cae, {})
        if not same_tenant(request.tenant_id, asked.tenant_id):
            raise ValueError(resumed_elsewhere(asked.tenant_id, request.tenant_id))
        return request

    def of_options(self, method: str, scopes: tuple[object, ...], options: Mapping[str, Any]) -> TokenRequest:
        """Check the request of a call that was given ``claims``, ``tenant_id`` and ``enable_cae`` as options."""
        return self.checked(scopes, method, *split_options(options))

    def default_scopes(self, method: str) -> tuple[str, ...]:
        """Return the scope of the cloud's Resource Manager.

        Raises:
            CredentialUnavailableError: the authority belongs to no cloud that this library knows.
        """
        authority = self._config.authority
        scope = default_scope(authority.host, authority.port)
        if scope is None:
            from doorcode.errors import CredentialUnavailableError

            message = f"{method}() at {authority.netloc} requires a value for 'scopes'."
            raise CredentialUnavailableError(message)
        return (scope,)

    def _tenant(self, asked: str | None) -> str:
        checked = check_tenant(asked) if asked else None
        tenant = self._allowed(checked)
        if tenant is None:
            from doorcode.errors import AuthenticationFailedError

            raise AuthenticationFailedError(tenant_refused(str(checked)))
        return tenant

    def _allowed(self, asked: str | None) -> str | None:
        """Return the tenant that a request is sent to; None if the credential may not ask that one."""
        config = self._config
        single = bool(os.environ.get("AZURE_IDENTITY_DISABLE_MULTITENANTAUTH"))
        return resolve_tenant(config.tenant_id, asked, config.allowed_tenants, single)


def split_options(options: object) -> tuple[str | None, str | None, bool, dict[str, Any]]:
    """Return ``claims``, ``tenant_id`` and ``enable_cae`` out of the options of ``get_token_info``, and the others.

    Args:
        options: a mapping; any empty value stands for no options.

    Raises:
        TypeError: it is no mapping.
    """
    if options and not is_mapping(options):
        message = (
            f"get_token_info takes options as a mapping such as {{'tenant_id': '...'}}, not {type(options).__name__}; "
            "its keys are claims, tenant_id and enable_cae"
        )
        raise TypeError(message)
    rest = dict(cast("Mapping[str, Any]", options or {}))
    claims, tenant_id = rest.pop("claims", None), rest.pop("tenant_id", None)
    return claims, tenant_id, bool(rest.pop("enable_cae", False)), rest
