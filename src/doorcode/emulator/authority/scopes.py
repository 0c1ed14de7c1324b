"""Read ``scope`` (RFC 6749 3.3): its resource, the granted scopes, and the permissions in the token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from doorcode.emulator._errors import RefusedError, invalid_scope, missing_parameter, several_resources

OIDC_SCOPES: Final = ("openid", "profile", "email", "offline_access")
GRAPH: Final = "https://graph.microsoft.com"
"""The resource of scopes without one."""
DEFAULT: Final = ".default"


@dataclass(frozen=True, slots=True)
class Scopes:
    """The scopes of one request.

    Args:
        asked: the scopes for the resource, exactly as the client wrote them.
        oidc: the scopes that OpenID Connect reserves.
    """

    asked: tuple[str, ...]
    oidc: tuple[str, ...]

    @property
    def resource(self) -> str:
        """Return the audience of the access token."""
        return _resource(self.asked[0]) if self.asked else GRAPH

    @property
    def permissions(self) -> tuple[str, ...]:
        """Return ``scp``: the last segments of the scopes, with a consented permission in place of ``.default``."""
        names = (scope.rpartition("/")[2] for scope in self.asked)
        return tuple("user_impersonation" if name == DEFAULT else name for name in names) or self.oidc

    @property
    def granted(self) -> str:
        """Return the reply's ``scope``, with the permission behind ``.default``, and for Graph with OIDC's scopes."""
        words = list(self.asked)
        if self.asked and self.asked[0].endswith(DEFAULT):
            words.insert(0, f"{self.resource}/user_impersonation")
        if self.resource == GRAPH:
            words += [name for name in self.oidc if name != "offline_access"]
        return " ".join(words)


def parse_scopes(text: str | None) -> Scopes:
    """Return the scopes of a request.

    Raises:
        RefusedError: there is no scope, a scope is malformed, ``.default`` has others beside it, or the scopes name two
            resources.
    """
    words = (text or "").split()
    if not words:
        raise RefusedError(missing_parameter("scope"))
    asked = tuple(dict.fromkeys(word for word in words if word not in OIDC_SCOPES))
    if len({_resource(scope) for scope in asked}) > 1:
        raise RefusedError(several_resources(" ".join(asked)))
    if len(asked) > 1 and any(scope.endswith(DEFAULT) for scope in asked):
        raise RefusedError(invalid_scope(" ".join(asked)))
    return Scopes(asked, tuple(name for name in OIDC_SCOPES if name in words))


def _resource(scope: str) -> str:
    resource, slash, permission = scope.rpartition("/")
    if not slash:
        return GRAPH
    if not permission or resource.endswith((":", ":/")):
        raise RefusedError(invalid_scope(scope))
    return resource
