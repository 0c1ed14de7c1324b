"""Make and verify tokens: RS256 signatures, the key set, and the claims of ID and access tokens."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast, final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet

from doorcode.emulator.authority.claims import authentication_contexts, handles_challenges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from doorcode.emulator.authority.directory import User
    from doorcode.emulator.authority.scopes import Scopes

CLOCK_SKEW: Final = 300
"""Seconds before its issue from which a token is valid, as at Entra."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The content of a token: the user, the tenant, the application and the scopes.

    Args:
        user: the user who signed in.
        tenant_id: the tenant's GUID.
        tenant_name: the tenant as the client named it.
        client_id: the application.
        scopes: the granted scopes.
        claims: the claims requests of the sign-in and of the token request together.
        met: the claims request of the sign-in alone, which the user has met.
        nonce: the nonce of the sign-in, or None.
    """

    user: User
    tenant_id: str
    tenant_name: str
    client_id: str
    scopes: Scopes
    claims: Mapping[str, object]
    met: Mapping[str, object]
    nonce: str | None = None

    @property
    def adfs(self) -> bool:
        """Tell whether the authority acts as AD FS: its tokens have no tenant, and its replies no ``client_info``."""
        return self.tenant_name == "adfs"


@final
class Signer:
    """Sign tokens with an RSA key, which each signer creates for itself."""

    def __init__(self) -> None:
        self._key = JWKRegistry.generate_key("RSA", 2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)

    def sign(self, claims: Mapping[str, object]) -> str:
        """Return a compact JWS of the claims (RFC 7519)."""
        header = {"typ": "JWT", "alg": "RS256", "kid": self._key.kid}
        return jwt.encode(header, dict(claims), self._key, algorithms=["RS256"])

    def verify(self, token: str) -> Mapping[str, object]:
        """Return the claims of a token that this signer has signed, even if it has expired.

        Raises:
            ValueError: this signer has not signed the text.
        """
        try:
            return cast("Mapping[str, object]", jwt.decode(token, self._key, algorithms=["RS256"]).claims)
        except (JoseError, ValueError) as error:
            message = "the access token is not one of this authority"
            raise ValueError(message) from error

    def key_set(self) -> Mapping[str, object]:
        """Return the public keys (RFC 7517 5)."""
        return cast("Mapping[str, object]", KeySet([self._key]).as_dict(private=False))


def id_token_claims(grant: Grant, base_url: str, now: int, lifetime: int) -> dict[str, object]:
    """Return the claims of an ID token: version 2.0, or those of AD FS (OIDC Core 2)."""
    user = grant.user
    claims: dict[str, object] = {
        "aud": grant.client_id,
        "iss": f"{base_url}/adfs" if grant.adfs else f"{base_url}/{grant.tenant_id}/v2.0",
        "iat": now,
        "nbf": now - CLOCK_SKEW,
        "exp": now + lifetime,
        "sub": subject(grant),
    }
    if grant.adfs:
        claims |= {"upn": user.username, "unique_name": user.username}
    else:
        claims |= {"oid": user.object_id_in(grant.tenant_id), "tid": grant.tenant_id, "ver": "2.0"}
        claims |= {"preferred_username": user.username, "name": user.name}
    if grant.nonce is not None:
        claims["nonce"] = grant.nonce
    return claims


def access_token_claims(grant: Grant, now: int, lifetime: int, uti: str) -> dict[str, object]:
    """Return the claims of an access token of version 1.0, which Azure's services take.

    Args:
        grant: the content of the token.
        now: the time of issue, in Unix seconds.
        lifetime: the validity, in seconds.
        uti: a unique identifier of the token.
    """
    user = grant.user
    claims: dict[str, object] = {
        "aud": grant.scopes.resource,
        "iss": f"https://sts.windows.net/{grant.tenant_id}/",
        "iat": now,
        "nbf": now - CLOCK_SKEW,
        "exp": now + lifetime,
        "appid": grant.client_id,
        "appidacr": "0",
        "name": user.name,
        "oid": user.object_id_in(grant.tenant_id),
        "scp": " ".join(grant.scopes.permissions),
        "sub": subject(grant),
        "tid": grant.tenant_id,
        "unique_name": user.username,
        "upn": user.username,
        "uti": uti,
        "ver": "1.0",
    }
    if handles_challenges(grant.claims):
        claims["xms_cc"] = ["CP1"]
    if contexts := authentication_contexts(grant.claims):
        claims["acrs"] = list(contexts)
    return claims


def client_info(user: User) -> str:
    """Return ``client_info``: the user's IDs in the home tenant, as base64url of JSON."""
    text = json.dumps({"uid": user.object_id, "utid": user.tenant_id}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def subject(grant: Grant) -> str:
    """Return ``sub``: stable for a user and an application (pairwise, OIDC Core 8)."""
    text = f"{grant.user.object_id}:{grant.client_id}"
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
