"""Decide what counts as an authority, and which tenant it names."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from doorcode._core.checks import check_tenant
from doorcode._core.tenants import ORGANIZATIONS, same_tenant
from doorcode._core.values import value_class

_DSTS: Final = "dstsv2"
_CIAM: Final = ".ciamlogin.com"
_EDGES: Final = "/ \t\r\n"
"""Characters to remove from the end of an address: users and environment files leave them there."""
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9])?|[0-9a-f.]*:[0-9a-f:.]*")


@value_class(frozen=True, slots=True)
class AuthorityAddress:
    """Where users sign in.

    Attributes:
        host: its host name, in lower case.
        port: its port, where one was written.
        prefix: what stands before the tenant in its paths: "" or "/dstsv2".
        tenant: the tenant in its path, as written; None without one.
    """

    host: str
    port: int | None = None
    prefix: str = ""
    tenant: str | None = None

    @property
    def netloc(self) -> str:
        """The host, an IPv6 address in brackets, with the port where there is one."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port is None else f"{name}:{self.port}"

    @property
    def environment(self) -> str:
        """What MSAL stores as a token's ``environment``: the host without the port."""
        return self.host

    def url(self, tenant: str) -> str:
        """Return the authority URL of one of its tenants, as MSAL takes it."""
        return f"https://{self.netloc}{self.prefix}/{tenant}"


def parse_authority(text: object) -> AuthorityAddress:
    """Read an authority: a host, ``host:port`` or an https URL, with or without a tenant in its path.

    Raises:
        TypeError: it is not a string.
        ValueError: it is none of these forms; the message says what is wrong with it.
    """
    if not isinstance(text, str):
        raise TypeError(f"authority must be a string, not {type(text).__name__}")
    parts = _split(text.strip())
    host = (parts.hostname or "").lower()
    if not _HOST.fullmatch(host):
        raise _wrong(text, "needs the name of a host, as login.microsoftonline.com")
    segments = [segment for segment in parts.path.split("/") if segment]
    prefix = f"/{_DSTS}" if segments and segments[0].lower() == _DSTS else ""
    if prefix:
        del segments[0]
    if len(segments) > 1:
        raise _wrong(text, "may have nothing but a tenant in its path")
    tenant = check_tenant(segments[0], "the tenant in authority") if segments else None
    return AuthorityAddress(host, parts.port, prefix, tenant)


def combine(authority: AuthorityAddress, tenant_id: str | None) -> str:
    """Return the tenant to sign in to: the argument's or the authority's, else the authority's default.

    Raises:
        ValueError: the authority's path names another tenant than the argument.
    """
    if authority.tenant is None:
        return tenant_id or _default_tenant(authority.host)
    if tenant_id and not same_tenant(tenant_id, authority.tenant):
        raise ValueError(
            f"authority names tenant {authority.tenant!r} but tenant_id is {tenant_id!r}: "
            "pass one of them, or the same in both"
        )
    return authority.tenant


def _split(text: str) -> SplitResult:
    rest = _without_scheme(text)
    if not rest:
        raise ValueError("authority is empty: pass a host, as login.microsoftonline.com")
    if not rest.isprintable() or any(c in ' \\"<>^`{|}' for c in rest):
        raise _wrong(text, "holds a character that no URL may have")
    for mark, what in (("@", "a user"), ("?", "a query"), ("#", "a fragment")):
        if mark in rest:
            raise _wrong(text, f"may not have {what} ({mark!r})")
    return _with_port(text, rest)


def _without_scheme(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text.strip(_EDGES)
    if scheme.lower() != "https":
        raise _wrong(text, f"must use https, not {scheme[:20]!r}")
    return rest.strip(_EDGES)


def _with_port(text: str, rest: str) -> SplitResult:
    try:
        parts = urlsplit(f"https://{rest}")
        wrong_port = parts.port == 0 or parts.netloc.endswith(":")
    except ValueError:
        raise _wrong(text, "has a port or an address that cannot be one") from None
    if wrong_port:
        raise _wrong(text, "has a port that cannot be one")
    return parts


def _default_tenant(host: str) -> str:
    # An external tenant's own domain is the only one its host serves.
    return f"{host.removesuffix(_CIAM)}.onmicrosoft.com" if host.endswith(_CIAM) else ORGANIZATIONS


def _wrong(text: str, why: str) -> ValueError:
    # What stands before an "@" may be a password.
    shown = text.rpartition("@")[2][:80]
    return ValueError(f"authority {shown!r} {why}")
